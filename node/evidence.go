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

// streams are those from other nodes.
type streams struct {
	mu   sync.Mutex
	from map[shard.NodeID]sender
}

// sender is a node that has opened streams to this one.
type sender struct {
	open int    // how many are
	boot uint64 // of the last one: how often its directory was opened
}

func (s *streams) opened(from shard.NodeID, boot uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == nil {
		s.from = map[shard.NodeID]sender{}
	}
	s.from[from] = sender{open: s.from[from].open + 1, boot: boot}
}

// closed returns how many are left.
func (s *streams) closed(from shard.NodeID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.from[from]
	x.open--
	s.from[from] = x
	return x.open
}

func (s *streams) of(from shard.NodeID) sender {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from[from]
}

// suspicions counts those of this node since its start. The loop alone uses it.
type suspicions struct {
	all, wrong uint64
	boots      map[shard.NodeID]uint64 // of those suspected, as it was when the suspicion began; 0: never heard of
}

// follow takes note of an event. It reports whether a suspicion has turned out to be wrong: the node is heard of again, and is
// still in the same life.
func (s *suspicions) follow(e shard.Event, boot uint64) (wrong bool) {
	switch e.Kind {
	case shard.EventSuspected:
		s.all++
		s.boots[e.Node] = boot
	case shard.EventTrusted:
		if wrong = boot > 0 && s.boots[e.Node] == boot; wrong {
			s.wrong++
		}
		delete(s.boots, e.Node)
	}
	return wrong
}

// Opened and Closed tell of streams from other nodes.
func (n *Node) Opened(from shard.NodeID, _ shard.Traffic, boot uint64) {
	n.metrics.StreamOpened()
	n.incoming.opened(from, boot)
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
	if n.incoming.closed(from) == 0 && n.peers.Gone(from) {
		n.lost(from)
	}
}

// gone tells that streams to peer broke, and that nobody listens there.
func (n *Node) gone(peer shard.NodeID) {
	if n.incoming.of(peer).open == 0 {
		n.lost(peer)
	}
}

// ended reports whether there is evidence that the life of a node with that boot count is over. Gossip takes seconds to notice.
func (n *Node) ended(node shard.NodeID, boot uint64) bool {
	in := n.incoming.of(node)
	return in.open == 0 && boot <= in.boot && n.peers.Gone(node)
}

// lost passes evidence on, in its order among the signs of life.
func (n *Node) lost(peer shard.NodeID) {
	if m := n.member.Load(); m != nil {
		m.inbox.add(func(x *news) { x.heard = append(x.heard, sign{node: peer, lost: true}) })
	}
}
