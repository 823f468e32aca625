// Package node is one Ringward process: it gives the pure core of package engine a clock, a disk and a
// network, and is the only owner of goroutines.
//
// Every node runs the same few:
//
//	loop       steps the protocol of all replicas here; the one place where time enters  (loop.go)
//	persister  writes the history log, one fsync for all that has gathered               (persist.go)
//	trimmer    keeps the log bounded, and what of it a restart has to replay             (persist.go)
//	preparer   writes files ahead of the log, where its fsyncs are cheap                 (persist.go)
//	applier    folds what is persistent into the contents, and answers                   (apply.go)
//	flusher    makes snapshots durable that were taken in                                (flush.go)
//	exporter   reads snapshots for other nodes                                           (export.go)
//	watchdog   stops the node where its disk does not answer                             (disk.go)
//	recaller   reads the history log for them                                            (recall.go)
//	adopter    makes a new node part of the cluster that it joins, and ends then         (adopt.go)
//	streams    per peer and client, in package rpc
//
// A write takes this way: a stream of package rpc hands the request to the proxy (proxy.go), which puts
// it into the loop's inbox, or forwards it to the node that leads the shard. The loop steps the
// engine, and hands out what the engine wants: records to the persister, entries to the successor's stream. When
// all members have it durable, the entry goes to the applier, which answers the client's stream.
//
// A node that sees its disk fail or hang, or an invariant of the protocol broken, stops at once
// and says why: nothing it would say after that could be relied on.
//
// A test lets the power of a whole cluster in one process fail 20 times at random moments, on disks that forget what was not synced. More often, and
// otherwise:
//
//	go test ./node -run 'TestPowerLoss$' -v -power.losses 100 -power.seed 1
package node
