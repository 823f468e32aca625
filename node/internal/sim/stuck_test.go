package sim

import (
	"strings"
	"testing"
)

// TestStuckSaysWhoWaitsForWhom harms worlds, right after their faults have ended, in ways that they cannot get
// over, and looks what they say of it long after.
func TestStuckSaysWhoWaitsForWhom(t *testing.T) {
	dies := func(n *node) {
		n.lost = true
		if n.up {
			n.crash()
		}
	}
	for _, c := range []struct {
		name string
		harm func(w *world)
		want []string
	}{
		{"all disks hang", func(w *world) {
			for _, n := range w.nodes {
				n.disk.stalledTo = forEver
			}
		}, []string{"waits for its disk to make durable those above", "is under way since", "an answer of node"}},
		{"all but one are lost", func(w *world) {
			for _, n := range w.nodes[1:] {
				dies(n)
			}
		}, []string{"is lost for good: it has to be replaced in shard", "closes the cycle"}},
		{"all stay down", func(w *world) {
			for _, n := range w.nodes {
				if n.up {
					n.crash()
				}
			}
		}, []string{"is down"}},
		{"nobody hears anybody", func(w *world) {
			for _, a := range w.nodes {
				for _, b := range w.nodes {
					if a != b {
						w.network.part(way{a.id, b.id}.all())
					}
				}
			}
		}, []string{"they are cut off from each other", "waits for its successor to acknowledge the rest", "waits for its predecessor to offer what it inherits"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]bool{}
			for seed := uint64(1); seed <= 20 && len(seen) < len(c.want); seed++ {
				w, err := newWorld(Options{Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				w.after(w.plan.faultsEnd+1, func() { c.harm(w) })
				w.after(w.plan.faultsEnd+250*tick, func() {
					_, words := w.unsettled()
					for _, want := range c.want {
						if strings.Contains(words, want) {
							seen[want] = true
						}
					}
					if testing.Verbose() && seed <= 3 {
						t.Logf("seed %d:\n%s", seed, words)
					}
					w.done = true
				})
				if w.run(); w.failure != nil {
					t.Fatalf("seed %d: %v", seed, w.failure)
				}
			}
			for _, want := range c.want {
				if !seen[want] {
					t.Errorf("nobody says %q", want)
				}
			}
		})
	}
}
