package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringward/ringward/bench/history"
)

// options are those of a quick run.
func options(t *testing.T, workload string) Options {
	t.Helper()
	w, err := ParseWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Workload: w, Distribution: w.Distribution, Clients: 8, Records: 200, ValueSize: 32,
		Duration: 50 * time.Millisecond, Seed: 1}
}

func TestRunAllWorkloads(t *testing.T) {
	for _, w := range Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			o := options(t, w.Name)
			o.Warmup = 10 * time.Millisecond
			o.History = history.NewRecorder(true)
			f := newFake()
			r, err := Run(t.Context(), o, []Store{f, f})
			if err != nil {
				t.Fatal(err)
			}
			var sum int64
			for _, op := range r.Operations {
				if share := r.Setting.Mix[op.Type]; share == 0 || op.Count == 0 || len(op.Errors) > 0 {
					t.Errorf("%s: share %v, %d succeeded, errors %v", op.Type, share, op.Count, op.Errors)
				}
				l := op.Latency
				if !slices.IsSorted([]int64{l.P50, l.P90, l.P95, l.P99, l.P999, l.Max}) {
					t.Errorf("%s: percentiles do not rise: %+v", op.Type, *l)
				}
				sum += op.Count
			}
			if len(r.Operations) != len(r.Setting.Mix) || sum != r.Total.Count {
				t.Errorf("%d kinds of %d, %d operations of %d", len(r.Operations), len(r.Setting.Mix), sum, r.Total.Count)
			}
			if r.Load.Records != o.Records || r.Seconds != o.Duration.Seconds() || r.Interrupted || r.Setting.Connections != 2 {
				t.Errorf("report %+v", r)
			}
			if check := o.History.History().Check(time.Minute); !check.OK() || check.Ops < int(sum) {
				t.Errorf("%d operations, history: %v", sum, check)
			}
		})
	}
}

// TestTheSeedDecidesTheOperations runs one client over a fixed number of operations, twice.
func TestTheSeedDecidesTheOperations(t *testing.T) {
	trace := func(seed uint64) []string {
		var calls []string
		f := newFake()
		stop := make(chan struct{})
		f.before = func(_ context.Context, op, key string) error {
			if calls = append(calls, op+" "+key); len(calls) == 500 {
				close(stop)
			}
			return nil
		}
		o := options(t, "f")
		o.Clients, o.Records, o.Seed, o.Stop, o.Duration = 1, 50, seed, stop, time.Minute
		if _, err := Run(t.Context(), o, []Store{f}); err != nil {
			t.Fatal(err)
		}
		return calls[:500]
	}
	if !slices.Equal(trace(1), trace(1)) {
		t.Error("one seed made two different runs")
	}
	if slices.Equal(trace(1), trace(2)) {
		t.Error("two seeds made the same run")
	}
}

func TestFailuresAreCounted(t *testing.T) {
	var n atomic.Int64
	f := newFake()
	f.before = func(_ context.Context, op, _ string) error {
		switch i := n.Add(1); {
		case op != "put" || i <= 200: // the load
			return nil
		case i%2 == 0:
			return &Error{Failure: Unavailable, Err: errors.New("no head")}
		}
		return errors.New("a surprise")
	}
	r, err := Run(t.Context(), options(t, "a"), []Store{f})
	if err != nil {
		t.Fatal(err)
	}
	update := r.Operations[1]
	if update.Type != "update" || update.Count != 0 || update.Latency != nil || update.Errors[Unavailable] == 0 || update.Errors[Other] == 0 {
		t.Errorf("updates: %+v", update)
	}
	if len(r.Operations[0].Errors) != 0 || r.Total.Errors[Unavailable] != update.Errors[Unavailable] {
		t.Errorf("reads %v, total %v", r.Operations[0].Errors, r.Total.Errors)
	}
}

