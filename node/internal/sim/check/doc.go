// Package check watches a simulated cluster from outside and says when it breaks its word.
//
// It is a stranger to what it checks: it reads the records that nodes give to their logs, the messages they send, the
// contents they build and the answers they give, with decoders and a fold of its own. It shares types with
// package shard, and no logic. It knows what no node knows: what is durable on every disk at one moment. That
// makes the truth of a shard: the history that became persistent, and the configurations it decided.
//
// The sentences it checks, after every step. The first seven are numbered as in the protocol, section 11:
//
//  1. Every configuration that a message, a log, a replica's memory, gossip or an answer to a client names was decided: it
//     is among the first configurations, or in the persistent history of the sequencer, and there is one for each shard and
//     epoch. A chain of them begins with one that was ACTIVE at all its members, or each of these was in a later one.
//  2. At any moment, all memories that hold an entry of the same shard, epoch and seqno hold the same entry, and so does a
//     message that is sent then. What a log is given is what the memory holds, in the same order; an activation
//     agrees with its lineage, and so does what a learner keeps of its own. A replica that says it is synced has all that those behind it have. What a replica accepts
//     and does not number itself came over the connection that holds, and no handshake is answered that is older than one
//     answered before: an entry of an old connection would come to stand where another does.
//  3. What was durable at every member of an epoch, while that member was ACTIVE in it, is in the
//     history of every replica that is ACTIVE in a later epoch. So the persistent histories of a shard never fork.
//  4. A replica whose promise for an epoch is durable accepts, acknowledges, commits, activates, fences and reads
//     in no lower one, also after a restart. It answers a wedge only then, with what is durable: no more and no less. It is
//     ACTIVE only where that is durable. A learner follows only in an epoch that it has promised durably.
//  5. On every replica applied <= commit <= what is persistent, commit <= what is durable there, and neither falls while its node
//     lives. What a replica acknowledges is durable there and at every member behind it. Entries are applied in order
//     and once; the contents are, at every commit, the fold of the history up to there. A learner takes nothing that is not
//     persistent. Who gives up a history for a snapshot does so before it touches the contents, and begins the new one only where
//     they are the fold of it.
//  6. Each write answered with success stands in the persistent history under its name at the version that was answered. A
//     client's write takes effect at most once, under whichever of its names, and never where the client was told that
//     it did not happen. At the end all that clients were told of is on every member.
//  7. A linearizable read shows all that any client had been shown, by an answer to a write or a read, before it came to the
//     replica that serves it; and none is served in an epoch when a later one was ACTIVE before it came. It finds what
//     the history makes of the key, as a stale one does. A head confirms no fence with a commit below what clients were
//     shown. The calls of all clients are linearizable per key.
//  8. When the faults have stopped, every shard becomes ACTIVE and every call ends, and every shard that can be is brought back
//     to its strength: this is for the simulator to see.
//  9. No queue of a replica is longer than its bound: bytes in flight (Options.InFlightBytes, or one request, and the ring's
//     own commands), bytes held (Options.InFlightBytes), reads (Options.WaitingReads), fences to confirm (one for each other
//     member), wedges to answer (two for each node), callers and traces (entries that are not committed).
package check
