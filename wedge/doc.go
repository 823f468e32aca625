// Package wedge is how a configuration ends: who is suspected, who is asked to promise the successor, and
// whose history the successor inherits.
//
// The Detector is a node's opinion of others, from the silence between their messages, and from evidence of a failure that others
// bring. It may be wrong at any time.
// An Asking is a wedge under way: it carries the chain of decided configurations from the last one
// known to have been ACTIVE at all its members, and goes to all members of all of them. A Round adds
// what the head of the new configuration does with the answers: Choose tells whose history holds everything that
// was ever persistent, and the Round fetches what the head lacks of it.
//
// Nobody wedges without a decision. The paper wedges first and decides then; one stall of the network can then
// wedge every shard at once and leave nobody who could decide anything. With the decision first, a wedged shard
// always has a successor that needs no further help from its sequencer.
//
// All code here is pure: no clock, no thread, no I/O. Time is counted in ticks.
package wedge
