// Package network is what lies between the nodes of a cluster on one machine, in the hands of whoever tests them.
//
// The one idea: each node is given an HTTP proxy of its own for all it dials (the setting http-proxy), and a
// relay before the address at which it gossips (gossip-advertise). The proxy's address tells
// who dials, the request whom, and the relay sees both. So each direction between two nodes is a link of its own:
//
//	n, err := network.New(nodes)
//	… start each with --http-proxy n.Proxy(i) --gossip-advertise n.Gossip(i) …
//	mend := n.Cut(0, 2)   // nothing that node 0 says reaches node 2
//	mend()
//	n.Reset(0, 2)         // their connections break, in both directions
//
// Links are named by the nodes' places in the list that New was given. Clients dial nodes directly, and
// are cut off from none.
//
// # What a cut link does
//
// It loses packets, as a network does: nobody is told. The bytes of a connection wait, and what
// waits in front of a cut link when it is mended arrives then, as TCP would send it again: late, maybe after whoever
// sent it is dead. When more waits than there is room for, the sender has to wait too. A connection can be made only while both
// links are open: until then the attempt hangs. A packet of gossip before a cut link is gone.
package network
