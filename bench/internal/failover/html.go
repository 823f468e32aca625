package failover

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/ringward/ringward/bench/internal/chart"
)

//go:embed report.tmpl
var reportTemplate string

// page is what the template shows.
type page struct {
	*Report
	Style    template.CSS
	Command  string
	Faulted  int // rounds
	Calls    int
	Unknown  int
	Tiles    []tile
	Pause    *chart.Chart
	Parts    []chart.Chart
	Around   []chart.Chart
	Cost     []chart.Chart
	Latency  []chart.Chart
	Whole    []chart.Chart
	Beside   []chart.Chart
	Rows     []Row
	Baseline []*Series
	Busy     int // per cent
}

// tile is one figure in large type.
type tile struct{ Figure, What string }

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"ms": ms, "us": func(v int64) string { return ms(float64(v) / 1000) }, "median": func(s *Spread) string { m, _ := both(s); return m }, "worst": func(s *Spread) string { _, w := both(s); return w },
		"failures": failures, "join": func(words []string) string { return strings.Join(words, " ") }, "percent": func(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) },
	}).Parse(chart.Template + reportTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, r.page())
}

func (r *Report) page() *page {
	p := &page{
		Report: r, Style: template.CSS(chart.Style), // which is this program's own
		Command: strings.Join(r.Command, " "), Rows: r.Summary, Busy: int(100 * r.busy()),
		Pause: r.pauseChart(), Parts: r.partsCharts(), Around: r.aroundCharts(), Cost: r.costCharts(), Latency: r.latencyCharts(), Whole: r.wholeCharts(),
		Beside: r.againstCharts(),
	}
	for _, s := range r.Series {
		p.Faulted += len(s.Rounds)
		if c := s.Verdict.History; c != nil {
			p.Calls += c.Calls
			p.Unknown += c.Unknown
		}
		if s.Fault == none {
			p.Baseline = append(p.Baseline, s)
		}
	}
	p.Tiles = append(p.Tiles, tile{fmt.Sprint(p.Faulted), "faults"}, tile{thousands(p.Calls), "calls of clients, each checked"})
	for _, f := range []Fault{Kill, Pause} {
		if best := r.best(f); best != nil {
			p.Tiles = append(p.Tiles, tile{ms(best.Last.Median), fmt.Sprintf("until service is back after %s, median; suspect-after %s, worst of %d: %s",
				f, ms(best.SuspectAfter), best.Last.Count, ms(best.Last.Worst))})
		}
	}
	return p
}

// best is the row of all targets with the shortest median pause; nil where there is none.
func (r *Report) best(f Fault) (best *Row) {
	for i := range r.Summary {
		if row := &r.Summary[i]; row.Fault == f && row.Target == "" && row.Last != nil && (best == nil || row.Last.Median < best.Last.Median) {
			best = row
		}
	}
	return best
}

// faults are those that happened, in their order.
func (r *Report) faults() (all []Fault) {
	for _, f := range Faults() {
		if slices.ContainsFunc(r.Summary, func(row Row) bool { return row.Fault == f }) {
			all = append(all, f)
		}
	}
	return all
}

// timeouts are those of any series, rising.
func (r *Report) timeouts() (all []float64) {
	for _, s := range r.Series {
		if !slices.Contains(all, s.SuspectAfter) {
			all = append(all, s.SuspectAfter)
		}
	}
	slices.Sort(all)
	return all
}

// thousands writes a number with a space before each three digits.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
