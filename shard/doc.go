// Package shard is one replica of one shard: its history, the chain it replicates
// along, the reads it may serve, and the state that the history folds into.
//
// # The one idea
//
// A shard is replicated by a chain of f+1 nodes for f failures. The head orders the commands, each
// entry goes down the chain, and an entry is acknowledged once it is durable on every member. So
// any single member holds everything that was ever acknowledged, and a new chain can be
// built from one survivor. The price is that one silent member stops the chain. It is paid
// by replacing the configuration at once: the shard before this one in the ring decides the
// successor (package sequencer), the survivors promise it (package wedge), and its head inherits their history.
//
// # Rules a reader will meet
//
//   - A replica accepts entries only while ACTIVE in exactly the epoch they carry.
//   - It passes an entry on at once and makes it durable beside that; it acknowledges upstream what
//     is durable on itself and acknowledged by its successor. A write costs the slowest fsync, not their sum.
//   - Commit is what the head has acknowledged. State is applied up to commit only, so
//     nothing applied is ever undone.
//   - Learning of a decided successor is the wedge, however it is learned. The promise is a log record behind
//     everything accepted before; the answer to a wedge waits for it and describes what is durable then.
//   - After a restart a replica may hold less than its successor. It is unsynced until the successor has handed
//     back what it lost, and vouches for nothing before.
//   - A read needs a fence: every other member confirms, after the read arrived, that it is still
//     ACTIVE in the epoch. A successor needs one of them wedged, so no read is served from a superseded
//     configuration, whatever the clocks do.
//   - A chain grows at its tail, by a learner: a replica of no configuration, which promises the tail's epoch, takes in a
//     snapshot where it must, and then all that is committed, with no say in that. What it holds from before is cut by the lineage,
//     not trusted.
//
// # Reading order
//
// types.go and lineage.go name things; entry.go, command.go and record.go say what is on disk and on the wire;
// message.go what replicas tell each other. replica.go holds the state, chain.go replicates, propose.go and read.go
// serve clients, inherit.go goes from one configuration to the next. learn.go and feed.go are the two sides of a learner,
// snapshot.go those of a snapshot; recall.go gets from the log what is no longer in memory. machine.go and session.go are the state
// machine, which runs apart from all that, in the applier.
//
// All code here is pure: no clock, no thread, no I/O.
package shard
