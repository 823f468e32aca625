package engine

import "github.com/ringward/ringward/shard"

// Ready is what one hosted replica wants done. The node does it in this order, and
// the arrows say why:
//
//	Write ──► Durable    what a replica acknowledges or promises is only said after
//	                     Durable: the replica keeps such messages back itself.
//	Send                 at once, beside the write: an entry travels on while it is
//	                     made durable here, so a write costs one fsync, the slowest.
//	Work                 in order, after all earlier Work of the replica: entries
//	                     that are persistent, and reads whose fence has closed.
//	Replies              at once: refusals, which wait for nothing.
type Ready struct {
	// Write goes to the log in this order, behind all that was given before.
	// Durable is called with how many of them are fsynced.
	Write []shard.Record
	// Send goes to other nodes, and to other replicas of this one.
	Send []shard.Message
	// Work goes to the applier.
	Work []Work
	// Replies go to callers on this node.
	Replies []shard.Reply
	// Events say what happened, for metrics, logs and checkers.
	Events []Event
}

// Work is one step for the applier: an entry to apply, or a key to read once
// all work before it is done.
type Work struct {
	Entry shard.Entry // nil: read Key
	Key   []byte
	Token shard.Token // who waits for the result; nil: nobody here
}
