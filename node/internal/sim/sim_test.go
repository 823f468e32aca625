package sim

import (
	"errors"
	"flag"
	"os"
	"runtime"
	"strings"
	"testing"
)

var (
	oneSeed   = flag.Uint64("sim.seed", 1, "the seed that TestSeed lives through")
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
}

// TestSeed lives through one seed, and with -v shows all of it.
func TestSeed(t *testing.T) {
	o := Options{Seed: *oneSeed}
	if testing.Verbose() {
		o.Trace = os.Stdout
	}
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *r)
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
