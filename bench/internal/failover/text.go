package failover

import (
	"fmt"
	"io"
	"strings"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

// String is one line about a round.
func (r *Round) String() string {
	if len(r.Affected) == 0 {
		return fmt.Sprintf("  %s %s of shard %d, %s: it had just been dropped by all its shards", r.Fault, r.Target, r.Shard, r.Node)
	}
	served := "not all served again"
	if r.Last != nil {
		served = "all served again after " + page.MS(*r.Last)
	}
	text := fmt.Sprintf("  %s %s of shard %d, %s: %s, longest gap %s", r.Fault, r.Target, r.Shard, r.Node, served, page.MS(r.Gap))
	if r.Last != nil {
		if p := r.slowest().Split; p != nil {
			text += fmt.Sprintf(" (%s + %s + %s + %s + %s)", page.MS(p.Detection), page.MS(p.Decision), page.MS(p.Wedge), page.MS(p.Activation), page.MS(p.Resume))
		}
	}
	if r.Heal == nil {
		return text + "; not at full strength again"
	}
	return text + fmt.Sprintf("; healed in %s", page.MS(*r.Heal))
}

// String is a line about a series.
func (s *Series) String() string {
	text := fmt.Sprintf("  %.0f operations a second, %d reconfigurations, %d false suspicions, errors: %s; ",
		s.PerSecond, s.Reconfigurations, s.FalseSuspicions, bench.Failures(s.Errors))
	if !s.Verdict.OK {
		return text + "BROKEN: " + s.Verdict.Broken
	}
	return text + fmt.Sprintf("%s: %d calls", s.Verdict.History.Verdict, s.Verdict.History.Calls)
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	if c := r.Target.Cluster; c != nil {
		fmt.Fprintf(&b, "cluster     %d nodes, %d shards, %d replicas, on this machine; %s\n", c.Nodes, c.Shards, c.Replicas, c.Ringward)
	} else {
		fmt.Fprintf(&b, "cluster     %s\n", strings.Join(r.Target.Endpoints, ","))
	}
	page.Conditions(&b, &r.Build, &r.Machine, &r.Setting)
	if r.Interrupted {
		b.WriteString("interrupted: what was measured by then follows\n")
	}
	b.WriteString("\nwithout a fault\n")
	t := page.NewTable(&b, r.Timeout, "ops/s", "p50", "p99", "reconfigurations", "false suspicions", "longest gap: median", "worst", "windows", "errors")
	for _, s := range r.Series {
		if s.Fault != none {
			continue
		}
		row := []any{page.MS(s.SuspectAfter), fmt.Sprintf("%.0f", s.PerSecond), "-", "-", s.Reconfigurations, s.FalseSuspicions, "-", "-", 0, bench.Failures(s.Errors)}
		if s.Calm != nil {
			row[2], row[3] = page.MS(float64(s.Calm.P50)/1000), page.MS(float64(s.Calm.P99)/1000)
		}
		if p := s.Baseline; p != nil {
			row[6], row[7], row[8] = page.MS(p.Median), page.MS(p.Worst), p.Count
		}
		t.Row(row...)
	}
	t.End()
	if len(r.Summary) > 0 {
		r.writePauses(&b)
	}
	b.WriteString("\nchecks\n")
	t = page.NewTable(&b, r.Timeout, "faults", "calls", "unknown outcome", "history", "verdict")
	for _, s := range r.Series {
		verdict, c := "ok", s.Verdict.History
		if !s.Verdict.OK {
			verdict = "BROKEN"
		}
		if c == nil {
			c = &bench.Check{}
		}
		t.Row(page.MS(s.SuspectAfter), s.Fault, c.Calls, c.Unknown, c.Verdict, verdict)
	}
	t.End()
	for _, s := range r.Series {
		if s.Unsettled != "" {
			fmt.Fprintf(&b, "\n%s %s, faults %s: %s\n", r.Timeout, page.MS(s.SuspectAfter), s.Fault, s.Unsettled)
		}
		if !s.Verdict.OK {
			fmt.Fprintf(&b, "\n%s %s, faults %s: %s\n", r.Timeout, page.MS(s.SuspectAfter), s.Fault, s.Verdict.Broken)
			if s.Verdict.Kept != "" {
				fmt.Fprintf(&b, "logs and data are kept in %s\n", s.Verdict.Kept)
			}
			if c := s.Verdict.History; c != nil && c.History != "" {
				fmt.Fprintf(&b, "the history is kept in %s\n", c.History)
			}
		}
	}
	if d := r.busy(); d > 0 {
		fmt.Fprintf(&b, "\nThe clients took up to %.0f%% of this machine's processors, from nodes on the same machine: pauses and gaps include waiting for a processor.\n", 100*d)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writePauses writes what the rounds say.
func (r *Report) writePauses(b *strings.Builder) {
	b.WriteString("\npause: from the fault until every affected shard acknowledged a write again, and where it went (medians)\n")
	t := page.NewTable(b, "fault", r.Timeout, "target", "rounds", "median", "worst", "detection", "decision", "wedge", "activation", "resume",
		"reconfigurations", "false suspicions", "errors")
	for _, row := range r.Summary {
		target := string(row.Target)
		if target == "" {
			target = "all"
		}
		median, worst := page.Both(row.Last)
		cells := []any{row.Fault, page.MS(row.SuspectAfter), target, row.Rounds, median, worst}
		for _, p := range []*page.Spread{row.Detection, row.Decision, row.Wedge, row.Activation, row.Resume} {
			m, _ := page.Both(p)
			cells = append(cells, m)
		}
		t.Row(append(cells, row.Reconfigurations, row.FalseSuspicions, bench.Failures(row.Errors))...)
	}
	t.End()
	for _, row := range r.Summary {
		if row.Missed > 0 && row.Target == "" {
			fmt.Fprintf(b, "%s at %s %s: in %d of %d rounds the node had just been dropped by all its shards; they are in no median\n",
				row.Fault, r.Timeout, page.MS(row.SuspectAfter), row.Missed, row.Rounds)
		}
		if row.Silent > 0 && row.Target == "" {
			fmt.Fprintf(b, "%s at %s %s: in %d of %d rounds a shard had not served again at the end; they are in no median\n",
				row.Fault, r.Timeout, page.MS(row.SuspectAfter), row.Silent, row.Rounds)
		}
	}
}

// busy is the largest share of the machine that the driver took in a series; 0: little.
func (r *Report) busy() (share float64) {
	for _, s := range r.Series {
		if s.Driver != nil && s.Driver.Busy() {
			share = max(share, s.Driver.CPUShare)
		}
	}
	return share
}
