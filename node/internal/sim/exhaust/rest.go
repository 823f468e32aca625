package exhaust

import (
	"fmt"

	"github.com/ringward/ringward/shard"
)

// resting reports whether nothing moves by itself: nothing is under way on a connection that holds, everything written is
// durable, and everyone who is concerned knows all decisions.
func (s *state) resting(m *model) bool {
	for i := range s.queues {
		if s.queues[i].age == 0 {
			return false
		}
	}
	chain := m.registers[s.register].chain
	for _, n := range s.nodes[:m.bounds.Nodes] {
		if v := &m.locals.at(n).view; v.records > 0 || int(v.newest) < len(chain) {
			return false
		}
	}
	return true
}

// settles judges a state at rest. As long as nothing was lost, everything decided is ACTIVE and every write is answered without the
// help of time. Else, and for reads, of which a fence may have come too early, it must be so after some time without faults.
func (s *state) settles(m *model) error {
	if m.bounds.Free {
		return nil // a node that was left out for long catches up as a learner first, which is not part of this
	}
	if s.crashes+s.breaks == 0 {
		for _, n := range m.registers[s.register].chain.Newest().Members {
			if v := &m.locals.at(s.nodes[n-1]).view; !v.active {
				return fmt.Errorf("8: nothing moves, and node %s is not ACTIVE in epoch %d", name(n), v.newest)
			}
		}
		for w, st := range s.writes {
			if st == waiting {
				return fmt.Errorf("8: nothing moves, and write %d waits at %s", w+1, name(shard.NodeID(s.at[w]+1)))
			}
		}
	}
	c := newCalm(s, m)
	for range calmRounds {
		if c.settled() {
			return nil
		}
		if err := c.round(); err != nil {
			return fmt.Errorf("when the faults have stopped: %w", err)
		}
	}
	return fmt.Errorf("8: %d rounds of ticks after the faults have stopped, %s", calmRounds, c.missing())
}

// calmRounds bounds the time that a shard may take when the faults have stopped, in ticks.
const calmRounds = 40

// calm is a run without faults: what is sent arrives, in the order of sending, and what is written becomes durable.
type calm struct {
	nodes   []*node
	newest  shard.Configuration
	net     []shard.Message
	pending map[op]bool
}

// newCalm goes on from a state. What is still under way on broken connections is lost.
func newCalm(s *state, m *model) *calm {
	c := &calm{newest: m.registers[s.register].chain.Newest(), pending: map[op]bool{}}
	for _, n := range s.nodes[:m.bounds.Nodes] {
		c.nodes = append(c.nodes, m.build(m.locals.at(n)))
	}
	for w, st := range s.writes {
		if st == waiting {
			c.pending[op{n: w}] = true
		}
	}
	for r, st := range s.reads {
		if st == waiting {
			c.pending[op{read: true, n: r}] = true
		}
	}
	return c
}

// do lets something happen to a node, and takes what comes out of it.
func (c *calm) do(n *node, happen func()) error {
	n.effect = effect{}
	n.guarded(func() {
		happen()
		n.work()
		for len(n.log) > n.synced {
			fresh := len(n.log) - n.synced
			n.synced = len(n.log)
			n.host.Durable(fresh)
			n.work()
		}
	})
	c.net = append(c.net, n.effect.sends...)
	for _, a := range n.effect.answers {
		delete(c.pending, a.op)
	}
	return n.effect.err
}

// round is one tick of everybody, with all that follows from it.
func (c *calm) round() error {
	for _, n := range c.nodes {
		if err := c.do(n, func() { n.host.Tick(false) }); err != nil {
			return err
		}
	}
	for len(c.net) > 0 {
		msg := c.net[0]
		c.net = c.net[1:]
		if msg.To == sequencerNode {
			continue
		}
		n := c.nodes[msg.To-1]
		if err := c.do(n, func() { n.host.Step(msg) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *calm) settled() bool { return c.missing() == "" }

// missing says what is not as it should be.
func (c *calm) missing() string {
	for _, id := range c.newest.Members {
		if v := c.nodes[id-1].view(); !v.active || !v.synced || v.newest != c.newest.Epoch {
			return fmt.Sprintf("node %s is not ACTIVE and synced in epoch %d", name(id), c.newest.Epoch)
		}
	}
	if len(c.pending) > 0 {
		return fmt.Sprintf("%d operations wait", len(c.pending))
	}
	return ""
}
