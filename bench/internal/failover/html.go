package failover

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringward/ringward/bench/internal/chart"
	"github.com/ringward/ringward/bench/internal/page"
)

//go:embed report.tmpl
var reportTemplate string

// content is what the template shows.
type content struct {
	*Report
	Command  string
	Faulted  int // rounds
	Calls    int
	Unknown  int
	Tiles    []page.Tile
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

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error { return page.WriteHTML(w, reportTemplate, r.content()) }

// Drawings are the charts of the page.
func (r *Report) Drawings() (all []page.Drawing) {
	c := r.content()
	if c.Pause != nil {
		all = page.Drawings("pause", *c.Pause)
	}
	return slices.Concat(all, page.Drawings("parts", c.Parts...), page.Drawings("against", c.Beside...), page.Drawings("around", c.Around...),
		page.Drawings("cost", c.Cost...), page.Drawings("latency", c.Latency...), page.Drawings("whole", c.Whole...))
}

func (r *Report) content() *content {
	p := &content{
		Report: r, Command: strings.Join(r.Command, " "), Rows: r.Summary, Busy: int(100 * r.busy()),
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
	p.Tiles = append(p.Tiles, page.Tile{Figure: fmt.Sprint(p.Faulted), What: "faults"},
		page.Tile{Figure: page.Thousands(p.Calls), What: "calls of clients, each checked"})
	for _, f := range []Fault{Kill, Pause} {
		if best := r.best(f); best != nil {
			p.Tiles = append(p.Tiles, page.Tile{Figure: page.MS(best.Last.Median), What: fmt.Sprintf("until service is back after %s, median; %s %s, worst of %d: %s",
				f, r.Timeout, page.MS(best.SuspectAfter), best.Last.Count, page.MS(best.Last.Worst))})
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
