package node

import (
	"sync"

	"github.com/ringward/ringward/shard"
)

// That a node is silent is noticed after suspect-after. That its process has ended is known sooner: its kernel closes all
// that the process had, and refuses what comes. The evidence for that is threefold, so that no living node is accused:
//
//   - a stream to it broke, without its word that it stops in good order (a whole cluster may be stopping);
//   - nobody listens at the same address any more;
//   - none of its own streams to this node is open. So nothing that it sent is still on its way, and would
//     pass for a later sign of life.
//
// A reset, by a proxy or a network, does the first alone. Each new attempt at a connection asks again, and a stream that the node
// opens, or a word of it, ends the matter. Where evidence is missing or wrong silence decides, or the next heartbeat.

// streams counts those that are open, by the node they come from.
type streams struct {
	mu   sync.Mutex
	open map[shard.NodeID]int
}

// change adds to the number of streams from a node, and returns it.
func (s *streams) change(from shard.NodeID, by int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[shard.NodeID]int{}
	}
	s.open[from] += by
	left := s.open[from]
	if left == 0 {
		delete(s.open, from)
	}
	return left
}

// Opened and Closed tell of streams from other nodes.
func (n *Node) Opened(from shard.NodeID, _ shard.Traffic) {
	n.metrics.StreamOpened()
	n.incoming.change(from, 1)
	n.peers.Nudge(from)
	if m := n.member.Load(); m != nil {
		m.inbox.add(func(x *news) {
			x.appeared = append(x.appeared, from)
			x.heard = append(x.heard, sign{node: from})
		})
	}
}

func (n *Node) Closed(from shard.NodeID, _ shard.Traffic) {
	n.metrics.StreamClosed()
	if n.incoming.change(from, -1) == 0 && n.peers.Gone(from) {
		n.lost(from)
	}
}

// gone tells that streams to peer broke, and that nobody listens there.
func (n *Node) gone(peer shard.NodeID) {
	if n.incoming.change(peer, 0) == 0 {
		n.lost(peer)
	}
}

// lost passes evidence on, in its order among the signs of life.
func (n *Node) lost(peer shard.NodeID) {
	if m := n.member.Load(); m != nil {
		m.inbox.add(func(x *news) { x.heard = append(x.heard, sign{node: peer, lost: true}) })
	}
}
