package failover

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

// Kind and Schema are those of a Report.
const (
	Kind   = "failover"
	Schema = 1
)

// Report is all that was measured. The package comment documents its JSON form.
type Report struct {
	page.Heading
	Target bench.Target `json:"target"`
	// Timeout is what the store calls the timeout of which suspect_after_ms tells, as "suspect-after".
	Timeout string    `json:"timeout_setting"`
	Series  []*Series `json:"series"`
	Summary []Row     `json:"summary"`
	// Against are reports of other stores, to be drawn beside this one; they are files of their own.
	Against []*Report `json:"-"`
}

// ReadReport reads a report.json.
func ReadReport(name string) (*Report, error) {
	r := new(Report)
	return r, page.Read(name, Kind, Schema, r)
}

// Series is one cluster with one timeout, to which one kind of fault happened, or none.
type Series struct {
	Fault        Fault   `json:"fault"` // none: nothing happened
	SuspectAfter float64 `json:"suspect_after_ms"`
	Seconds      float64 `json:"seconds"`
	// PerSecond is operations that succeeded, over all that time: compare those of series without a fault.
	PerSecond        float64                 `json:"per_second"`
	Reconfigurations int                     `json:"reconfigurations"`
	Suspicions       int                     `json:"suspicions"`
	FalseSuspicions  int                     `json:"false_suspicions"`
	Errors           map[bench.Failure]int64 `json:"errors"`
	// Calm are the latencies of operations that ended while there was no fault, Faulty of the others, in microseconds.
	Calm   *bench.Latency `json:"latency_calm_us,omitempty"`
	Faulty *bench.Latency `json:"latency_faulty_us,omitempty"`
	// Quantiles are the same in full, for drawing: of each share of operations the latency.
	CalmQuantiles   []Quantile `json:"quantiles_calm,omitempty"`
	FaultyQuantiles []Quantile `json:"quantiles_faulty,omitempty"`
	// Baseline is the longest gap of a shard in a window as long as a round's in which nothing happened.
	Baseline *page.Spread `json:"baseline_gap_ms,omitempty"`
	// Throughput is successes in each 100 ms.
	Throughput []uint32 `json:"throughput"`
	Rounds     []Round  `json:"rounds"`
	// Unsettled says why rounds were left out, or that the ring had not its full strength at the end; empty: neither. It touches no promise.
	Unsettled string        `json:"unsettled,omitempty"`
	Driver    *bench.Driver `json:"driver,omitempty"`
	Verdict   Verdict       `json:"verdict"`
	Load      *bench.Report `json:"-"`
}

// Quantile is a point of a distribution.
type Quantile struct {
	Share float64 `json:"share"` // 0 to 1
	US    int64   `json:"us"`
}

// Verdict is whether what was promised was kept.
type Verdict struct {
	OK      bool         `json:"ok"`
	History *bench.Check `json:"history"`          // linearizable; undecided is not
	Broken  string       `json:"broken,omitempty"` // all that did not hold
	Kept    string       `json:"kept,omitempty"`   // directory with the nodes' logs and data
}

// Row sums up the rounds of one timeout, fault and target. Spreads are in milliseconds, over rounds.
type Row struct {
	SuspectAfter float64      `json:"suspect_after_ms"`
	Fault        Fault        `json:"fault"`
	Target       Target       `json:"target"` // empty: all of them
	Rounds       int          `json:"rounds"`
	Silent       int          `json:"silent"` // rounds at whose end some affected shard had not acknowledged a write again
	Missed       int          `json:"missed"` // rounds whose node was a member of no shard any more when the fault came
	First        *page.Spread `json:"first_ms,omitempty"`
	Last         *page.Spread `json:"last_ms,omitempty"` // the pause: until all affected shards served again
	Gap          *page.Spread `json:"gap_ms,omitempty"`
	// The parts of the pause of that shard which served last, where nodes tell of it. Medians of parts need not add up to the median.
	Detection  *page.Spread `json:"detection_ms,omitempty"`
	Decision   *page.Spread `json:"decision_ms,omitempty"`
	Wedge      *page.Spread `json:"wedge_ms,omitempty"`
	Activation *page.Spread `json:"activation_ms,omitempty"`
	Resume     *page.Spread `json:"resume_ms,omitempty"`

	Reconfigurations int                     `json:"reconfigurations"`
	FalseSuspicions  int                     `json:"false_suspicions"`
	Errors           map[bench.Failure]int64 `json:"errors"`
}

// slowest is the affected shard that served last.
func (r *Round) slowest() *Affected {
	return &r.Affected[slices.IndexFunc(r.Affected, func(a Affected) bool { return a.Again == r.Last || *a.Again == *r.Last })]
}

