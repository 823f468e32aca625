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
//   - a connection breaks: what is under way on it arrives before or after what is sent from now on; its sender notices before
//     the next configuration, or never
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
// of them, the chance that any two are mistaken for one is below one in 3000. These reductions hide no violation, and here is why:
//
//   - A decision is made when the first node learns of it: before, nobody can tell. That all members of the one before are
//     ACTIVE, which lets older ones be forgotten, stays true once it is. Nobody learns of an older decision later, but from a message: see learned.
//   - Wedges of whoever is not to gather the history, refusals with a chain, gossip and answers to the sequencer are not kept as messages: all
//     they can do to a node is to let it learn of a decision, which may happen at any moment anyway. See covered.
//   - A message that changes nothing when it is the next to arrive, and never will, arrives at once: see spent. So does nothing a wedge or a fetch of which
//     nobody counts the answer: see unheard.
//   - A wedge or a fetch that changes nothing at its receiver is answered at once, and when no crash is left, the promise of who is not the
//     head becomes durable at once. What follows from a later moment follows from an answer that was given now and stays under way until then: such a
//     node says nothing else meanwhile that could overtake it, and only the answer tells the two moments apart. With a crash to come
//     the promise waits, because it may be lost.
//   - Writes differ in nothing but their names, so they are asked in order; and so are reads.
//   - The numbers of askings begin anew from a round one in each epoch: a number only has to grow. And of a log that is durable counts what it says.
//   - A crash and the start after it are one event: a node that is down for a while differs in nothing from one to which nothing happens
//     for a while and then a crash.
//
// They rest on rules of the core: that a number never comes again, that below the promise everything is refused. Where it can be, the rule is looked at
// before it is used: a message is spent only if the core, given it, did nothing. That they do not hide what is wrong is shown by the mutants,
// all of which were killed without most of the reductions and still are with them.
//
// # How far it goes
//
// Measured on two cores shared with other work; processor time.
//
//	3 nodes, 1 write,  1 read, 1 decision,  0 crashes          6 thousand states,  below 1 s
//	3 nodes, 1 write,  1 read, 1 decision,  1 crash          212 thousand states,  2 s
//	3 nodes, 1 write,  1 read, 2 decisions, 0 crashes        133 thousand states,  2 s
//	3 nodes, 2 writes, 1 read, 2 decisions, 0 crashes        2.6 million  states, 19 s
//	3 nodes, 1 write,  1 read, 2 decisions, 1 crash          4.7 million  states, 42 s
//	3 nodes, 2 writes, 1 read, 2 decisions, 1 crash          140 million  states, 27 min
//	2 nodes, 1 write,  1 read, 2 decisions, 1 crash, free    248 thousand states,  8 s
//
// The last but one is -exhaust.writes=2 -exhaust.reads=1 -exhaust.decisions=2 -exhaust.crashes=1: 140,172,723 states and 978,123,149 steps, with some 80 bytes
// of memory a state.
//
// # That it can fail
//
//	go test -tags mutants ./node/internal/sim/exhaust -run TestMutants -v
//
// kills 26 of the core's deliberate bugs in some 20 seconds, with 14 to 35,000 states each, and prints states, events of the shortest way and violation. Outside of
// the model are those of the sequencer, of sessions and of the contents. Two more are within it and survive: of handshakes by arrival, since the answer
// to a handshake that was overtaken makes a link that its sender does not take; and a wedge sent only to the old and the new configuration, since
// all nodes are members of the first one, so that nobody is left out who could know.
//
// # What is not explored
//
// What a node tells itself arrives at once. What it wants done is done after each input, never after two of them. The applier is never late. Time
// passes in fours of ticks, and no node suspects another by itself: suspicion, proposals and the hold are the simulator's, and so are
// snapshots, sessions, segments of the log, broken disks, and more than one shard. The last read is not asked while there is nothing that
// it could miss. With any successors (Free) liveness is not judged: a node that was left out for long has to catch up as a learner first.
package exhaust
