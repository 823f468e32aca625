package soak

import (
	"slices"
	"testing"

	"github.com/ringward/ringward/bench/internal/faults"
)

func TestASeedMakesOneRound(t *testing.T) {
	a, b := NewRound(7, faults.Kinds()), NewRound(7, faults.Kinds())
	if a.String() != b.String() || !slices.Equal(a.Plan, b.Plan) {
		t.Errorf("one seed makes %v and %v", &a, &b)
	}
	shapes := map[string]bool{}
	for seed := range uint64(200) {
		r := NewRound(seed, faults.Kinds())
		shapes[r.String()] = true
		if r.Plan.Has(faults.DiskFull) && !r.SmallLog {
			t.Errorf("seed %d fills a disk that has room in its log", seed)
		}
	}
	if len(shapes) < 50 {
		t.Errorf("%d different rounds in 200 seeds", len(shapes))
	}
}
