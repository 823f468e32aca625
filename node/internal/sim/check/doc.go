// Package check watches a simulated cluster from outside and says when it breaks its word.
//
// It is a stranger to what it checks: it reads the bytes that nodes write to their logs, the messages they send, the
// contents they build and the answers they give, with decoders and a fold of its own. It shares types with
// package shard, and no logic. It knows what no node knows: what is durable on every disk at one moment. That
// makes the truth of a shard: the history that became persistent, and the configurations it decided.
//
// The sentences it checks, numbered as in the protocol, sections 11.1 to 11.7; liveness, 11.8, is for the
// simulator to see:
//
//  1. Every configuration that a message or a log names was decided: it is in the first configurations, or in the
//     persistent history of the sequencer, and there is one for each shard and epoch. A chain of them begins with one
//     that was ACTIVE at all its members, or each of these was in a later one.
//  2. At any moment, all logs and memories that hold an entry of the same shard, epoch and seqno hold the same entry.
//  3. What was durable at every member of an epoch, while that member was ACTIVE in it, is in the
//     history of every replica that is ACTIVE in a later epoch. So the persistent histories of a shard never fork.
//  4. A replica whose promise for an epoch is durable accepts, acknowledges, commits, activates, fences and reads
//     in no lower one, also after a restart; and it answers a wedge only then, with no more than is durable.
//  5. What a replica commits is persistent, and durable on its own disk; what it acknowledges is durable there. Entries are
//     applied in order and once; the contents are, at every commit, the fold of the history up to there.
//  6. Each write answered with success stands in the persistent history under its identity at the version that was answered; a
//     command that stands there twice took effect once.
//  7. The calls of all clients are linearizable per key; what they were told of versions fits too. A stale read returns what was written.
package check
