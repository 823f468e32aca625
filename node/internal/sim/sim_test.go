package sim

import (
	"errors"
	"flag"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	oneSeed   = flag.Uint64("sim.seed", 1, "the seed that TestSeed lives through")
	seeds     = flag.Uint64("sim.seeds", 500, "how many seeds TestSeeds lives through")
	firstSeed = flag.Uint64("sim.first", 1, "the first seed of TestSeeds")
)

// TestSeeds lives through many seeds, one at a time on each processor.
func TestSeeds(t *testing.T) {
	var next, failed atomic.Uint64
	var total struct {
		sync.Mutex
		Report
	}
	beyond := 0
	next.Store(*firstSeed)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for failed.Load() < 5 {
				seed := next.Add(1) - 1
				if seed >= *firstSeed+*seeds {
					return
				}
				r, err := Run(Options{Seed: seed})
				if err != nil {
					failed.Add(1)
					t.Error(err)
					continue
				}
				total.Lock()
				if !r.Beyond {
					total.Calm = max(total.Calm, r.Calm)
				}
				total.Steps += r.Steps
				total.Calls += r.Calls
				total.Unknown += r.Unknown
				total.Epochs += r.Epochs
				total.Entries += r.Entries
				total.Crashes += r.Crashes
				total.Lost += r.Lost
				if r.Beyond {
					beyond++
					t.Logf("seed %d: more was lost than the ring can do without", seed)
				}
				total.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("%d steps, %d calls and %d of unknown outcome, %d reconfigurations, %d persistent entries, %d crashes, %d nodes lost, %d rings lost with them; everything else had ended %.1f ticks after the last repair, at most",
		total.Steps, total.Calls, total.Unknown, total.Epochs, total.Entries, total.Crashes, total.Lost, beyond, total.Calm)
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
