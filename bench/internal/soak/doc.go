// Package soak runs clusters of real processes, lets clients work on them while faults happen, and judges what the clients
// saw.
//
// A round is a fresh cluster, a plan of a few faults, and a verdict. It is fresh because chains only shrink: a node that was
// taken out of a chain is not taken back, so after some faults there is little left that could fail. Every fault
// ends, and all nodes run then: so however far the chains have shrunk, every shard has a member with all its data, and
// the ring must come to life again.
//
// One seed makes a round: the cluster's shape, its settings, the faults and what the clients ask for. The same seed gives
// the same plan again, and not the same interleaving: the processes, the disks and the network are real.
//
// What must hold, and makes a round fail where it does not:
//
//  1. The history of all clients is linearizable for each key. A call of unknown outcome may take effect at any time after it
//     began, or never. A check without a verdict is a failure.
//  2. Every write that was acknowledged is in what is read at the end, or a later one is.
//  3. A counter that clients raise by compare-and-swap stands at least at the number of acknowledged raises, and at
//     most at that and those of unknown outcome.
//  4. Once all faults are healed every shard is ACTIVE at all members of its newest configuration within [HealTime], and
//     from then on no call fails, each of which may take [CallTime].
//  5. At the end all nodes answer alike: the members of a shard from what they have, the others by asking those.
//  6. No node ends by itself, save one whose disk was full, and none logs an error.
package soak
