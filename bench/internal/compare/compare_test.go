package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
	"github.com/ringward/ringward/bench/internal/pagetest"
)

// shelf is a store in memory; a forgetful one acknowledges writes that it drops.
type shelf struct {
	forgetful bool
	mu        sync.Mutex
	values    map[string][]byte
	versions  map[string]uint64
	begun     int // of Start and Stop
}

func newShelf(forgetful bool) *shelf { return &shelf{forgetful: forgetful} }

func (s *shelf) start(context.Context) (Cluster, error) {
	s.begun++
	s.values, s.versions = map[string][]byte{}, map[string]uint64{}
	return s, nil
}

func (s *shelf) Version() string { return "shelf 1" }
func (s *shelf) Stop() error     { s.begun--; return nil }
func (s *shelf) Close() error    { return nil }
func (s *shelf) Parts() []string { return []string{"shelf"} }
func (s *shelf) Part(string) int { return 0 }
func (s *shelf) Open(context.Context, time.Duration) ([]bench.Parted, error) {
	return []bench.Parted{s, s}, nil
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions[key] == 0 {
		return nil, 0, &bench.Error{Failure: bench.NotFound}
	}
	return s.values[key], s.versions[key], nil
}

func (s *shelf) Put(_ context.Context, key string, value []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[key]++
	if v := s.versions[key]; !s.forgetful || v == 1 {
		s.values[key] = slices.Clone(value)
	}
	return s.versions[key], nil
}

func (s *shelf) CAS(ctx context.Context, key string, expected uint64, value []byte) (uint64, error) {
	s.mu.Lock()
	found := s.versions[key]
	s.mu.Unlock()
	if found != expected {
		return found, &bench.Error{Failure: bench.Mismatch}
	}
	return s.Put(ctx, key, value)
}

// options let two stores do a little work; told gets the order of the runs.
func options(told *[]string, stores ...Store) Options {
	a, _ := bench.ParseWorkload("a")
	c, _ := bench.ParseWorkload("c")
	return Options{
		Stores: stores, LeftOut: []string{"third: not there"}, Workloads: []bench.Workload{a, c}, Repeats: 2, Patience: time.Second, Check: true, CheckTime: time.Minute,
		Load: bench.Options{Clients: 1, Records: 10, ValueSize: 32, Duration: 10 * time.Millisecond, Seed: 1},
		Tell: func(line string) {
			workload, _, _ := strings.Cut(line, ":")
			*told = append(*told, workload)
		},
	}
}

// TestRun: stores take turns, each time from nothing, and are judged by what they promise.
func TestRun(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // for histories that are kept
	good, bad := newShelf(false), newShelf(true)
	for _, promised := range []bool{true, false} {
		var told []string
		r, err := Run(t.Context(), options(&told, Store{Name: "good", Linearizable: true, Start: good.start}, Store{Name: "bad", Linearizable: promised, Start: bad.start}))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"workload a, run 1, good", "workload a, run 1, bad", "workload a, run 2, good", "workload a, run 2, bad",
			"workload c, run 1, good", "workload c, run 1, bad", "workload c, run 2, good", "workload c, run 2, bad"}
		if !slices.Equal(told, want) || len(r.Runs) != 8 || len(r.Summary) != 4 || good.begun != 0 || bad.begun != 0 {
			t.Errorf("told %q, report %+v", told, r)
		}
		if r.OK == promised || r.Interrupted || r.Stores[1].Version != "shelf 1" {
			t.Errorf("promised %v: report %+v", promised, r)
		}
		if v := []string{r.Verdict(r.Summary[0]), r.Verdict(r.Summary[1]), r.Verdict(r.Summary[3])}; !slices.Equal(v, []string{"linearizable", "violated", "linearizable"}) {
			t.Errorf("verdicts %q", v)
		}
		if remarks := r.Remarks(); len(remarks) != 2 || strings.HasPrefix(remarks[0], "BROKEN: bad, workload a") != promised || !strings.Contains(remarks[0], "kept in /") {
			t.Errorf("remarks %q", remarks)
		}
	}
}

// TestEnds: a run that cannot be carried out ends the measurement, and so does Stop; what was measured before is there.
func TestEnds(t *testing.T) {
	good, starts := newShelf(false), 0
	var told []string
	o := options(&told, Store{Name: "good", Linearizable: true, Start: func(ctx context.Context) (Cluster, error) {
		if starts++; starts == 3 {
			return nil, errors.New("no port")
		}
		return good.start(ctx)
	}})
	r, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "good, workload c: no port") || len(r.Runs) != 2 || !r.OK || r.Interrupted {
		t.Errorf("error %v, report %+v", err, r)
	}
	stop := make(chan struct{})
	o = options(&told, Store{Name: "good", Linearizable: true, Start: good.start})
	o.Stop = stop
	o.Tell = func(string) { close(stop) }
	if r, err = Run(t.Context(), o); err != nil || len(r.Runs) != 1 || !r.Interrupted || !r.OK || good.begun != 0 {
		t.Errorf("stopped: error %v, report %+v", err, r)
	}
	// A start that waits is not waited for.
	o.Stores[0].Start = func(ctx context.Context) (Cluster, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if r, err = Run(t.Context(), o); err != nil || len(r.Runs) != 0 || !r.Interrupted || r.OK {
		t.Errorf("stopped at the start: error %v, report %+v", err, r)
	}
}

