// Package sequencer is how the shards watch over each other. The shards stand in a Ring, and each one
// sequences the one after it: the next shard's configuration Register is part of its own replicated
// state, changed only by commands in its own history. So a decision is as durable and as unique as any
// write, and there is no other authority: no external store, no election, no clock.
//
// The Proposer, at the head of the sequencing shard, turns reports of suspicion into one compare-and-set on the
// register's epoch. The Enforcer, at every replica of the sequencing shard, wedges what the register has superseded until all
// members of the successor are ACTIVE. The Recruiter, at the head again, brings a shard that lost members back to its strength, and moves it
// off nodes that drain or have more to do than others: a node learns first, and takes a member's place in one decision.
//
// Place spreads shards over nodes so that the ring can repair itself: it lives as long as one shard has lost no member,
// because that shard repairs the next, which repairs the next. Spare, Exchange and Excess keep it so, a step at a time. Where every
// shard has lost one for good, an operator rules: recover.go tells what he may decide, and why that makes no two successors of
// one configuration.
//
// All code here is pure: no clock, no thread, no I/O. Time is counted in ticks.
package sequencer
