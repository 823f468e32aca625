// Command others measures other stores as ringward-bench measures Ringward: by the same driver, faults and checks.
//
// It is a module of its own, so that nobody needs etcd's client or redis's to build Ringward.
//
// # Compare
//
// The verb compare lets Ringward, etcd and redis do the YCSB workloads A, B, C, D and F on this machine, in turn and each several times, every time with
// a fresh cluster, and reports medians and ratios. Package compare, in bench/internal, documents what is measured and its report.json.
//
//	go build -o .ringward/bin/ ./node/cmd/ringward
//	bench/others/install.sh                         # builds etcd from source into .ringward/bin
//	(cd bench/others && go run . compare --out compare)
//
// Stores whose executable is not there are left out, and the report says so; redis-server is looked for on PATH. Redis runs as one primary with replicas, appendfsync always, and
// each write WAITs for so many replicas that most servers have it. A primary that fails may lose what was acknowledged all the same: it is not
// linearizable, and is marked so. A value lies beside its version in a hash, written by a script, since the histories that are checked have versions.
//
// # Failover
//
// The verb failover starts etcd servers as processes on this machine,
// kills or pauses the leader (target head) or a follower (target tail) while clients write, and reports how long no write was acknowledged, after checking that the
// history is linearizable, nothing acknowledged is missing and all servers answer alike. Timeouts are etcd's election timeout; its heartbeat interval is
// a tenth of that, and at least 10ms. So 1s is etcd's default, and 50ms its most aggressive setting: an election timeout must be five heartbeats.
//
//	bench/others/install.sh                       # builds etcd from source into .ringward/bin
//	(cd bench/others && go run . failover --out ../../.ringward/etcd)
//	ringward-bench failover --against .ringward/etcd/report.json
//
// The last command draws both into one chart.
//
// A paused server (faults pause) is another matter than a killed one: etcd's client goes on to send it every third call, and each waits for its whole --timeout. With
// the default soon all clients wait, and what is measured is them, whatever the servers have elected; a --timeout of 200ms or so lets them ask again.
package main
