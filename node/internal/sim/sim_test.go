package sim

import (
	"errors"
	"flag"
	"runtime"
	"strings"
	"testing"
)

var (
	seeds     = flag.Uint64("sim.seeds", 1000, "how many seeds TestSeeds lives through")
	firstSeed = flag.Uint64("sim.first", 1, "the first seed of TestSeeds")
)

// TestSeeds lives through many seeds.
func TestSeeds(t *testing.T) {
	figures, err := Campaign{First: *firstSeed, Seeds: *seeds, Workers: runtime.GOMAXPROCS(0), Twice: 100}.Run(t.Context())
	var page strings.Builder
	figures.Write(&page)
	t.Logf("\n%s", &page)
	if err != nil {
		t.Fatal(err)
	}
	reached(t, &figures)
}

// TestSameSeedSameTrace repeats seeds: nothing but the seed may decide anything.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		var hashes [2]uint64
		for i := range hashes {
			r, err := Run(Options{Seed: seed})
			var f *Failure
			switch {
			case errors.As(err, &f):
				hashes[i] = uint64(f.Step)
			case err != nil:
				t.Fatal(err)
			default:
				hashes[i] = r.Hash
			}
		}
		if hashes[0] != hashes[1] {
			t.Errorf("seed %d gave two different traces", seed)
		}
	}
}
