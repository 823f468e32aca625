// Package engine composes what one node knows of the protocol: for every replica it hosts the chain
// (package shard), the wedge round (package wedge) and the sequencing of the next shard (package
// sequencer), and the one failure detector they share.
//
// A Host is pure state. What happens to a node is a call of a method: a message came, a tick passed,
// records became durable, a client asks, the applier is done. What the node must do
// about it is in the next Ready. So the same code runs behind real disks and
// networks in package node, and in the simulator, where every schedule has a seed.
//
// One message through it: Host.Step finds the replica it is for, and the sequencing replica where the message
// concerns the register; engine.step hands it to the part that waits for it; engine.follow draws the conclusion when a new
// configuration was learned; Host.Ready collects what all parts want done.
package engine
