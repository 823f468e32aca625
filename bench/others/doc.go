// Command others measures other stores as ringward-bench measures Ringward: by the same driver, faults and checks.
//
// It is a module of its own, so that nobody needs their clients to build Ringward.
//
// # Failover
//
// The verb failover starts etcd servers as processes on this machine,
// kills or pauses the leader (target head) or a follower (target tail) while clients write, and reports how long no write was acknowledged, after checking that the
// history is linearizable, nothing acknowledged is missing and all servers answer alike. Timeouts are etcd's election timeout; its heartbeat interval is
// a tenth of that, and at least 10ms. So 1s is etcd's default, and 50ms its most aggressive setting: an election timeout must be five heartbeats.
//
//	bench/others/install.sh                       # builds etcd from source into .ringward/bin
//	(cd bench/others && go run . failover --out etcd)
//	ringward-bench failover --against bench/others/etcd/report.json
//
// The last command draws both into one chart.
//
// A paused server (faults pause) is another matter than a killed one: etcd's client goes on to send it every third call, and each waits for its whole --timeout. With
// the default soon all clients wait, and what is measured is them, whatever the servers have elected; a --timeout of 200ms or so lets them ask again.
package main
