package guard

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

// Kind and Schema are those of a Report.
const (
	Kind   = "guard"
	Schema = 1
)

// names are what the two sides are called.
var names = [2]string{"base", "new"}

// Report is what a comparison found. The package comment documents its JSON form.
type Report struct {
	page.Heading
	Base    Side      `json:"base"`
	New     Side      `json:"new"`
	Cluster Cluster   `json:"cluster"`
	Rounds  int       `json:"rounds"`
	Least   float64   `json:"least"`
	Loads   []*Result `json:"loads"` // those of which at least one round was measured
}

// Side is one of the two.
type Side struct {
	Source
	Ringward string `json:"ringward"` // what the executable says of its version
}

// Cluster is what each cluster has.
type Cluster struct {
	Nodes    int `json:"nodes"`
	Shards   int `json:"shards"`
	Replicas int `json:"replicas"`
}

// Result is what was found under one load.
type Result struct {
	Load
	Rounds int     `json:"rounds"`
	Base   Figures `json:"base"`
	New    Figures `json:"new"`
	// Ratios are new's median by base's. Of throughput more is better, of latencies less.
	Ratio    float64 `json:"ratio"`
	P50Ratio float64 `json:"p50_ratio"`
	P99Ratio float64 `json:"p99_ratio"`
	// ByRound are the ratios of throughput of the single rounds: what slows a machine for long slows both of a round.
	ByRound *page.Range `json:"ratio_by_round"`
}

// Figures are those of one side over all rounds of a load.
type Figures struct {
	PerSecond *page.Range             `json:"per_second"`
	P50       *page.Range             `json:"p50_us"`
	P99       *page.Range             `json:"p99_us"`
	Errors    map[bench.Failure]int64 `json:"errors"`
}

// figures are those of side i of the rounds, of which there are some.
func figures(rounds []pair, i int) Figures {
	f := Figures{Errors: map[bench.Failure]int64{}}
	var perSecond, p50, p99 []float64
	for _, p := range rounds {
		t := &p[i].Total
		perSecond, p50, p99 = append(perSecond, t.PerSecond), append(p50, float64(t.Latency.P50)), append(p99, float64(t.Latency.P99))
		for failure, n := range t.Errors {
			f.Errors[failure] += n
		}
	}
	f.PerSecond, f.P50, f.P99 = page.NewRange(perSecond), page.NewRange(p50), page.NewRange(p99)
	return f
}

// fill takes over what was measured. It reports whether anything was.
func (r *Report) fill(o *Options, m measured) bool {
	r.Loads = []*Result{}
	for i, rounds := range m {
		if len(rounds) == 0 {
			continue
		}
		x := &Result{Load: o.Loads[i], Rounds: len(rounds), Base: figures(rounds, 0), New: figures(rounds, 1)}
		x.Ratio = x.New.PerSecond.Median / x.Base.PerSecond.Median
		x.P50Ratio, x.P99Ratio = ratio(x.New.P50, x.Base.P50), ratio(x.New.P99, x.Base.P99)
		var byRound []float64
		for _, p := range rounds {
			byRound = append(byRound, p[1].Total.PerSecond/p[0].Total.PerSecond)
		}
		x.ByRound = page.NewRange(byRound)
		r.Loads = append(r.Loads, x)

		for i, s := range r.sides() {
			if c := rounds[0][i].Target.Cluster; c != nil {
				s.Ringward = c.Ringward
			}
		}
		one := rounds[0][1]
		r.Build, r.Machine, r.Setting = one.Build, one.Machine, one.Setting
		r.Setting.Workload, r.Setting.Mix, r.Setting.Distribution, r.Setting.Theta, r.Setting.Clients = "", nil, "", 0, 0
	}
	return len(r.Loads) > 0
}

func (r *Report) sides() [2]*Side { return [2]*Side{&r.Base, &r.New} }

// ratio of two latencies in whole microseconds, which may be none.
func ratio(a, b *page.Range) float64 { return max(a.Median, 1) / max(b.Median, 1) }

// Slower says of each load whose throughput has become too low how much lower it is.
func (r *Report) Slower() (all []string) {
	for _, x := range r.Loads {
		if x.Ratio >= r.Least {
			continue
		}
		text := fmt.Sprintf("%v: new does %.3g times the operations of base, less than --least %g: %.0f a second instead of %.0f, medians of %d rounds",
			x.Load, x.Ratio, r.Least, x.New.PerSecond.Median, x.Base.PerSecond.Median, x.Rounds)
		if x.ByRound.Most >= r.Least {
			text += fmt.Sprintf("; but %.2f to %.2f times from round to round: more --rounds, or a quieter machine, say more", x.ByRound.Least, x.ByRound.Most)
		}
		all = append(all, text)
	}
	return all
}

// Verdict is what the comparison ends with: nil where no load is too slow.
func (r *Report) Verdict() error {
	var all []error
	for _, text := range r.Slower() {
		all = append(all, errors.New(text))
	}
	return errors.Join(all...)
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for i, s := range r.sides() {
		fmt.Fprintf(&b, "%-11s %v; %s\n", names[i], s.Source, s.Ringward)
	}
	s := &r.Setting
	loop := "as fast as they can"
	if s.Rate > 0 {
		loop = fmt.Sprintf("%g a second", s.Rate)
	}
	fmt.Fprintf(&b, "cluster     %d nodes, %d shards, %d replicas, on this machine\n", r.Cluster.Nodes, r.Cluster.Shards, r.Cluster.Replicas)
	fmt.Fprintf(&b, "machine     %s/%s %s, %d cores, %s\n", r.Machine.OS, r.Machine.Arch, r.Machine.Kernel, r.Machine.Cores, r.Build.Go)
	fmt.Fprintf(&b, "load        operations %s, %d records of %d bytes\n", loop, s.Records, s.ValueSize)
	fmt.Fprintf(&b, "measured    in turn, %d rounds of %gs after %gs of warmup\n", r.Rounds, s.Duration, s.Warmup)
	if r.Interrupted {
		b.WriteString("interrupted: what was measured by then follows\n")
	}
	b.WriteString("\n")
	t := page.NewTable(&b, "load", "rounds", "base ops/s", "least", "most", "new ops/s", "least", "most", "ratio", "by round", "p50 ratio", "p99 ratio", "verdict")
	for _, x := range r.Loads {
		verdict := "ok"
		if x.Ratio < r.Least {
			verdict = "SLOWER"
		}
		cells := []any{x.Load, x.Rounds}
		for _, s := range []*page.Range{x.Base.PerSecond, x.New.PerSecond} {
			cells = append(cells, fmt.Sprintf("%.0f", s.Median), fmt.Sprintf("%.0f", s.Least), fmt.Sprintf("%.0f", s.Most))
		}
		for _, v := range []float64{x.Ratio, x.ByRound.Median, x.P50Ratio, x.P99Ratio} {
			cells = append(cells, fmt.Sprintf("%.2f", v))
		}
		t.Row(append(cells, verdict)...)
	}
	t.End()
	b.WriteString("\nratios are new by base, of the medians over all rounds; by round is the median of each round's own; of operations more is better, of p50 and p99 less\n")
	for _, x := range r.Loads {
		for i, f := range []*Figures{&x.Base, &x.New} {
			if len(f.Errors) > 0 {
				fmt.Fprintf(&b, "%v: calls of %s that failed: %s\n", x.Load, names[i], bench.Failures(f.Errors))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
