package exhaust

import "github.com/ringward/ringward/shard"

// route leads from one node to another for one kind of traffic; nodes count from 0 here.
type route uint8

func newRoute(from, to int, t shard.Traffic) route { return route((from*maxNodes+to)*4 + int(t)) }

func (r route) from() int              { return int(r) / 4 / maxNodes }
func (r route) to() int                { return int(r) / 4 % maxNodes }
func (r route) traffic() shard.Traffic { return shard.Traffic(r % 4) }

func routeOf(m *shard.Message) route {
	return newRoute(int(m.From)-1, int(m.To)-1, m.Kind.Traffic())
}

// queue is what is under way on one connection, in order. A route has the present connection, age 0, and those that broke
// before: what was under way then still arrives, in its own order, but before or after what is sent since.
type queue struct {
	route    route
	age      uint8
	messages []uint32
}

// covered reports whether a message needs no place among those under way, because whatever it can do happens without it
// as well: what goes to the sequencer, for which the register stands; and what only tells of a decision, since a node may
// learn of any decision at any moment. The latter are refusals with a chain, and wedges of whoever is not to gather the
// history: nothing waits for the answers to those.
func covered(m *shard.Message) bool {
	switch m.Kind {
	case shard.MsgWedge:
		return m.To == sequencerNode || m.Chain.Newest().Head() != m.From
	case shard.MsgRefuse:
		return len(m.Chain) > 0
	}
	return m.To == sequencerNode
}
