package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringward/ringward/bench/history"
)

// Schema is the number of the JSON form of a Report. It changes when a field changes its
// meaning or goes; new fields do not change it.
const Schema = 1

// Report is what a run found. The package comment documents its JSON form.
type Report struct {
	Schema  int       `json:"schema"`
	Command []string  `json:"command"`
	Started time.Time `json:"started"` // of the whole run, load included
	Build   Build     `json:"build"`
	Machine Machine   `json:"machine"`
	Target  Target    `json:"target"`
	Setting Setting   `json:"setting"`
	Load    *Load     `json:"load,omitempty"`

	// MeasuredFrom and Seconds are the measured phase: when it began, and how long operations began in it.
	MeasuredFrom time.Time `json:"measured_from"`
	Seconds      float64   `json:"seconds"`
	Interrupted  bool      `json:"interrupted"` // ended before the duration was over

	Operations []Operation `json:"operations"` // one for each kind that occurs
	Total      Operation   `json:"total"`
	LongestGap Gap         `json:"longest_gap"`
	Parts      []Part      `json:"parts,omitempty"` // of a Parted store, those that were asked
	OpenLoop   *OpenLoop   `json:"open_loop,omitempty"`
	Driver     Driver      `json:"driver"`
	Check      *Check      `json:"check,omitempty"`
}

// Target is what was measured.
type Target struct {
	Store     string   `json:"store"`
	Endpoints []string `json:"endpoints"`
	// Cluster is set when the driver started the cluster itself, on the machine it ran on.
	Cluster *Cluster `json:"cluster,omitempty"`
}

// Cluster is one that the driver started itself.
type Cluster struct {
	Ringward     string  `json:"ringward"` // what the executable says of its version
	Nodes        int     `json:"nodes"`
	Shards       int     `json:"shards"`
	Replicas     int     `json:"replicas"`
	SuspectAfter float64 `json:"suspect_after_seconds,omitempty"` // absent: the nodes' default
}

// Setting is what was asked for.
type Setting struct {
	Workload     string             `json:"workload"`
	Mix          map[string]float64 `json:"mix"`
	Distribution Distribution       `json:"distribution"`
	Theta        float64            `json:"theta,omitempty"` // where the distribution has one
	Records      uint64             `json:"records"`
	ValueSize    int                `json:"value_size"`
	Clients      int                `json:"clients"`
	Connections  int                `json:"connections"`
	Rate         float64            `json:"rate,omitempty"` // operations a second; absent: closed loop
	Warmup       float64            `json:"warmup_seconds"`
	Duration     float64            `json:"duration_seconds"`
	Seed         uint64             `json:"seed"`
}

// Load is how the records were loaded.
type Load struct {
	Records   uint64  `json:"records"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
}

// Operation is what became of one kind of operation, or of all.
type Operation struct {
	Type string `json:"type"`
	// Count is the operations that succeeded; PerSecond those of them that also ended in the
	// measured phase, by its length.
	Count     int64             `json:"count"`
	PerSecond float64           `json:"per_second"`
	Latency   *Latency          `json:"latency_us,omitempty"` // absent where none succeeded
	Errors    map[Failure]int64 `json:"errors"`
	Retries   int64             `json:"retries"` // of read-modify-write, after a mismatch
}

// Latency is a distribution of times, in microseconds, exact to three digits.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P95  int64   `json:"p95"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p99_9"`
	Max  int64   `json:"max"`
}

// Gap is the longest interval in which no operation succeeded.
type Gap struct {
	Seconds float64   `json:"seconds"`
	Offset  float64   `json:"offset_seconds"` // from the beginning of the measured phase
	Began   time.Time `json:"began"`
}

// Part is what was seen of one part of the store.
type Part struct {
	Name       string `json:"name"`
	Tried      int64  `json:"tried"` // operations on its keys, failed ones too
	LongestGap Gap    `json:"longest_gap"`
}

// OpenLoop is how well the driver and the store kept up with the rate.
type OpenLoop struct {
	// Lag is how late operations began, counted from when they were due: because all clients were
	// busy, or the driver woke late. It is part of their latency.
	Lag *Latency `json:"lag_us,omitempty"`
	// MaxBacklog is the most operations that were due and not begun at once.
	MaxBacklog int64 `json:"max_backlog"`
	// NeverBegun were due, and not begun when the phase ended. No latency tells of them.
	NeverBegun int64 `json:"never_begun"`
}

// Check is the verdict on the history of all calls.
type Check struct {
	Verdict string  `json:"verdict"` // linearizable, violated or undecided
	Calls   int     `json:"calls"`
	Unknown int     `json:"unknown"` // calls of unknown outcome
	Keys    int     `json:"keys"`
	Seconds float64 `json:"seconds"`
	History string  `json:"history,omitempty"` // file that holds it
}