func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"stores: want at least one":     func(o *Options) { o.Stores = nil },
		"workloads: want at least one":  func(o *Options) { o.Workloads = nil },
		"workloads a: want it once":     func(o *Options) { o.Workloads[1] = o.Workloads[0] },
		"repeats 0: want 1 to":          func(o *Options) { o.Repeats = 0 },
		"timeout 0s: want more":         func(o *Options) { o.Patience = 0 },
		"check-timeout 0s: want more":   func(o *Options) { o.CheckTime = 0 },
		"clients 0: want 1 to":          func(o *Options) { o.Load.Clients = 0 },
		"value-size 8: want at least":   func(o *Options) { o.Load.ValueSize = 8 },
		"duration 0s: want more than 0": func(o *Options) { o.Load.Duration = 0 },
	} {
		o := options(new([]string), Store{Name: "good"})
		change(&o)
		if _, err := Run(t.Context(), o); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// sample is a report of three runs of each of two stores, one of which was cut short.
func sample() *Report {
	r := &Report{Heading: page.Heading{Command: []string{"the", "command"}}, Repeats: 3, LeftOut: []string{"third: not <there>"}, Stores: []StoreInfo{
		{Name: "ours", Linearizable: true, Promises: "all of it"}, {Name: "theirs", Promises: "some of it"},
	}}
	run := func(store string, repeat int, perSecond float64, p50 int64) Result {
		return Result{Workload: "a", Store: store, Repeat: repeat, Report: &bench.Report{Setting: bench.Setting{Workload: "a", Clients: 64}, Total: bench.Operation{
			Count: 1, PerSecond: perSecond, Latency: &bench.Latency{P50: p50, P99: 10 * p50}, Errors: map[bench.Failure]int64{bench.Unavailable: 1}}}}
	}
	for i, n := range []float64{100, 500, 300} {
		r.Runs = append(r.Runs, run("ours", i+1, n, int64(n)), run("theirs", i+1, 2*n, int64(n)/2))
	}
	r.Runs[5].Report.Interrupted = true
	r.summarize()
	return r
}

func TestSummary(t *testing.T) {
	r := sample()
	if len(r.Summary) != 2 || !r.OK || r.Setting.Clients != 64 || r.Setting.Workload != "" {
		t.Fatalf("report %+v", r)
	}
	ours, theirs := r.Summary[0], r.Summary[1]
	if *ours.PerSecond != (page.Range{Median: 300, Least: 100, Most: 500}) || *ours.P99 != (page.Range{Median: 3000, Least: 1000, Most: 5000}) || ours.Runs != 3 || *ours.Throughput != 1 || ours.Errors[bench.Unavailable] != 3 {
		t.Errorf("ours %+v", ours)
	}
	if *theirs.PerSecond != (page.Range{Median: 600, Least: 200, Most: 1000}) || *theirs.P50 != (page.Range{Median: 150, Least: 50, Most: 250}) || theirs.Runs != 2 || *theirs.Throughput != 0.5 || *theirs.P50Ratio != 2 || *theirs.P99Ratio != 2 {
		t.Errorf("theirs %+v", theirs)
	}
	r.Runs[0].Report.Total.Count = 0
	if r.summarize(); r.OK || len(r.Summary) != 2 || r.Remarks()[0] != "BROKEN: ours, workload a, run 1: no operation succeeded" {
		t.Errorf("no operation succeeded, and the report is %+v", r)
	}
}

// TestReport: what was written is read as the same; page, text and drawings have what there is.
func TestReport(t *testing.T) {
	r := sample()
	pagetest.ReadsAgain(t, r)
	drawings := pagetest.Writes(t, r, []string{"No run failed", "the command", "theirs (not linearizable)", "not &lt;there&gt;", ">a theirs<", "200 to 1\u202f000 in 2 runs"},
		[]string{"a         ours    3     300    100    500   1.00   300µs  1.00   3ms    1.00", "a         theirs  2     600    200    1000  0.50   150µs  2.00", "left out    third: not <there>", "theirs (not linearizable): some of it"})
	if want := []string{"throughput", "latency-the-middle-one", "latency-99-of-100"}; !slices.Equal(drawings, want) {
		t.Errorf("drawings %q", drawings)
	}
	empty := &Report{Stores: r.Stores}
	empty.summarize()
	pagetest.Writes(t, empty, []string{"A run failed"}, nil)
}
