package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ringward/ringward/bench/history"
)

// Options say what to run.
type Options struct {
	Workload     Workload
	Distribution Distribution
	Clients      int
	Records      uint64
	ValueSize    int           // bytes
	Warmup       time.Duration // before anything is measured; 0: none
	Duration     time.Duration // of the measured phase
	Rate         float64       // operations a second of all clients together; 0: closed loop
	Seed         uint64
	SkipLoad     bool // the records are there already

	// History, if set, records every call, those of the load and the warmup too.
	History *history.Recorder
	// Observe, if set, is called at the end of each operation of warmup and run, by its client: it must be quick.
	Observe func(Ending)
	// Begin, if set, is called when the measured phase begins.
	Begin func()
	// Progress, if set, is called once a second.
	Progress func(Progress)
	// Stop ends the run when it is closed: no operation begins any more, and those under way end.
	Stop <-chan struct{}
}

// The limits of Options. Every client has histograms of some 200 KiB for each kind of operation.
const (
	MaxClients   = 4096
	MaxValueSize = 64 << 20
	MaxRate      = 10_000_000
	MaxDuration  = 7 * 24 * time.Hour
)

// Valid reports what is wrong with o, if anything. The texts say what a command line should say too.
func (o *Options) Valid() error {
	switch {
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("clients %d: want 1 to %d", o.Clients, MaxClients)
	case o.Records < 1 || o.Records > MaxRecords:
		return fmt.Errorf("records %d: want 1 to %d", o.Records, MaxRecords)
	case o.ValueSize < 0 || o.ValueSize > MaxValueSize:
		return fmt.Errorf("value-size %d: want 0 to %d bytes", o.ValueSize, MaxValueSize)
	case o.History != nil && o.ValueSize < stampSize:
		return fmt.Errorf("value-size %d: want at least %d bytes where histories are checked, so that no two values are the same", o.ValueSize, stampSize)
	case o.Warmup < 0 || o.Warmup > MaxDuration:
		return fmt.Errorf("warmup %v: want 0s to %v", o.Warmup, MaxDuration)
	case o.Duration <= 0 || o.Duration > MaxDuration:
		return fmt.Errorf("duration %v: want more than 0s, up to %v", o.Duration, MaxDuration)
	case !(o.Rate >= 0 && o.Rate <= MaxRate):
		return fmt.Errorf("rate %v: want 0 (closed loop) to %d operations a second", o.Rate, MaxRate)
	}
	return nil
}

// loadPatience is how long a record may fail to be loaded before the run is given up.
const loadPatience = 30 * time.Second

// loadPause is the pause after a failure to load a record.
const loadPause = 50 * time.Millisecond

// Distinct reports what is asked for twice: it would be counted as one, and take twice as long.
func Distinct[T comparable](what string, all []T) error {
	for i, x := range all {
		if slices.Contains(all[:i], x) {
			return fmt.Errorf("%s %v: want it once", what, x)
		}
	}
	return nil
}

// ErrStopped says that the run was stopped before anything was measured.
var ErrStopped = errors.New("stopped before anything was measured")

// UntilStopped is a context that ends when stop is closed, for the cause ErrStopped. Cancel gives it up.
func UntilStopped(ctx context.Context, stop <-chan struct{}) (_ context.Context, cancel func()) {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-stop:
			end(ErrStopped)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { end(nil) }
}

// Run loads the records, warms up and measures. The clients share the stores evenly. It
// returns when no operation is under way any more. Ending the context ends the operations as well; what was
// measured by then is lost.
func Run(ctx context.Context, o Options, stores []Store) (*Report, error) {
	if err := o.Valid(); err != nil {
		return nil, err
	}
	if len(stores) == 0 || len(stores) > o.Clients {
		return nil, fmt.Errorf("%d connections for %d clients: want 1 to %d", len(stores), o.Clients, o.Clients)
	}
	in := newInserts(o.Records)
	parts, part := []string{""}, func(string) int { return 0 }
	if parted, ok := stores[0].(Parted); ok {
		parts, part = parted.Parts(), parted.Part
	}
	workers := newWorkers(&o, stores, in, part)
	report := newReport(&o, len(stores))

	if !o.SkipLoad {
		begin := time.Now()
		if err := load(ctx, &o, workers); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		report.Load = newLoad(o.Records, time.Since(begin))
	}
	if o.Warmup > 0 {
		if _, err := o.phase(ctx, "warmup", o.Warmup, workers, parts); err != nil {
			return nil, fmt.Errorf("warmup: %w", err)
		}
	}
	if stopped(o.Stop) {
		return nil, ErrStopped
	}
	if o.Begin != nil {
		o.Begin()
	}
	cpu := cpuTime()
	measured, err := o.phase(ctx, "run", o.Duration, workers, parts)
	if err != nil {
		return nil, err
	}
	report.Driver = newDriver(cpuTime().sub(cpu), time.Since(measured.phase.begin))
	report.fill(&o, measured)
	return report, nil
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// load puts every record once, the workers taking turns.
func load(ctx context.Context, o *Options, workers []*worker) error {
	var next, loaded atomic.Uint64
	p := startProgress(o, func() Progress {
		return Progress{Phase: "load", Done: loaded.Load(), Of: o.Records}
	})
	defer p.stop()
	return each(ctx, workers, func(ctx context.Context, w *worker) error {
		for {
			record := next.Add(1) - 1
			if record >= o.Records {
				return nil
			}
			if err := w.loadOne(ctx, o.Stop, record); err != nil {
				return err
			}
			loaded.Add(1)
		}
	})
}

// loadOne puts one record, again if that fails, for a while.
func (w *worker) loadOne(ctx context.Context, stop <-chan struct{}, record uint64) error {
	begin := time.Now()
	for {
		if stopped(stop) {
			return ErrStopped
		}
		_, err := w.store.Put(ctx, Key(record), w.values.next())
		if err == nil {
			return nil
		}
		f := FailureOf(err)
		if f == TooLarge || f == Invalid || ctx.Err() != nil || time.Since(begin) > loadPatience {
			return fmt.Errorf("record %d of %d bytes: %w", record, len(w.values.next()), err)
		}
		t := time.NewTimer(loadPause)
		select {
		case <-t.C:
		case <-stop:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// measurement is what the workers' meters say of one phase.
type measurement struct {
	phase  *phase
	meters []*meter
	gaps   *gaps
	parts  []string
	// partGaps are those of each part.
	partGaps []*gaps
}

// phase lets the workers run for a while. Operations that began in the phase are waited for, and count: to leave
// the last ones out would be to leave the slow ones out.
func (o *Options) phase(ctx context.Context, name string, d time.Duration, workers []*worker, parts []string) (*measurement, error) {
	m := &measurement{phase: newPhase(d, o.Rate, o.Stop), gaps: &gaps{}, parts: parts}
	for range parts {
		m.partGaps = append(m.partGaps, &gaps{})
	}
	for range workers {
		meter := newMeter(m.gaps, m.partGaps)
		if o.Progress != nil {
			meter.recent = newHistogram(progressDigits)
		}
		m.meters = append(m.meters, meter)
	}
	p := startProgress(o, func() Progress { return m.progress(name, d) })
	defer p.stop()
	over := make(chan struct{})
	defer close(over)
	go m.phase.watch(over)
	err := each(ctx, workers, func(ctx context.Context, w *worker) error {
		w.run(ctx, m.phase, m.meters[w.id])
		return context.Cause(ctx)
	})
	return m, err
}
