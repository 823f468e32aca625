package node

import (
	"slices"
	"testing"
	"time"

	"github.com/ringward/ringward/node/internal/engine"
)

// doubtAll gives every node evidence that all others have failed. It returns how many of the nodes then suspected all of them.
func (c *nodes) doubtAll() (all int) {
	for _, n := range c.nodes {
		m := n.member.Load()
		ask(n, m, func(h *engine.Host) {
			peers := slices.Clone(h.Peers())
			h.Lost(peers)
			if len(peers) > 0 && slices.Equal(h.Suspected(), peers) {
				all++
			}
		})
	}
	return all
}

// TestAllSuspectAll: all nodes suspect all others at once, again and again, while clients write. Nothing that was acknowledged is lost; and once that
// is over all shards serve again and grow to their strength, without help, within a second where the machine has nothing else to do. The timeouts are
// ones that a busy machine keeps as well: where it does not, suspicions go on and nothing is over.
func TestAllSuspectAll(t *testing.T) {
	for _, suspectAfter := range []time.Duration{100 * time.Millisecond, time.Second} {
		t.Run(suspectAfter.String(), func(t *testing.T) {
			const shards, replicas = 5, 2
			c := newNodesWith(t, func(cfg *Config) {
				cfg.SuspectAfter, cfg.RegrowAfter = suspectAfter, 100*time.Millisecond
			}, memory(5)...)
			c.init(c.genesis("test", shards, replicas))
			c.awaitStrength(shards, replicas)
			w := newWriters(t, c.keyOfEach())
			w.begin(c.open(0))

			storm := time.Now()
			rounds, all := 0, 0
			for ; time.Since(storm) < time.Second; rounds++ {
				all += c.doubtAll()
			}
			if all < len(c.nodes) {
				t.Fatalf("%d times a node suspected all others in %d rounds: that is no storm", all, rounds)
			}

			over := time.Now()
			w.awaitServed()
			served := time.Since(over)
			c.awaitStrength(shards, replicas)
			t.Logf("%d rounds of %d nodes, %d times a node suspected all others; after it all shards served within %v and had their strength within %v; epochs %v",
				rounds, len(c.nodes), all, served.Round(time.Millisecond), time.Since(over).Round(time.Millisecond), c.nodes[0].member.Load().configurations())
			w.end()
			w.check(c.open(1))
		})
	}
}
