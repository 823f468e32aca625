package bench

import (
	"fmt"
	"time"
)

// Progress is how a run stands, once a second.
type Progress struct {
	Phase    string        // load, warmup or run
	Done, Of uint64        // load: records
	Elapsed  time.Duration // warmup, run: since the phase began
	Planned  time.Duration // warmup, run

	// Over the last second, in warmup and run.
	PerSecond float64
	P50, P99  time.Duration

	Failures int64 // of the phase so far
	Backlog  int64 // operations that are due and not begun; open loop only
}

func (p Progress) String() string {
	if p.Phase == "load" {
		return fmt.Sprintf("load    %d of %d records", p.Done, p.Of)
	}
	s := fmt.Sprintf("%-6s  %v of %v  %.0f ops/s  p50 %v  p99 %v  %d errors", p.Phase,
		p.Elapsed.Round(time.Second), p.Planned, p.PerSecond, brief(p.P50), brief(p.P99), p.Failures)
	if p.Backlog > 0 {
		s += fmt.Sprintf("  backlog %d", p.Backlog)
	}
	return s
}

// brief leaves the two digits that progressDigits keeps.
func brief(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 100 {
		unit *= 10
	}
	return d.Round(unit)
}

// progress looks at all workers, and lets them begin the next second.
func (m *measurement) progress(name string, planned time.Duration) Progress {
	now := m.phase.now()
	p := Progress{Phase: name, Elapsed: time.Duration(now), Planned: planned, Backlog: m.phase.backlog(now)}
	recent := newHistogram(progressDigits)
	for _, w := range m.meters {
		w.mu.Lock()
		recent.Merge(w.recent)
		w.recent.Reset()
		for i := range w.tallies {
			for _, n := range w.tallies[i].failures {
				p.Failures += n
			}
		}
		w.mu.Unlock()
	}
	p.PerSecond = float64(recent.TotalCount())
	p.P50 = time.Duration(recent.ValueAtQuantile(50)) * time.Microsecond
	p.P99 = time.Duration(recent.ValueAtQuantile(99)) * time.Microsecond
	return p
}

// ticker calls Options.Progress once a second until stopped.
type ticker struct {
	quit chan struct{}
	done chan struct{}
}

func startProgress(o *Options, look func() Progress) *ticker {
	t := &ticker{quit: make(chan struct{}), done: make(chan struct{})}
	if o.Progress == nil {
		close(t.done)
		return t
	}
	go func() {
		defer close(t.done)
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-t.quit:
				return
			case <-second.C:
				o.Progress(look())
			}
		}
	}()
	return t
}

// stop returns when Progress is not called any more.
func (t *ticker) stop() {
	close(t.quit)
	<-t.done
}
