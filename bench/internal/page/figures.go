package page

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ringward/ringward/bench"
)

// Spread sums up some values.
type Spread struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	Worst  float64 `json:"worst"`
}

// NewSpread sums up values; nil where there are none.
func NewSpread(values []float64) *Spread {
	if len(values) == 0 {
		return nil
	}
	return &Spread{Count: len(values), Median: Median(values), Worst: slices.Max(values)}
}

// Range sums up the same figure of several runs.
type Range struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

// NewRange sums up values; nil where there are none.
func NewRange(values []float64) *Range {
	if len(values) == 0 {
		return nil
	}
	return &Range{Median: Median(values), Least: slices.Min(values), Most: slices.Max(values)}
}

// Median is the middle one of values, of which there are some, or the mean of the two in the middle.
func Median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// Both writes a spread of milliseconds; as dashes where there is none.
func Both(s *Spread) (median, worst string) {
	if s == nil {
		return "-", "-"
	}
	return MS(s.Median), MS(s.Worst)
}

// MS writes milliseconds in three digits or so.
func MS(v float64) string {
	d := time.Duration(v * float64(time.Millisecond))
	switch {
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// US writes microseconds likewise.
func US(v int64) string { return MS(float64(v) / 1000) }

// Thousands writes a number with a space before each three digits.
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Table is columns of text, each as wide as it needs.
type Table struct{ w *tabwriter.Writer }

// NewTable begins one with the names of its columns.
func NewTable(b *strings.Builder, columns ...any) Table {
	// A tabwriter's errors are those of the builder below it, which has none.
	t := Table{tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)}
	t.Row(columns...)
	return t
}

// Row adds a line.
func (t Table) Row(cells ...any) {
	for _, c := range cells[:len(cells)-1] {
		fmt.Fprintf(t.w, "%v\t", c)
	}
	fmt.Fprintln(t.w, cells[len(cells)-1])
}

// End writes the table.
func (t Table) End() { _ = t.w.Flush() }

// Conditions are the lines of a text about where and how it was measured.
func Conditions(w io.Writer, build *bench.Build, m *bench.Machine, s *bench.Setting) {
	fmt.Fprintf(w, "machine     %s/%s %s, %d cores, %s\n", m.OS, m.Arch, m.Kernel, m.Cores, build.Go)
	loop := "closed loop"
	if s.Rate > 0 {
		loop = fmt.Sprintf("%g operations a second", s.Rate)
	}
	workload := ""
	if s.Workload != "" {
		workload = fmt.Sprintf("workload %s, ", s.Workload)
	}
	fmt.Fprintf(w, "load        %s%d clients, %s, %d records of %d bytes\n", workload, s.Clients, loop, s.Records, s.ValueSize)
}
