package failover

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/inspect"
)

// series is one cluster, one timeout and one kind of fault, or none.
type series struct {
	o            *Options
	suspectAfter time.Duration
	fault        Fault

	system   System
	recorder *history.Recorder
	timeline *timeline     // of the clients; from begun on
	begun    chan struct{} // closed when the records are loaded
	ended    chan struct{} // closed when the clients have ended
	counts   []*inspect.Counters
	before   map[string]inspect.Found // what counters held before
}

// run carries out the series and judges it. An error is one that kept it from being carried out; what does not hold is in the
// verdict. When the measurement is stopped, what was measured by then counts.
func (s *series) run(ctx context.Context) (result *Series, err error) {
	result = &Series{Fault: s.fault, SuspectAfter: sinceMS(s.suspectAfter), Errors: map[bench.Failure]int64{}, Rounds: []Round{}}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.system.Stop()) }()
	opened, err := s.system.Open(ctx, s.o.Patience)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, c := range opened {
			_ = c.Close() // all its calls have ended
		}
	}()
	before, err := s.system.Look(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	report, err := s.work(ctx, opened, func() { failed = s.measure(ctx, result) })
	if err != nil || ctx.Err() != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	result.Load, result.Driver = report, &report.Driver
	s.sum(ctx, result, before)
	return result, errors.Join(failed, s.judge(ctx, result))
}

// begin finds the cluster, or starts it.
func (s *series) begin(ctx context.Context) (err error) {
	s.begun, s.ended, s.recorder = make(chan struct{}), make(chan struct{}), history.NewRecorder(s.o.External == nil)
	if s.o.Start != nil {
		s.system, err = s.o.Start(ctx, s.suspectAfter)
		return err
	}
	if e := s.o.External; e != nil {
		s.system = &external{ringward{e.Endpoints}, e}
		// Its counters may stand anywhere.
		s.before, err = inspect.Survey(ctx, e.Endpoints[:1], counterKeys(), s.recorder)
		return err
	}
	s.system, err = Start(ctx, s.o.clusterFor(s.suspectAfter, s.fault))
	return err
}

// work lets the clients work while f runs.
func (s *series) work(ctx context.Context, opened []bench.Parted, f func()) (report *bench.Report, err error) {
	load := s.o.Load
	stop := make(chan struct{})
	load.Duration, load.Warmup, load.Stop, load.History = bench.MaxDuration, 0, stop, s.recorder
	parts := len(opened[0].Parts())
	var first sync.Once
	load.Observe = func(e bench.Ending) {
		first.Do(func() {
			s.timeline = newTimeline(parts)
			close(s.begun)
		})
		s.timeline.note(e)
	}
	go func() {
		defer close(s.ended)
		all := make([]bench.Store, len(opened))
		for i, o := range opened {
			all[i] = o
		}
		report, err = bench.Run(ctx, load, all)
	}()
	select {
	case <-s.begun:
		stopAside := s.aside(ctx, opened)
		f()
		stopAside()
	case <-s.o.Stop:
	case <-s.ended:
	}
	close(stop)
	<-s.ended
	return report, err
}

// unsettledError is that the ring could take no fault for long.
type unsettledError struct{ error }

// measure carries out the rounds, or lets nothing happen. An error is of a fault that could not be inflicted or undone.
func (s *series) measure(ctx context.Context, result *Series) error {
	if s.fault == none {
		if w := s.o.Load.Warmup; w > 0 {
			s.rest(ctx, w)
			s.timeline.restart()
		}
		s.rest(ctx, s.o.Calm)
		return nil
	}
	for n := range s.o.Rounds {
		for _, t := range s.o.Targets {
			r, err := s.round(ctx, s.fault, t, n)
			if unsettled, ok := errors.AsType[unsettledError](err); ok {
				result.Unsettled = unsettled.Error()
				return nil
			}
			if err != nil || r == nil {
				return err
			}
			result.Rounds = append(result.Rounds, *r)
			s.o.Tell(r.String())
		}
	}
	return nil
}

// judge checks what the clients saw, and what the nodes hold and say. What it finds is in the verdict; the evidence is kept.
func (s *series) judge(ctx context.Context, result *Series) error {
	// At rest the ring gathers its strength, unless the machine is so busy that nodes suspect each other all the time. They answer all the same.
	if _, err := s.awaitStrength(ctx, strongTime); err != nil && result.Unsettled == "" {
		result.Unsettled = err.Error()
	}
	held, err := s.system.Survey(ctx, s.recorder.History().Keys(), s.recorder)
	errs := []error{err}
	h := s.recorder.History()
	report := h.Check(s.o.CheckTime)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v := &result.Verdict
	v.History = bench.NewCheck(report)
	if !report.OK() {
		errs = append(errs, fmt.Errorf("history %v", report))
	}
	if held != nil {
		errs = append(errs, inspect.Missing(h, held), inspect.Miscounted(s.counts, s.before, held))
	}
	broken := errors.Join(append(errs, s.system.Complaints())...)
	if v.OK = broken == nil; v.OK {
		return nil
	}
	v.Broken = broken.Error()
	return s.keep(h, v)
}

// keep leaves the history, and the nodes' logs and data where they are this program's, to whoever wants to know what happened.
func (s *series) keep(h *history.History, v *Verdict) (err error) {
	if v.Kept = s.system.Keep(); v.Kept == "" {
		v.History.History, err = h.WriteTemp()
		return err
	}
	v.History.History = filepath.Join(v.Kept, "history.jsonl")
	return h.WriteFile(v.History.History)
}