// newRow sums up rounds; of any target where it is empty.
func newRow(s *Series, target Target) Row {
	row := Row{SuspectAfter: s.SuspectAfter, Fault: s.Fault, Target: target, Errors: map[bench.Failure]int64{}}
	var first, last, gap, detection, decision, wedge, activation, resume []float64
	for _, r := range s.Rounds {
		if target != "" && r.Target != target {
			continue
		}
		row.Rounds++
		row.Reconfigurations += r.Reconfigurations
		row.FalseSuspicions += r.FalseSuspicions
		for f, n := range r.Errors {
			row.Errors[f] += n
		}
		if len(r.Affected) == 0 {
			row.Missed++
			continue
		}
		gap = append(gap, r.Gap)
		if r.First != nil {
			first = append(first, *r.First)
		}
		if r.Last == nil {
			row.Silent++
			continue
		}
		last = append(last, *r.Last)
		if p := r.slowest().Split; p != nil {
			detection, decision, wedge = append(detection, p.Detection), append(decision, p.Decision), append(wedge, p.Wedge)
			activation, resume = append(activation, p.Activation), append(resume, p.Resume)
		}
	}
	row.First, row.Last, row.Gap = page.NewSpread(first), page.NewSpread(last), page.NewSpread(gap)
	row.Detection, row.Decision, row.Wedge = page.NewSpread(detection), page.NewSpread(decision), page.NewSpread(wedge)
	row.Activation, row.Resume = page.NewSpread(activation), page.NewSpread(resume)
	return row
}

// summarize fills in what follows from the series.
func (r *Report) summarize() {
	r.OK = len(r.Series) > 0
	for _, s := range r.Series {
		r.OK = r.OK && s.Verdict.OK
		if s.Load != nil {
			r.Build, r.Machine, r.Setting = s.Load.Build, s.Load.Machine, s.Load.Setting
		}
		for _, t := range Targets() {
			if row := newRow(s, t); row.Rounds > 0 {
				r.Summary = append(r.Summary, row)
			}
		}
		if row := newRow(s, ""); row.Rounds > 0 {
			r.Summary = append(r.Summary, row)
		}
	}
	order := Faults()
	slices.SortStableFunc(r.Summary, func(a, b Row) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Fault), slices.Index(order, b.Fault)), cmp.Compare(a.SuspectAfter, b.SuspectAfter))
	})
}

// drawnShares are those of which quantiles are kept.
var drawnShares = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1}

// timelineStep is how many buckets of a series' throughput are one in the report.
const timelineStep = 10

// sum fills in what the clients and the nodes say of the series as a whole.
func (s *series) sum(ctx context.Context, r *Series, before State) {
	t := s.timeline
	if t == nil { // stopped before the records were loaded
		return
	}
	end := t.now()
	r.Seconds = (end - t.from).Seconds()
	r.Errors = t.failures()
	var all uint32
	fine := t.throughput(t.from, end)
	for i := 0; i+timelineStep <= len(fine); i += timelineStep {
		var n uint32
		for _, b := range fine[i : i+timelineStep] {
			n += b
		}
		r.Throughput = append(r.Throughput, n)
		all += n
	}
	r.PerSecond = float64(all) / r.Seconds
	r.Calm, r.Faulty = bench.NewLatency(t.latency[calm]), bench.NewLatency(t.latency[faulty])
	quantiles := func(kind int) (all []Quantile) {
		for _, share := range drawnShares {
			all = append(all, Quantile{share, t.latency[kind].ValueAtQuantile(100 * share)})
		}
		return all
	}
	if r.Calm != nil {
		r.CalmQuantiles = quantiles(calm)
	}
	if r.Faulty != nil {
		r.FaultyQuantiles = quantiles(faulty)
	}
	if s.fault == none {
		r.Baseline = t.baseline(window(s.suspectAfter), end)
	}
	if after, err := s.system.Look(ctx); err == nil {
		r.Reconfigurations = after.Changes() - before.Changes()
		// Those of nodes that were killed are in the rounds.
		r.Suspicions, r.FalseSuspicions = after.Suspicions(before)
	}
	if s.fault == Kill {
		r.Suspicions, r.FalseSuspicions = 0, 0
		for _, round := range r.Rounds {
			r.Suspicions += round.Suspicions
			r.FalseSuspicions += round.FalseSuspicions
		}
	}
}

// baseline is what a round would measure where nothing happens.
func (t *timeline) baseline(window, end time.Duration) *page.Spread {
	var gaps []float64
	for from := t.from; from+window <= end; from += window {
		longest := time.Duration(0)
		for shard := range t.acks {
			gap, _, _ := t.gap(shard, from, from+window)
			longest = max(longest, gap)
		}
		gaps = append(gaps, sinceMS(longest))
	}
	return page.NewSpread(gaps)
}
