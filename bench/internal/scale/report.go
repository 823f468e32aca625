package scale

import (
	"fmt"
	"io"
	"strings"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
)

// Kind and Schema are those of a Report.
const (
	Kind   = "scale"
	Schema = 1
)

// Report is all that was measured. The package comment documents its JSON form.
type Report struct {
	page.Heading
	Ringward     string   `json:"ringward"` // what the executable says of its version
	Replicas     int      `json:"replicas"`
	SuspectAfter float64  `json:"suspect_after_ms"`
	Points       []*Point `json:"points"`
}

// Point is one combination. Spreads are in milliseconds, over rounds, but for Hit.
type Point struct {
	Nodes  int `json:"nodes"`
	Shards int `json:"shards"`

	// Without a fault.
	Seconds   float64                 `json:"seconds"`
	PerSecond float64                 `json:"per_second"` // operations that succeeded
	Latency   *bench.Latency          `json:"latency_us,omitempty"`
	Errors    map[bench.Failure]int64 `json:"errors"`

	// With kills.
	Rounds           []Round                 `json:"rounds"`
	Missed           int                     `json:"missed"` // rounds whose node was a member of no shard any more when it was killed
	Silent           int                     `json:"silent"` // rounds at whose end some shard had not acknowledged a write again
	Hit              *page.Spread            `json:"hit,omitempty"`
	First            *page.Spread            `json:"first_ms,omitempty"`
	Last             *page.Spread            `json:"last_ms,omitempty"` // the pause: until all shards that were hit served again
	Gap              *page.Spread            `json:"gap_ms,omitempty"`
	Reconfigurations int                     `json:"reconfigurations"`
	FalseSuspicions  int                     `json:"false_suspicions"`
	FaultErrors      map[bench.Failure]int64 `json:"fault_errors"`
	Unsettled        string                  `json:"unsettled,omitempty"`

	Verdicts []failover.Verdict `json:"verdicts"`
}

// Round is one kill.
type Round struct {
	Node string `json:"node"`
	Hit  int    `json:"hit"` // shards that the node was a member of
	// First and Last are when the first and the last of them acknowledged a write again; absent where they had not by the end of the round.
	First *float64 `json:"first_ms,omitempty"`
	Last  *float64 `json:"last_ms,omitempty"`
	Gap   float64  `json:"gap_ms"` // the longest in which one of them acknowledged no write
}

// newPoint takes over what was measured of a combination.
func newPoint(nodes, shards int, m *failover.Report) *Point {
	p := &Point{Nodes: nodes, Shards: shards, Errors: map[bench.Failure]int64{}, FaultErrors: map[bench.Failure]int64{}, Rounds: []Round{}}
	var hit []float64
	for _, s := range m.Series {
		p.Verdicts = append(p.Verdicts, s.Verdict)
		if s.Fault != failover.Kill {
			p.Seconds, p.PerSecond, p.Latency, p.Errors = s.Seconds, s.PerSecond, s.Calm, s.Errors
			continue
		}
		p.Unsettled = s.Unsettled
		for _, r := range s.Rounds {
			p.Rounds = append(p.Rounds, Round{Node: r.Node, Hit: len(r.Affected), First: r.First, Last: r.Last, Gap: r.Gap})
			hit = append(hit, float64(len(r.Affected)))
		}
	}
	p.Hit = page.NewSpread(hit)
	for _, row := range m.Summary {
		if row.Target == "" {
			p.Missed, p.Silent, p.First, p.Last, p.Gap = row.Missed, row.Silent, row.First, row.Last, row.Gap
			p.Reconfigurations, p.FalseSuspicions, p.FaultErrors = row.Reconfigurations, row.FalseSuspicions, row.Errors
		}
	}
	return p
}

// OK reports whether nothing that was promised was broken.
func (p *Point) OK() bool {
	for _, v := range p.Verdicts {
		if !v.OK {
			return false
		}
	}
	return len(p.Verdicts) > 0
}

