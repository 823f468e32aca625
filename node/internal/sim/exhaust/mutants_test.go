//go:build mutants

package exhaust

import (
	"testing"

	"github.com/ringward/ringward/shard/mutant"
)

// TestMutants shows that the search can fail: each deliberate bug, within bounds that are about as small as can be. What the
// list leaves out lies outside of the model, or shows in none of the states within its bounds; the package doc says which.
func TestMutants(t *testing.T) {
	shrink := Bounds{Nodes: 2, Writes: 1, Reads: 1, Decisions: 1}
	crash := Bounds{Nodes: 2, Writes: 1, Reads: 1, Decisions: 1, Crashes: 1}
	free := Bounds{Nodes: 2, Writes: 2, Decisions: 2, Free: true}
	t.Logf("%-28s %9s %7s %6s  %s", "mutant", "states", "events", "s", "violation")
	for _, tc := range []struct {
		name   string
		bounds Bounds
	}{
		{"ack-before-fsync", shrink},
		{"ack-before-successor", shrink},
		{"apply-before-commit", shrink},
		{"old-connection-counts", crash},
		{"numbers-restart", Bounds{Nodes: 2, Writes: 1, Reads: 2, Decisions: 1, Crashes: 1}},
		{"number-before-synced", Bounds{Nodes: 2, Writes: 2, Crashes: 1}},
		{"unsynced-welcomes", Bounds{Nodes: 3, Writes: 2, Crashes: 2}},
		{"commit-below-recovered", crash},
		{"wedge-answered-early", shrink},
		{"promise-forgotten", crash},
		{"pending-answers-active", Bounds{Nodes: 3, Decisions: 2}},
		{"wedged-drains", shrink},
		{"wedged-again", shrink},
		{"longest-history", free},
		{"walk-back-stops-at-pending", Bounds{Nodes: 2, Writes: 1, Decisions: 3, Free: true}},
		{"no-walk-back", free},
		{"cut-at-length", free},
		{"activation-before-data", shrink},
		{"active-before-durable", shrink},
		{"activated-again", Bounds{Nodes: 2, Writes: 1, Decisions: 1, Rewrites: 1}},
		{"fence-before-base", Bounds{Nodes: 3, Writes: 1, Reads: 1, Decisions: 1}},
		{"read-without-fence", shrink},
		{"read-joins-fence", Bounds{Nodes: 2, Writes: 1, Reads: 2, Decisions: 1}},
		{"unsynced-vouches", crash},
		{"any-fence-answer", Bounds{Nodes: 2, Writes: 1, Reads: 2, Decisions: 1, Ticks: 1}},
		{"fence-head-only", shrink},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := mutant.Named(tc.name)
			if err != nil {
				t.Fatal(err)
			}
			mutant.Set(m)
			defer mutant.Set(mutant.None)
			r, err := Run(tc.bounds, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Violation == nil {
				t.Fatalf("survives: %v\nagain: %s=%s %s", r, mutant.Environment, tc.name, command(tc.bounds))
			}
			t.Logf("%-28s %9d %7d %6.1f  %v", tc.name, r.States, len(r.Trace)-1, r.Took.Seconds(), r.Violation)
		})
	}
}
