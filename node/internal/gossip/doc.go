// Package gossip spreads two things among the nodes of a cluster: at which address a node
// is reached, and hints, which are the newest decided configurations of shards. It decides
// nothing and nothing relies on it: a hint that is lost comes with the next exchange, or is learned
// from a replica's refusal, and a wrong idea of who is alive changes nothing, since
// suspicion is made elsewhere.
//
// It is memberlist behind one type. What is known travels in three ways:
//
//	node meta     who a node is and where, with memberlist's own messages (UDP)
//	broadcast     one hint, as soon as it is new, passed on by each node to which it is (UDP)
//	full state    all addresses and all hints, between two nodes at a time: when one
//	              joins, and every few seconds (TCP)
//
// A hint that is too long for a packet, and whatever a packet lost, goes with the full state. A hint is never
// shortened: where a chain begins says that all members were active there, and a
// later beginning would claim too much.
//
// A node is its id. Towards memberlist each boot of a node is a new member, so neither an old address nor
// an old rumour of its death stands in the way of a node that comes back; here the higher boot
// count wins. An address is kept when its node is thought dead.
//
// Nodes that have no cluster yet take part with their addresses. Nodes of another cluster are
// refused, and so is all that they say.
package gossip
