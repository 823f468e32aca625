// Package sim lives through whole lives of a cluster, each from one seed.
//
// A run takes the production core, one engine.Host per node, the production codec of log records, the production state
// machine and the wire's validation, and simulates what lies around them: time, network, disk, clients and all
// that goes wrong with them. It is one goroutine and one queue of events, and all chance comes from
// the seed, so the same seed gives the same trace, and what went wrong once can be looked at again.
//
// Package check watches from outside, after every step; its doc lists what must hold. One thing more must hold at
// the end (protocol 11.8): when the faults stop, every shard becomes ACTIVE at all members of its newest
// configuration and every call ends, within plan.calmWithin. In half of the runs all nodes are up and connected by
// then. In the other half some are lost for good, as many as section 10 lets the ring do without.
//
// The rooms: plan.go (what the seed decides first), world.go (the queue, the end), node.go (a process), disk.go and
// contents.go, network.go, swarm.go (which kinds of faults there are), faults.go, clients.go and call.go, trace.go, run.go (what a
// caller sees), campaign.go and figures.go (many seeds), minimize.go and skip.go (fewer faults), rare.go and its like (which rare states
// were reached).
package sim