func TestFailedInsertsAreTriedAgain(t *testing.T) {
	var inserts atomic.Int64
	f := newFake()
	f.before = func(_ context.Context, op, key string) error {
		if op == "put" && key >= Key(200) && inserts.Add(1)%3 == 0 {
			return &Error{Failure: OutcomeUnknown}
		}
		return nil
	}
	r, err := Run(t.Context(), options(t, "d"), []Store{f})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Total.Errors[NotFound]; n != 0 {
		t.Errorf("%d reads found nothing", n)
	}
	if r.Operations[1].Errors[OutcomeUnknown] == 0 {
		t.Errorf("inserts: %+v", r.Operations[1])
	}
}

func TestReadModifyWriteRetries(t *testing.T) {
	f := newFake()
	o := options(t, "f")
	o.Records, o.Clients = 1, 16
	// Readers meet before they write, so that all but one must find another version.
	var waiting sync.WaitGroup
	waiting.Add(2)
	var met atomic.Int64
	f.before = func(_ context.Context, op, _ string) error {
		if op == "cas" && met.Add(1) <= 2 {
			waiting.Done()
			waiting.Wait()
		}
		return nil
	}
	r, err := Run(t.Context(), o, []Store{f})
	if err != nil {
		t.Fatal(err)
	}
	if r.Total.Retries == 0 || len(r.Total.Errors) != 0 {
		t.Errorf("%d retries, errors %v", r.Total.Retries, r.Total.Errors)
	}
}

// slow makes every call of f take a millisecond of the test's own time, which passes at once.
func slow(f *fake) {
	before := f.before
	f.before = func(ctx context.Context, op, key string) error {
		<-time.After(time.Millisecond)
		if before != nil {
			return before(ctx, op, key)
		}
		return nil
	}
}

// filled is a store that holds the records of o.
func filled(o *Options) *fake {
	f := newFake()
	for record := range o.Records {
		f.set(Key(record), nil)
	}
	o.SkipLoad = true
	return f
}

func TestLongestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "c")
		o.Clients, o.Duration = 2, 10*time.Second
		f := filled(&o)
		begin := time.Now()
		f.before = func(context.Context, string, string) error {
			// Everything hangs from 3s to 5s, and again from 9s past the end.
			switch d := time.Since(begin); {
			case d > 3*time.Second && d < 5*time.Second:
				<-time.After(5*time.Second - d)
			case d > 9*time.Second:
				<-time.After(10500*time.Millisecond - d)
			}
			return nil
		}
		slow(f)
		r, err := Run(t.Context(), o, []Store{f})
		if err != nil {
			t.Fatal(err)
		}
		g := r.LongestGap
		if g.Seconds != 2 || g.Offset != 3 || !g.Began.Equal(begin.Add(3*time.Second)) {
			t.Errorf("gap %+v, want 2s from 3s on", g)
		}
		if r.Total.Latency.Max < 1_900_000 {
			t.Errorf("max latency %d µs leaves the hang out", r.Total.Latency.Max)
		}
		if late := r.Total.Count - int64(math.Round(r.Total.PerSecond*r.Seconds)); late != int64(o.Clients) {
			t.Errorf("%d operations count and ended after the phase, want %d", late, o.Clients)
		}
	})
}

// parted is a store of two parts: even records and odd ones.
type parted struct{ *fake }

func (parted) Parts() []string { return []string{"even", "odd", "never asked"} }

func (parted) Part(key string) int { return int(key[len(key)-1]) % 2 }

func TestGapsOfParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "gets")
		o.Clients, o.Duration = 2, 10*time.Second
		f := filled(&o)
		begin := time.Now()
		f.before = func(_ context.Context, _, key string) error {
			if d := time.Since(begin); d > 3*time.Second && d < 5*time.Second && (parted{}).Part(key) == 1 {
				return &Error{Failure: Unavailable}
			}
			return nil
		}
		slow(f)
		r, err := Run(t.Context(), o, []Store{parted{f}})
		if err != nil {
			t.Fatal(err)
		}
		if r.LongestGap.Seconds > 0.1 {
			t.Errorf("gap %v of all: even records were served all the time", r.LongestGap)
		}
		if len(r.Parts) != 2 || r.Parts[0].LongestGap.Seconds > 0.1 || r.Parts[1].Name != "odd" ||
			r.Parts[1].LongestGap.Seconds < 2 || r.Parts[1].LongestGap.Seconds > 2.1 {
			t.Errorf("parts %v, want a gap of 2s in odd", r.Parts)
		}
		if sum := r.Parts[0].Tried + r.Parts[1].Tried; sum != r.Total.Count+r.Total.Errors[Unavailable] {
			t.Errorf("%d operations on the parts, %+v in all", sum, r.Total)
		}
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "            in odd 2") {
			t.Errorf("error %v, text:\n%s", err, &text)
		}
	})
}

func TestGapReachesToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "c")
		o.Clients, o.Duration = 2, 10*time.Second
		f := filled(&o)
		begin := time.Now()
		f.before = func(context.Context, string, string) error {
			if time.Since(begin) > 4*time.Second {
				return &Error{Failure: Unavailable}
			}
			return nil
		}
		slow(f)
		r, err := Run(t.Context(), o, []Store{f})
		if err != nil {
			t.Fatal(err)
		}
		if r.LongestGap.Seconds != 6 || r.LongestGap.Offset != 4 {
			t.Errorf("gap %+v, want 6s from 4s on", r.LongestGap)
		}
	})
}

func TestGapsHaveNoHoles(t *testing.T) {
	var g gaps
	for _, step := range []struct {
		now  int64
		want gap
	}{{10, gap{0, 10}}, {10, gap{}}, {8, gap{}}, {30, gap{10, 20}}, {31, gap{30, 1}}} {
		if got := g.success(step.now); got != step.want {
			t.Errorf("success at %d ends %v, want %v", step.now, got, step.want)
		}
	}
}

// TestOpenLoopCountsFromWhenDue stalls the only client for 80ms: what was due meanwhile must have the
// stall in its latency.
func TestOpenLoopCountsFromWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "gets")
		o.Clients, o.Rate, o.Duration = 1, 1000, 100*time.Millisecond
		f := filled(&o)
		var once sync.Once
		f.before = func(context.Context, string, string) error {
			once.Do(func() { <-time.After(79500 * time.Microsecond) })
			return nil
		}
		r, err := Run(t.Context(), o, []Store{f})
		if err != nil {
			t.Fatal(err)
		}
		// 0ms to 79ms were due: one was under way, the others waited.
		if r.Total.Count != 100 || r.OpenLoop.NeverBegun != 0 || r.OpenLoop.MaxBacklog != 78 {
			t.Errorf("%d operations, %+v", r.Total.Count, *r.OpenLoop)
		}
		// Operation i < 80 took 79.5ms - i ms, the others nothing: half of all took 29.5ms or more.
		if l := r.Total.Latency; l.Max < 79_400 || l.P50 < 29_000 || l.P50 > 31_000 {
			t.Errorf("latency %+v leaves the stall out", *l)
		}
		if lag := r.OpenLoop.Lag; lag.Max < 78_000 || lag.Max > 79_000 {
			t.Errorf("lag %+v, want 78.5ms at most", *lag)
		}
	})
}

func TestOpenLoopSaysWhatNeverBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "puts")
		o.Clients, o.Rate, o.Duration = 1, 1000, 50*time.Millisecond
		f := filled(&o)
		f.before = func(context.Context, string, string) error {
			<-time.After(2 * o.Duration)
			return nil
		}
		r, err := Run(t.Context(), o, []Store{f})
		if err != nil {
			t.Fatal(err)
		}
		if r.Total.Count != 1 || r.OpenLoop.NeverBegun != 49 || r.OpenLoop.MaxBacklog != 49 || r.Total.PerSecond != 0 {
			t.Errorf("%d operations, %v in time, %+v", r.Total.Count, r.Total.PerSecond, *r.OpenLoop)
		}
	})
}

func TestOpenLoopKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "a")
		o.Rate, o.Duration = 700, 2*time.Second
		f := filled(&o)
		slow(f)
		r, err := Run(t.Context(), o, []Store{f})
		if err != nil {
			t.Fatal(err)
		}
		if r.Total.Count != 1400 || r.OpenLoop.MaxBacklog > 1 || r.Total.Latency.Max != 1000 {
			t.Errorf("%d operations of up to %d µs, %+v; want 1400 of 1000 µs", r.Total.Count, r.Total.Latency.Max, *r.OpenLoop)
		}
	})
}

func TestStop(t *testing.T) {
	f := newFake()
	stop := make(chan struct{})
	var calls atomic.Int64
	f.before = func(context.Context, string, string) error {
		if calls.Add(1) == 1000 {
			close(stop)
		}
		return nil
	}
	for _, rate := range []float64{0, 100_000} {
		o := options(t, "a")
		o.Rate, o.Stop, o.Duration = rate, stop, time.Hour
		r, err := Run(t.Context(), o, []Store{f})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Interrupted || r.Total.Count == 0 || r.Seconds > 60 {
			t.Errorf("rate %v: interrupted %v after %vs with %d operations", rate, r.Interrupted, r.Seconds, r.Total.Count)
		}
		calls.Store(0)
		stop = make(chan struct{})
	}
}

func TestStopBeforeTheMeasurement(t *testing.T) {
	f := newFake()
	stop := make(chan struct{})
	f.before = func(context.Context, string, string) error { return &Error{Failure: Unavailable} }
	time.AfterFunc(10*time.Millisecond, func() { close(stop) })
	o := options(t, "a")
	o.Stop = stop
	if _, err := Run(t.Context(), o, []Store{f}); !errors.Is(err, ErrStopped) {
		t.Errorf("error %v, want %v", err, ErrStopped)
	}
}

