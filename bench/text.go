package bench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	r.heading(&b)
	r.table(&b)
	fmt.Fprintf(&b, "\nerrors      %s\n", Failures(r.Total.Errors))
	if n := r.Total.Retries; n > 0 {
		fmt.Fprintf(&b, "retries     %d, after a version mismatch\n", n)
	}
	fmt.Fprintf(&b, "longest gap %s\n", r.LongestGap)
	if len(r.Parts) > 0 {
		worst := slices.MaxFunc(r.Parts, func(a, b Part) int { return cmp.Compare(a.LongestGap.Seconds, b.LongestGap.Seconds) })
		fmt.Fprintf(&b, "            in %s %s\n", worst.Name, worst.LongestGap)
	}
	if o := r.OpenLoop; o != nil {
		fmt.Fprintf(&b, "open loop   backlog %d at most", o.MaxBacklog)
		if o.Lag != nil {
			fmt.Fprintf(&b, "; operations began late by p50 %s, p99 %s, max %s", micros(o.Lag.P50), micros(o.Lag.P99), micros(o.Lag.Max))
		}
		b.WriteByte('\n')
		if o.NeverBegun > 0 {
			fmt.Fprintf(&b, "            %d operations were due and never began: no latency above tells of them\n", o.NeverBegun)
		}
	}
	fmt.Fprintf(&b, "driver      %.0f%% of %d cores\n", 100*r.Driver.CPUShare, r.Machine.Cores)
	if r.Driver.Busy() {
		b.WriteString("            the driver used much of this machine: the store may be faster than this\n")
	}
	if c := r.Check; c != nil {
		fmt.Fprintf(&b, "history     %s: %d calls on %d keys, %d of unknown outcome, checked in %v\n",
			c.Verdict, c.Calls, c.Keys, c.Unknown, seconds(c.Seconds))
		if c.History != "" {
			fmt.Fprintf(&b, "            kept in %s\n", c.History)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) heading(b *strings.Builder) {
	s := &r.Setting
	fmt.Fprintf(b, "workload    %s: %s, %d records of %d bytes, %s, seed %d\n", s.Workload, mix(s.Mix), s.Records, s.ValueSize, s.Distribution, s.Seed)
	loop := "closed loop"
	if s.Rate > 0 {
		loop = fmt.Sprintf("%g operations a second", s.Rate)
	}
	fmt.Fprintf(b, "clients     %d over %s, %s\n", s.Clients, count(s.Connections, "connection"), loop)
	if c := r.Target.Cluster; c != nil {
		fmt.Fprintf(b, "cluster     %s, %s, %s", count(c.Nodes, "node"), count(c.Shards, "shard"), count(c.Replicas, "replica"))
		if c.SuspectAfter > 0 {
			fmt.Fprintf(b, ", suspect after %v", seconds(c.SuspectAfter))
		}
		fmt.Fprintf(b, ", on this machine; %s\n", c.Ringward)
	} else {
		fmt.Fprintf(b, "cluster     %s\n", strings.Join(r.Target.Endpoints, ","))
	}
	fmt.Fprintf(b, "machine     %s/%s %s, %s, %s\n", r.Machine.OS, r.Machine.Arch, r.Machine.Kernel, count(r.Machine.Cores, "core"), r.Build.Go)
	if l := r.Load; l != nil {
		fmt.Fprintf(b, "load        %d records in %.1fs, %.0f a second\n", l.Records, l.Seconds, l.PerSecond)
	}
	fmt.Fprintf(b, "measured    %.1fs after %gs of warmup", r.Seconds, s.Warmup)
	if r.Interrupted {
		fmt.Fprintf(b, ", interrupted: %gs were planned", s.Duration)
	}
	b.WriteString("\n\n")
}

func (r *Report) table(b *strings.Builder) {
	// A tabwriter's errors are those of the builder, which has none.
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tcount\tops/s\tmean\tp50\tp90\tp95\tp99\tp99.9\tmax\terrors\t")
	rows := r.Operations
	if len(rows) > 1 {
		rows = append(slices.Clone(rows), r.Total)
	}
	for _, o := range rows {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t", o.Type, o.Count, o.PerSecond)
		if l := o.Latency; l != nil {
			for _, v := range []int64{int64(l.Mean), l.P50, l.P90, l.P95, l.P99, l.P999, l.Max} {
				fmt.Fprintf(t, "%s\t", micros(v))
			}
		} else {
			fmt.Fprint(t, strings.Repeat("-\t", 7))
		}
		var errors int64
		for _, n := range o.Errors {
			errors += n
		}
		fmt.Fprintf(t, "%d\t\n", errors)
	}
	t.Flush()
}

func (g Gap) String() string {
	return fmt.Sprintf("%v without a success, from %.3fs on (%s)", seconds(g.Seconds), g.Offset, g.Began.Format("15:04:05.000"))
}

func mix(shares map[string]float64) string {
	var parts []string
	for op := range opTypes {
		if share, ok := shares[op.String()]; ok {
			parts = append(parts, fmt.Sprintf("%g%% %v", 100*share, op))
		}
	}
	return strings.Join(parts, ", ")
}

// Failures writes how many calls failed in which ways.
func Failures(m map[Failure]int64) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", f, m[f]))
	}
	return strings.Join(parts, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// micros writes a time in milliseconds, as all times of the table are.
func micros(us int64) string { return fmt.Sprintf("%.3fms", float64(us)/1000) }

func seconds(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d < time.Second {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