// NewCheck is the verdict on a history for a report.
func NewCheck(r *history.Report) *Check {
	return &Check{Verdict: string(r.Verdict), Calls: r.Ops, Unknown: r.Unknown, Keys: r.Keys, Seconds: r.Elapsed.Seconds()}
}

func newReport(o *Options, connections int) *Report {
	s := Setting{
		Workload:     o.Workload.Name,
		Mix:          make(map[string]float64),
		Distribution: o.Distribution,
		Records:      o.Records,
		ValueSize:    o.ValueSize,
		Clients:      o.Clients,
		Connections:  connections,
		Rate:         o.Rate,
		Warmup:       o.Warmup.Seconds(),
		Duration:     o.Duration.Seconds(),
		Seed:         o.Seed,
	}
	for op, share := range o.Workload.Share {
		if share > 0 {
			s.Mix[OpType(op).String()] = share
		}
	}
	if o.Distribution != Uniform {
		s.Theta = Theta
	}
	return &Report{Schema: Schema, Started: time.Now(), Build: thisBuild(), Machine: thisMachine(), Setting: s}
}

func newLoad(records uint64, d time.Duration) *Load {
	return &Load{Records: records, Seconds: d.Seconds(), PerSecond: float64(records) / d.Seconds()}
}

// fill adds what was measured.
func (r *Report) fill(o *Options, m *measurement) {
	end := m.phase.end.Load()
	r.MeasuredFrom = m.phase.begin
	r.Seconds = float64(end) / float64(time.Second)
	r.Interrupted = end < int64(o.Duration)

	var tallies [opTypes]tally
	var total tally
	var g gap
	open := OpenLoop{NeverBegun: m.phase.backlog(end)}
	open.MaxBacklog = open.NeverBegun
	var lag *hdrhistogram.Histogram
	for _, w := range m.meters {
		for op := range tallies {
			tallies[op].merge(&w.tallies[op])
			total.merge(&w.tallies[op])
		}
		g = longer(g, w.gap)
		open.MaxBacklog = max(open.MaxBacklog, w.backlog)
		if w.lag != nil {
			if lag == nil {
				lag = newHistogram(reportDigits)
			}
			lag.Merge(w.lag)
		}
	}
	for op := range tallies {
		if o.Workload.Share[op] > 0 {
			r.Operations = append(r.Operations, r.operation(OpType(op).String(), &tallies[op]))
		}
	}
	r.Total = r.operation("total", &total)
	if o.Rate > 0 {
		open.Lag = NewLatency(lag)
		r.OpenLoop = &open
	}
	r.LongestGap = m.gap(m.gaps, g)
	if len(m.parts) > 1 {
		r.Parts = m.partReports()
	}
}

// partReports tells of each part that was asked.
func (m *measurement) partReports() []Part {
	var parts []Part
	for i, name := range m.parts {
		p := Part{Name: name}
		var g gap
		for _, w := range m.meters {
			p.Tried += w.tried[i]
			g = longer(g, w.partGaps[i])
		}
		if p.Tried > 0 {
			p.LongestGap = m.gap(m.partGaps[i], g)
			parts = append(parts, p)
		}
	}
	return parts
}

// gap is the longest gap of which g is the longest that a success ended: nothing succeeded from the last success to
// the end either.
func (m *measurement) gap(all *gaps, g gap) Gap {
	last := all.last.Load()
	g = longer(g, gap{last, m.phase.end.Load() - last})
	return Gap{
		Seconds: float64(g.length) / float64(time.Second),
		Offset:  float64(g.begin) / float64(time.Second),
		Began:   m.phase.begin.Add(time.Duration(g.begin)),
	}
}

func (r *Report) operation(name string, t *tally) Operation {
	o := Operation{Type: name, Count: t.count, Latency: NewLatency(t.latency), Errors: t.failures, Retries: t.retries}
	if o.Errors == nil {
		o.Errors = map[Failure]int64{}
	}
	if r.Seconds > 0 {
		o.PerSecond = float64(t.inTime) / r.Seconds
	}
	return o
}

// NewLatency sums up a histogram of microseconds; nil where there is none or nothing is in it.
func NewLatency(h *hdrhistogram.Histogram) *Latency {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	return &Latency{
		Mean: h.Mean(),
		P50:  h.ValueAtQuantile(50),
		P90:  h.ValueAtQuantile(90),
		P95:  h.ValueAtQuantile(95),
		P99:  h.ValueAtQuantile(99),
		P999: h.ValueAtQuantile(99.9),
		Max:  h.Max(),
	}
}
