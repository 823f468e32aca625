// Package exhaust visits every state that a few nodes can come into, by every interleaving of what may happen to them, until
// there is no new one: within its bounds it is a proof, where the simulator's seeds are samples.
//
//	go test ./node/internal/sim/exhaust -run TestExhaustive -v -timeout 30m -exhaust.writes=2 -exhaust.decisions=2
//
// # What is explored
//
// The nodes of one shard, each an engine.Host: the production core with its replica, wedge round and choice of a
// history. The shard that sequences them is abstract: a register that decides any successors, at most as many as the bounds say,
// each either told with all that was decided since the last one known to be ACTIVE everywhere, or, where that one is ACTIVE everywhere,
// with it alone. From the first configuration at rest, the next thing to happen is any of these:
//
//   - the first message on one of the connections arrives; there is one for each pair of nodes, direction and kind of traffic
//   - a node learns of a decision, of the newest or of one before, as from a wedge of the sequencer, from gossip or a refusal
//   - the first record that a node wrote, or all of them, become durable
//   - a client's write comes to a head, or a read to any ACTIVE replica
//   - a node crashes and starts again: of its records that were not durable any first part survives, and its contents were flushed or
//     not; what was sent to it is lost; what it had sent arrives before or after what it sends from now on
//   - a connection breaks: what is under way on it arrives before or after what is sent from now on; the sender notices, or never does
//   - time passes for a node, enough for everything unanswered to be repeated
//
// A message that is lost for good needs no event of its own: it is one that stays under way for ever.
//
// # What is checked
//
// In every state, with a fold of its own over the logs: sections 11.1 to 11.7 of the protocol, one configuration for each epoch; one entry for each
// epoch and position; persistence, that is, what was durable at every member while it was ACTIVE is in every history that is ACTIVE later; promises, against
// everything a node says, writes, applies or reads; applied is committed, durable and never taken back; what was acknowledged
// stays; a read sees every write that was acknowledged, or seen by another read, before it was asked. In every state at rest, 11.8: as long as nothing was
// lost, all that was decided is ACTIVE and every write is answered without the help of time; else, after some ticks without faults.
// That no replica stops for a broken invariant, and no panic, goes without saying.
//
// # How it stays small
//
// A node does nothing by itself, so all states of one node, and all steps between them, are few; they are worked out once and numbered
// (model), and a state of the whole is a few numbers (state). A node's state is never copied: it is made again by doing once more what led
// to it. What it holds is spelled out by reflection, and named by 128 bits; states of the whole are told apart by 64 bits: with 10^8
// of them, the chance that any two are mistaken for one is below one in 3000. These reductions are sound, that is, hide no violation:
//
//   - A decision is made when the first node learns of it. Before, nobody can tell. That all members of the one before are
//     ACTIVE, which lets older ones be forgotten, stays true once it is.
//   - Wedges of whoever is not to gather the history, refusals with a chain, gossip and answers to the sequencer are not kept as messages: all
//     they can do to a node is to let it learn of a decision, which may happen at any moment anyway. See covered.
//   - A message that changes nothing when it is the next to arrive, and never will, arrives at once. See spent.
//   - Writes differ in nothing but their names, so they are asked in order; and so are reads.
//   - The numbers of askings begin anew from a round one in each epoch: a number only has to grow.
//   - A crash and the start after it are one event: a node that is down for a while differs in nothing from one to which nothing happens
//     for a while and then a crash.
//
// # What is not explored
//
// What a node tells itself arrives at once. What it wants done is done after each input, never after two of them. The applier is never late. Time
// passes in fours of ticks, and no node suspects another by itself: suspicion, proposals and the hold are the simulator's, and so are
// snapshots, sessions, segments of the log and their rewriting, broken disks, and more than one shard.
package exhaust
