// Package sim lives through whole lives of a cluster, each from one seed.
//
// A run takes the production core, one engine.Host per node, the production codec of log records, the production state
// machine and the wire's validation, and simulates what lies around them: time, network, disk, clients and all
// that goes wrong with them. It is one goroutine and one queue of events, and all chance comes from
// the seed, so the same seed gives the same trace, and what went wrong once can be looked at again.
//
// Package check watches from outside, after every step; its doc lists what must hold. One thing more must hold at
// the end (protocol 11.8): when the faults stop, every shard becomes ACTIVE at all members of its newest
// configuration and every call ends, within 400 ticks (plan.calmWithin) of the last repair. A run that does not end says who
// waits for whom, until the chain of waits ends or closes. Where chains grow, and nodes have the patience not to drop each
// other without end, each shard must soon after have as many members as it began with, as far as placement lets it,
// and none that drains (plan.fullWithin). In half of the runs all nodes are up and connected by then. In the other half some are lost for good, as many as section 10 lets the ring do without.
//
// # Faults
//
// A seed first draws which families of faults it knows, then how often each comes (swarm.go); the first line of its trace
// names them. Rates are per thousand ticks; a tick stands for 50 ms.
//
//	crash, crash-all         a node, or all at once; back soon, late, or when the faults end
//	crash-loop               a node again and again, while it recovers or is PENDING
//	crash-point              before or after a write, between two sends, between an fsync and the word of it
//	crash-at-turn            around the fsync of a promise or an activation
//	pause                    1 ms to minutes; timers fire late
//	slow-node                whatever a node does takes longer
//	clock-rate, clock-jump   ticks of another length at each node; bursts of ticks, or none for a while
//	partition                some nodes from the others: both ways, or one
//	one-way, one-link        one direction between two nodes, or both
//	cut-sequencer            a member from those who sequence it, and from nobody else
//	leave-behind             a member that does not hear that it was replaced, and clients that insist on it
//	clog                     a link, or one kind of its traffic, holds all back and lets it go, in turns
//	slow-way                 one direction between two nodes takes longer: links overtake each other
//	reset                    a connection breaks; of what was under way a first part arrives, perhaps late
//	replay                   what broken connections carried comes again, beside the new ones' traffic
//	stall-disk               fsyncs take long, or do not end
//	slow-disk                every fsync takes twenty times as long
//	disk-error               a write, an fsync or a read fails once: the node stops, and never does it again
//	torn                     the power fails in the middle of an append, a new segment, a flush or a start
//	disk-full                the node stops; it comes up again when there is space
//	bit-flip                 a bit changes in a directory that nobody has open
//	wipe                     a directory is empty: what starts there is a new node, and the old one never returns
//	false-report             a member of a shard is accused, once or again and again
//	accuse-all               all accuse all, of every shard, often more than once
//	deaf                     a node, or all, hear no heartbeats: they suspect by themselves, and hold requests
//	evidence                 connections tell some of a crash, without a silence: soon, or late, when the node is up again
//	two-proposers            a sequencer's head and its successor both sequence, from different reports
//	amnesia                  the first of a chain pass entries on, and forget them in a crash
//	divergence               histories of different lengths, and two reconfigurations in a row
//	hand-over                a node leaves its chains, and stops some time later, whether or not it has left them all
//	drain                    a node wants to hold nothing, for a while or to the end
//	lose                     at the end nodes go for good: dead, with a hung disk, or cut off
//	ruin                     so many of them that no shard is whole; an operator rules, and restarts nodes while he does (operator.go)
//
// The families named at-… wait for a moment at which faults tell most, and then do one of many things to the replica it is
// about, or to those around it (aim.go): a head that became ACTIVE (at-activated), a wedge answered (at-wedged), a replica named
// in a new configuration (at-pending), one back from a restart that does not know what it lost (at-unsynced), the owner of a
// history that is fetched (at-fetched), a decision proposed or applied (at-proposed, at-decided), an acknowledgement (at-acked), a
// write answered to its client (at-answered), entries handed back (at-hand-back), a fence confirmed (at-fenced).
//
// Not simulated: messages changed on the way (the transport's checksums answer for them), nodes that lie, two processes on one
// data directory or an old image of one (package store says what a node does about them), damage to what was synced last
// before a crash (it looks like a torn write; here the node counts as lost), a node of which the cluster did not know from the beginning, memory that runs out.
//
// The rooms: plan.go (what the seed decides first), world.go (the queue, the end), stuck.go (who waits for whom), node.go (a process),
// disk.go and what it drives, model.go and contents.go or production.go on package crashfs, diskfaults.go, transfer.go (snapshots), network.go, swarm.go (which kinds of faults there are), faults.go, clocks.go, partitions.go, suspicion.go, leaving.go, aim.go, plots.go, operator.go,
// clients.go, client.go and call.go, trace.go, run.go (what a caller sees), campaign.go and figures.go (many seeds), repair.go (an experiment of another kind: how repairs go in rings of any size), minimize.go and skip.go
// (fewer faults), rare.go and its like (which rare states were reached).
package sim
