package engine

import "github.com/ringward/ringward/shard"

// Ready is what the replicas of one node want done. The node does it in this order, and
// the arrows say why:
//
//	Write ──► Durable    What a replica acknowledges or promises is only said after
//	                     Durable: the replica keeps such messages back itself.
//	Send                 At once, beside the write: an entry travels on while it is
//	                     made durable here, so a write costs one fsync, the slowest.
//	Work                 In order, per shard after all earlier Work: entries that
//	                     are persistent, and reads whose fence has closed.
//	Replies              At once: refusals, which wait for nothing.
type Ready struct {
	// Write goes to the log in this order, behind all that was given before.
	// Host.Durable is called with how many of them are fsynced.
	Write []shard.Record
	// Send goes to other nodes, and, where To is this node, back to Host.Step.
	Send []shard.Message
	// Work goes to the applier. Where it is a part of a snapshot, Host.Filled is called when that is done.
	Work []shard.Work
	// Exports are parts of snapshots to read, beside the applier, for Host.Exported. A new snapshot is begun at
	// whatever position the contents hold.
	Exports []shard.Export
	// Recalls are entries to read from the log, beside the writing, for Host.Recalled. All of them are durable.
	Recalls []shard.Recall
	// Replies go to callers on this node.
	Replies []shard.Reply
	// Events say what happened, for metrics, logs and checkers.
	Events []shard.Event
	// Learned are chains of decided configurations that were news to this node: hints to spread.
	Learned []shard.Chain
}

// emptied is empty, and has the room of r.
func (r Ready) emptied() Ready {
	return Ready{
		Write: shard.Emptied(r.Write), Send: shard.Emptied(r.Send), Work: shard.Emptied(r.Work), Exports: shard.Emptied(r.Exports),
		Recalls: shard.Emptied(r.Recalls), Replies: shard.Emptied(r.Replies), Events: shard.Emptied(r.Events), Learned: shard.Emptied(r.Learned),
	}
}

// Empty reports whether nothing is wanted.
func (r *Ready) Empty() bool {
	return len(r.Write)+len(r.Send)+len(r.Work)+len(r.Exports)+len(r.Recalls)+len(r.Replies)+len(r.Events)+len(r.Learned) == 0
}