// Calls is how many calls of clients were checked.
func (p *Point) Calls() (n int) {
	for _, v := range p.Verdicts {
		if v.History != nil {
			n += v.History.Calls
		}
	}
	return n
}

// Verdict is one word.
func (p *Point) Verdict() string {
	if p.OK() {
		return "ok"
	}
	return "BROKEN"
}

// Remarks are what does not fit into a table's row.
func (p *Point) Remarks() (all []string) {
	if p.Missed > 0 {
		all = append(all, fmt.Sprintf("in %d of %d rounds the node had just been dropped by all its shards; they are in no median", p.Missed, len(p.Rounds)))
	}
	if p.Silent > 0 {
		all = append(all, fmt.Sprintf("in %d of %d rounds a shard had not served again at the end; they are in no median", p.Silent, len(p.Rounds)))
	}
	// Whoever decides about a shard is another shard, and must not have lost a member itself.
	if n := p.everywhere(); n > 0 {
		all = append(all, fmt.Sprintf("in %d of %d rounds the node was a member of every shard: none was left to decide about the others, and they waited for the node", n, len(p.Rounds)))
	}
	if p.Unsettled != "" {
		all = append(all, p.Unsettled)
	}
	for _, v := range p.Verdicts {
		if !v.OK {
			all = append(all, "BROKEN: "+v.Broken)
		}
		if v.Kept != "" {
			all = append(all, "logs and data are kept in "+v.Kept)
		}
		if v.History != nil && v.History.History != "" {
			all = append(all, "the history is kept in "+v.History.History)
		}
	}
	return all
}

// everywhere is in how many rounds the node was a member of every shard.
func (p *Point) everywhere() (n int) {
	for _, r := range p.Rounds {
		if r.Hit == p.Shards {
			n++
		}
	}
	return n
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster     %d replicas, suspect-after %s, on this machine; %s\n", r.Replicas, page.MS(r.SuspectAfter), r.Ringward)
	page.Conditions(&b, &r.Build, &r.Machine, &r.Setting)
	fmt.Fprintf(&b, "measured    %gs after %gs of warmup, and kills in a cluster of its own\n", r.Setting.Duration, r.Setting.Warmup)
	if r.Interrupted {
		b.WriteString("interrupted: what was measured by then follows\n")
	}
	b.WriteString("\nwithout a fault\n")
	t := page.NewTable(&b, "nodes", "shards", "seconds", "ops/s", "p50", "p99", "max", "errors")
	for _, p := range r.Points {
		cells := []any{p.Nodes, p.Shards, fmt.Sprintf("%.1f", p.Seconds), fmt.Sprintf("%.0f", p.PerSecond), "-", "-", "-", bench.Failures(p.Errors)}
		if l := p.Latency; l != nil {
			cells[4], cells[5], cells[6] = page.US(l.P50), page.US(l.P99), page.US(l.Max)
		}
		t.Row(cells...)
	}
	t.End()
	b.WriteString("\npause: from kill -9 of a node until every shard that it was a member of acknowledged a write again\n")
	t = page.NewTable(&b, "nodes", "shards", "rounds", "shards hit: median", "most", "pause: median", "worst", "first shard: median", "longest gap", "reconfigurations", "false suspicions",
		"errors", "calls", "verdict")
	for _, p := range r.Points {
		middle, most := "-", "-"
		if p.Hit != nil {
			middle, most = fmt.Sprint(p.Hit.Median), fmt.Sprint(p.Hit.Worst)
		}
		median, worst := page.Both(p.Last)
		first, _ := page.Both(p.First)
		_, gap := page.Both(p.Gap)
		t.Row(p.Nodes, p.Shards, len(p.Rounds), middle, most, median, worst, first, gap, p.Reconfigurations, p.FalseSuspicions, bench.Failures(p.FaultErrors), p.Calls(), p.Verdict())
	}
	t.End()
	for _, p := range r.Points {
		for _, remark := range p.Remarks() {
			fmt.Fprintf(&b, "\n%d nodes, %d shards: %s\n", p.Nodes, p.Shards, remark)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