func TestLoadGivesUpWhatCannotWork(t *testing.T) {
	f := newFake()
	f.before = func(context.Context, string, string) error {
		return &Error{Failure: TooLarge, Err: errors.New("limit 5")}
	}
	_, err := Run(t.Context(), options(t, "a"), []Store{f})
	if err == nil || !strings.Contains(err.Error(), "of 32 bytes: too_large: limit 5") {
		t.Errorf("error %v does not say what is too large", err)
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	f := newFake()
	f.before = func(_ context.Context, op, _ string) error {
		if op == "get" {
			panic("in the driver")
		}
		return nil
	}
	o := options(t, "a")
	o.Duration = time.Hour
	_, err := Run(t.Context(), o, []Store{f})
	if err == nil || !strings.Contains(err.Error(), "panicked: in the driver") || !strings.Contains(err.Error(), "run_test.go") {
		t.Errorf("error %v, want the panic and where it was", err)
	}
}

func TestEndingTheContextEndsTheRun(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.before = func(ctx context.Context, op, _ string) error {
		if op == "get" {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	o := options(t, "a")
	o.Duration = time.Hour
	if _, err := Run(ctx, o, []Store{f}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// TestHistoryFindsABrokenStore is the reason for histories: numbers look fine, answers are old.
func TestHistoryFindsABrokenStore(t *testing.T) {
	f := newFake()
	f.stale = true
	o := options(t, "b")
	o.History = history.NewRecorder(true)
	r, err := Run(t.Context(), o, []Store{f})
	if err != nil || len(r.Total.Errors) != 0 {
		t.Fatalf("error %v, errors %v", err, r.Total.Errors)
	}
	if check := o.History.History().Check(time.Minute); check.Verdict != history.Violated {
		t.Errorf("verdict %v of a store that answers with old values", check.Verdict)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Progress
		o := options(t, "a")
		o.Records, o.Clients, o.Warmup, o.Duration = 3000, 2, 1500*time.Millisecond, 2500*time.Millisecond
		o.Progress = func(p Progress) { got = append(got, p) }
		f := newFake()
		slow(f)
		if _, err := Run(t.Context(), o, []Store{f}); err != nil {
			t.Fatal(err)
		}
		var phases []string
		for _, p := range got {
			phases = append(phases, p.Phase)
			if p.Phase != "load" && (p.PerSecond < 1990 || p.PerSecond > 2010 || p.P99.Round(10*time.Microsecond) != time.Millisecond) {
				t.Errorf("progress %v, want 2000 a second in 1ms", p)
			}
		}
		if want := []string{"load", "warmup", "run", "run"}; !slices.Equal(phases, want) {
			t.Errorf("phases %q, want %q", phases, want)
		}
		if s := got[0].String(); !strings.Contains(s, "of 3000 records") {
			t.Errorf("progress of the load: %q", s)
		}
		if s := got[3].String(); !strings.Contains(s, "2s of 2.5s") || !strings.Contains(s, "p99 1ms  0 errors") {
			t.Errorf("progress of the run: %q", s)
		}
	})
}

func TestOptionsValid(t *testing.T) {
	tests := []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Clients = 0 }, "clients 0: want 1 to 4096"},
		{func(o *Options) { o.Clients = 5000 }, "clients 5000"},
		{func(o *Options) { o.Records = 0 }, "records 0"},
		{func(o *Options) { o.Records = MaxRecords + 1 }, "want 1 to 1000000000"},
		{func(o *Options) { o.ValueSize = -1 }, "value-size -1"},
		{func(o *Options) { o.ValueSize = 15; o.History = history.NewRecorder(true) }, "at least 16 bytes"},
		{func(o *Options) { o.Warmup = -1 }, "warmup -1ns"},
		{func(o *Options) { o.Duration = 0 }, "duration 0s"},
		{func(o *Options) { o.Rate = -1 }, "rate -1"},
	}
	for _, test := range tests {
		o := options(t, "a")
		test.change(&o)
		if _, err := Run(t.Context(), o, []Store{newFake()}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
	}
	if _, err := Run(t.Context(), options(t, "a"), nil); err == nil {
		t.Error("no error without a store")
	}
}

// TestNoLatency: a histogram in which nothing is has no latency, rather than one of nothing.
func TestNoLatency(t *testing.T) {
	h := hdrhistogram.New(1, 1000, 3)
	if NewLatency(nil) != nil || NewLatency(h) != nil {
		t.Errorf("nothing has %+v", NewLatency(h))
	}
	if err := h.RecordValue(7); err != nil || NewLatency(h).Max != 7 {
		t.Errorf("error %v, latency %+v", err, NewLatency(h))
	}
}

func TestReportForms(t *testing.T) {
	o := options(t, "f")
	o.Rate = 5000
	r, err := Run(t.Context(), o, []Store{newFake()})
	if err != nil {
		t.Fatal(err)
	}
	r.Command = []string{"ringward-bench", "run"}
	r.Target = Target{Store: "fake", Endpoints: []string{"a:1"}}
	r.Check = &Check{Verdict: "linearizable", History: "h.jsonl"}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"50% read, 50% read-modify-write", "zipfian", "p99.9", "read-modify-write", "errors      none", "longest gap ",
		"open loop   backlog", "driver ", "h.jsonl", "8 over 1 connection, 5000 operations a second"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, &text)
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"schema", "command", "started", "build", "machine", "target", "setting", "load", "measured_from",
		"seconds", "interrupted", "operations", "total", "longest_gap", "open_loop", "driver", "check"} {
		if _, ok := fields[want]; !ok {
			t.Errorf("the documented field %q is missing", want)
		}
	}
}
