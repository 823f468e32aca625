package failover

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ringward/ringward/bench"
)

// String is one line about a round.
func (r *Round) String() string {
	if len(r.Affected) == 0 {
		return fmt.Sprintf("  %s %s of shard %d, %s: it had just been dropped by all its shards", r.Fault, r.Target, r.Shard, r.Node)
	}
	served := "not all served again"
	if r.Last != nil {
		served = "all served again after " + ms(*r.Last)
	}
	text := fmt.Sprintf("  %s %s of shard %d, %s: %s, longest gap %s", r.Fault, r.Target, r.Shard, r.Node, served, ms(r.Gap))
	if r.Last != nil {
		if p := r.slowest().Split; p != nil {
			text += fmt.Sprintf(" (%s + %s + %s + %s + %s)", ms(p.Detection), ms(p.Decision), ms(p.Wedge), ms(p.Activation), ms(p.Resume))
		}
	}
	if r.Heal == nil {
		return text + "; not at full strength again"
	}
	return text + fmt.Sprintf("; healed in %s", ms(*r.Heal))
}

// String is a line about a series.
func (s *Series) String() string {
	text := fmt.Sprintf("  %.0f operations a second, %d reconfigurations, %d false suspicions, errors: %s; ",
		s.PerSecond, s.Reconfigurations, s.FalseSuspicions, failures(s.Errors))
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
	fmt.Fprintf(&b, "machine     %s/%s %s, %d cores, %s\n", r.Machine.OS, r.Machine.Arch, r.Machine.Kernel, r.Machine.Cores, r.Build.Go)
	s := &r.Setting
	loop := "closed loop"
	if s.Rate > 0 {
		loop = fmt.Sprintf("%g operations a second", s.Rate)
	}
	fmt.Fprintf(&b, "load        workload %s, %d clients, %s, %d records of %d bytes\n", s.Workload, s.Clients, loop, s.Records, s.ValueSize)
	if r.Interrupted {
		b.WriteString("interrupted: what was measured by then follows\n")
	}
	b.WriteString("\nwithout a fault\n")
	t := newTable(&b, r.Timeout, "ops/s", "p50", "p99", "reconfigurations", "false suspicions", "longest gap: median", "worst", "windows", "errors")
	for _, s := range r.Series {
		if s.Fault != none {
			continue
		}
		row := []any{ms(s.SuspectAfter), fmt.Sprintf("%.0f", s.PerSecond), "-", "-", s.Reconfigurations, s.FalseSuspicions, "-", "-", 0, failures(s.Errors)}
		if s.Calm != nil {
			row[2], row[3] = ms(float64(s.Calm.P50)/1000), ms(float64(s.Calm.P99)/1000)
		}
		if p := s.Baseline; p != nil {
			row[6], row[7], row[8] = ms(p.Median), ms(p.Worst), p.Count
		}
		t.row(row...)
	}
	t.flush()
	b.WriteString("\npause: from the fault until every affected shard acknowledged a write again, and where it went (medians)\n")
	t = newTable(&b, "fault", r.Timeout, "target", "rounds", "median", "worst", "detection", "decision", "wedge", "activation", "resume",
		"reconfigurations", "false suspicions", "errors")
	for _, row := range r.Summary {
		target := string(row.Target)
		if target == "" {
			target = "all"
		}
		median, worst := both(row.Last)
		cells := []any{row.Fault, ms(row.SuspectAfter), target, row.Rounds, median, worst}
		for _, p := range []*Spread{row.Detection, row.Decision, row.Wedge, row.Activation, row.Resume} {
			m, _ := both(p)
			cells = append(cells, m)
		}
		t.row(append(cells, row.Reconfigurations, row.FalseSuspicions, failures(row.Errors))...)
	}
	t.flush()
	for _, row := range r.Summary {
		if row.Missed > 0 && row.Target == "" {
			fmt.Fprintf(&b, "%s at %s %s: in %d of %d rounds the node had just been dropped by all its shards; they are in no median\n",
				row.Fault, r.Timeout, ms(row.SuspectAfter), row.Missed, row.Rounds)
		}
		if row.Silent > 0 && row.Target == "" {
			fmt.Fprintf(&b, "%s at %s %s: in %d of %d rounds a shard had not served again at the end; they are in no median\n",
				row.Fault, r.Timeout, ms(row.SuspectAfter), row.Silent, row.Rounds)
		}
	}
	b.WriteString("\nchecks\n")
	t = newTable(&b, r.Timeout, "faults", "calls", "unknown outcome", "history", "verdict")
	for _, s := range r.Series {
		verdict, c := "ok", s.Verdict.History
		if !s.Verdict.OK {
			verdict = "BROKEN"
		}
		if c == nil {
			c = &bench.Check{}
		}
		t.row(ms(s.SuspectAfter), s.Fault, c.Calls, c.Unknown, c.Verdict, verdict)
	}
	t.flush()
	for _, s := range r.Series {
		if s.Unsettled != "" {
			fmt.Fprintf(&b, "\n%s %s, faults %s: %s\n", r.Timeout, ms(s.SuspectAfter), s.Fault, s.Unsettled)
		}
		if !s.Verdict.OK {
			fmt.Fprintf(&b, "\n%s %s, faults %s: %s\n", r.Timeout, ms(s.SuspectAfter), s.Fault, s.Verdict.Broken)
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

// busy is the largest share of the machine that the driver took in a series; 0: little.
func (r *Report) busy() (share float64) {
	for _, s := range r.Series {
		if s.Driver != nil && s.Driver.Busy() {
			share = max(share, s.Driver.CPUShare)
		}
	}
	return share
}

// table is columns, the first ones of which have text.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer, columns ...any) table {
	// A tabwriter's errors are those of the builder below it, which has none.
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t table) row(cells ...any) {
	for _, c := range cells[:len(cells)-1] {
		fmt.Fprintf(t, "%v\t", c)
	}
	fmt.Fprintln(t, cells[len(cells)-1])
}

func (t table) flush() { t.Flush() }

// ms writes milliseconds in three digits or so.
func ms(v float64) string {
	d := time.Duration(v * float64(time.Millisecond))
	switch {
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func both(s *Spread) (median, worst string) {
	if s == nil {
		return "-", "-"
	}
	return ms(s.Median), ms(s.Worst)
}

func failures(m map[bench.Failure]int64) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", f, m[f]))
	}
	return strings.Join(parts, ", ")
}
