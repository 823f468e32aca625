package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Campaign is many seeds, one after the other on each worker.
type Campaign struct {
	First    uint64
	Seeds    uint64        // 0: as many as there is time for
	Duration time.Duration // after which no seed is begun any more; 0: without an end
	Workers  int
	// Twice is every how many seeds one is lived through twice, to see that nothing but the seed decides anything; 0: never.
	Twice uint64
	// Options of each run, but for its seed.
	Options Options
	// Progress is called now and then, by one goroutine at a time; nil: nobody looks.
	Progress func(Figures)
	// Every is how often Progress is called.
	Every time.Duration
}

// Figures are what the runs of a campaign did, all together.
type Figures struct {
	Report  // sums
	Seeds   int
	Twice   int // of them, lived through twice
	Beyond  int // of them, with more nodes lost than the ring can do without
	Elapsed time.Duration
	Planned uint64 // 0: as many as there is time for
	// The longest that it took after the last repair until everything had ended, in ticks, and with which seed.
	SlowestCalm float64
	SlowestSeed uint64
}

// FiguresOf are those of one run.
func FiguresOf(seed uint64, r *Report) Figures {
	var f Figures
	f.add(seed, r, false)
	return f
}

// PerSecond is how many seeds were lived through in a second.
func (f *Figures) PerSecond() float64 { return float64(f.Seeds) / max(f.Elapsed.Seconds(), 1e-9) }

// Simulated is how long the clusters lived.
func (f *Figures) Simulated() time.Duration {
	return time.Duration(f.Moments) * (Tick / time.Duration(tick))
}

func (f *Figures) add(seed uint64, r *Report, twice bool) {
	f.Seeds++
	if twice {
		f.Twice++
	}
	f.Report.add(r)
	switch {
	case r.Beyond:
		f.Beyond++
	case r.Calm > f.SlowestCalm:
		f.SlowestCalm, f.SlowestSeed = r.Calm, seed
	}
}

// Run lives through the seeds until all are done, the time is over, ctx ends or one fails. Of several that fail at the same time
// it returns the one with the lowest seed, so that the first failing seed does not depend on the number of workers.
func (c Campaign) Run(ctx context.Context) (Figures, error) {
	var cancel context.CancelFunc
	if c.Duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	r := &running{Campaign: c, begun: time.Now(), next: c.First}
	r.figures.Planned = c.Seeds
	quit, reported := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(reported)
		r.report(quit)
	}()
	var workers sync.WaitGroup
	for range max(c.Workers, 1) {
		workers.Go(func() {
			for ctx.Err() == nil {
				seed, more := r.take()
				if !more {
					return
				}
				r.done(seed, cancel)
			}
		})
	}
	workers.Wait()
	close(quit)
	<-reported
	f := r.now()
	if r.err == nil {
		r.err = f.enough()
	}
	return f, r.err
}

// enoughForRare is how many seeds come to every rare state.
const enoughForRare = 10000

// UnreachedError says that a long campaign went well, and never came to some states: it has not tried what it should.
type UnreachedError struct {
	Seeds  int
	States []Rare
}

func (e *UnreachedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds never came to these states, of which none should stay untried:", e.Seeds)
	for _, s := range e.States {
		fmt.Fprintf(&b, "\n  %v: %s", s, s.What())
	}
	return b.String()
}

// enough is an error where a long campaign never came to some rare state.
func (f *Figures) enough() error {
	if never := f.Unreached(); f.Seeds >= enoughForRare && len(never) > 0 {
		return &UnreachedError{Seeds: f.Seeds, States: never}
	}
	return nil
}

// running is a campaign under way.
type running struct {
	Campaign
	begun time.Time

	mu      sync.Mutex
	next    uint64
	figures Figures
	err     error
	failed  uint64 // the seed of err
}

func (r *running) take() (seed uint64, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Seeds > 0 && r.next-r.First >= r.Seeds {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

// done lives through a seed and counts it in.
func (r *running) done(seed uint64, stop func()) {
	o := r.Options
	o.Seed = seed
	twice := r.Twice > 0 && seed%r.Twice == 0
	report, err := Run(o)
	if twice && err == nil {
		err = again(o, report)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.figures.add(seed, report, twice)
		return
	}
	// Those with higher seeds may have been quicker.
	if r.err == nil || seed < r.failed {
		r.err, r.failed = err, seed
	}
	stop()
}

// again lives through a run once more.
func again(o Options, first *Report) error {
	second, err := Run(o)
	if f := new(Failure); errors.As(err, &f) {
		return fmt.Errorf("seed %d went well, and not when it was lived through again: something beside the seed decides: %w", o.Seed, err)
	} else if err != nil {
		return err
	}
	if second.Hash != first.Hash {
		return fmt.Errorf("seed %d gave two different traces, %016x and %016x: something beside the seed decides", o.Seed, first.Hash, second.Hash)
	}
	return nil
}

func (r *running) now() Figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.figures
	f.Elapsed = time.Since(r.begun)
	return f
}

func (r *running) report(quit chan struct{}) {
	if r.Progress == nil {
		return
	}
	ticker := time.NewTicker(r.Every)
	defer ticker.Stop()
	for {
		select {
		case <-quit:
			return
		case <-ticker.C:
			r.Progress(r.now())
		}
	}
}
