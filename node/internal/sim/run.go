package sim

import (
	"fmt"
	"io"
	"strings"

	"github.com/ringward/ringward/shard"
)

// Options are what a run is told.
type Options struct {
	Seed uint64
	// Trace gets a line for whatever happens; nil: nobody reads along.
	Trace io.Writer
	// Skip names occurrences of faults that do not take place, rising. A run numbers them from 0 as they come.
	Skip []int
}

// Report is what a run that went well did.
type Report struct {
	Hash    uint64 // of the whole trace: the same seed gives the same one
	Steps   int
	Calls   int // of clients, that ended with a known outcome
	Unknown int // of clients, that ended with an unknown one
	Epochs  int // decided, beyond the first of each shard
	Entries int // persistent
	Crashes int
	Lost    int     // nodes that never came back
	Beyond  bool    // the lost nodes were more than the ring can do without, so the end was not judged
	Ticks   float64 // simulated
	Calm    float64 // ticks it took, after the last repair, until everything had ended
	// Occurrences of faults, those that were skipped or not possible included; Faults are those that took place.
	Occurrences int
	Faults      [Families]int
}

// Failure is how a run went wrong.
type Failure struct {
	Seed      uint64
	Invariant int // as numbered in package check; 8: something is stuck; 0: a node stopped, or sent nonsense
	Shard     shard.ID
	Step      int
	Moment    string
	Reason    string
	Recent    []string // the last happenings of the shard
	// Occurrences of faults until then, as Report counts them.
	Occurrences int
}

func (f *Failure) Error() string {
	var b strings.Builder
	what := fmt.Sprintf("invariant %d", f.Invariant)
	if f.Invariant == 0 {
		what = "a node's own check"
	}
	fmt.Fprintf(&b, "seed %d, step %d, at tick %s: %s failed in shard %d: %s\n", f.Seed, f.Step, f.Moment, what, f.Shard, f.Reason)
	fmt.Fprintf(&b, "the last happenings:\n")
	for _, line := range f.Recent {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "replay it: go test ./node/internal/sim -run 'TestSeed$' -v -sim.seed=%d", f.Seed)
	return b.String()
}

// recentLines is how much of the trace a failure shows.
const recentLines = 60

// Run lives through one seed. The error is a *Failure where the cluster broke its word.
func Run(o Options) (*Report, error) {
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	return w.report(o.Seed)
}

// report lives through the world and says what happened.
func (w *world) report(seed uint64) (*Report, error) {
	w.run()
	if f := w.failure; f != nil {
		f.Seed = seed
		f.Recent = w.trace.recent(f.Shard, recentLines)
		f.Occurrences = w.faults.occurrences
		return nil, f
	}
	r := &Report{
		Hash: w.trace.hash, Steps: w.steps, Ticks: w.now.ticks(), Calm: (w.now - w.calmAt).ticks(), Beyond: w.beyond,
		Occurrences: w.faults.occurrences, Faults: w.faults.counts,
	}
	for _, c := range w.genesis.Initial {
		epochs, entries := w.check.Epochs(c.Shard)
		r.Epochs += epochs - 1
		r.Entries += entries
	}
	for _, n := range w.nodes {
		r.Crashes += int(n.boots) - 1
		if n.lost {
			r.Lost++
		}
	}
	r.Calls, r.Unknown = w.clients.counts()
	return r, nil
}
