package compare

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
	Command string
	Charts  []chart.Chart
	Rows    []line
	Busy    int     // per cent
	Calls   float64 // that were checked
}

// line is a row in words.
type line struct {
	Row
	Title, Throughput, Least, Most, P50, P99 string
	Ratio, P50Ratio, P99Ratio                string
	Verdict                                  string
	First                                    bool
}

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error { return page.WriteHTML(w, reportTemplate, r.content()) }

// Drawings are the charts of the page.
func (r *Report) Drawings() []page.Drawing { return page.Drawings("", r.charts()...) }

func (r *Report) content() *content {
	c := &content{Report: r, Command: strings.Join(r.Command, " "), Charts: r.charts(), Busy: int(100 * r.Busy())}
	for _, row := range r.Summary {
		l := line{Row: row, Title: r.store(row.Store).Title(), Throughput: "-", Least: "-", Most: "-", P50: micros(row.P50), P99: micros(row.P99), Verdict: r.Verdict(row),
			Ratio: quotient(row.Throughput), P50Ratio: quotient(row.P50Ratio), P99Ratio: quotient(row.P99Ratio), First: row.Store == r.Stores[0].Name}
		if m := row.PerSecond; m != nil {
			l.Throughput, l.Least, l.Most = page.Thousands(int(m.Median)), page.Thousands(int(m.Least)), page.Thousands(int(m.Most))
		}
		c.Rows = append(c.Rows, l)
	}
	for _, run := range r.Runs {
		if check := run.Report.Check; check != nil {
			c.Calls += float64(check.Calls)
		}
	}
	return c
}

// wide is how wide a drawing is, over the whole page.
const wide = 940

// charts are bars of the medians, for each workload and store.
func (r *Report) charts() (all []chart.Chart) {
	var names []string
	for i := range r.Stores {
		names = append(names, r.Stores[i].Title())
	}
	ms := func(v float64) string { return page.US(int64(v)) }
	for _, figure := range []struct {
		title, unit string
		by          float64 // what the unit is in the measure's
		of          func(*Row) *page.Range
		write       func(float64) string
	}{
		{"Throughput", "operations a second, median of runs", 1, func(r *Row) *page.Range { return r.PerSecond }, func(v float64) string { return page.Thousands(int(v)) }},
		{"Latency, the middle one", "ms, median of runs", 1000, func(r *Row) *page.Range { return r.P50 }, ms},
		{"Latency, 99 of 100", "ms, median of runs", 1000, func(r *Row) *page.Range { return r.P99 }, ms},
	} {
		var bars []chart.Bar
		for i := range r.Summary {
			row := &r.Summary[i]
			m := figure.of(row)
			if m == nil {
				continue
			}
			store := slices.IndexFunc(r.Stores, func(s StoreInfo) bool { return s.Name == row.Store })
			b := chart.Bar{Label: fmt.Sprintf("%s %s", row.Workload, row.Store), Total: figure.write(m.Median), Parts: make([]float64, len(names)), Tips: make([]string, len(names))}
			b.Parts[store] = m.Median / figure.by
			b.Tips[store] = fmt.Sprintf("%s to %s in %d runs", figure.write(m.Least), figure.write(m.Most), row.Runs)
			bars = append(bars, b)
		}
		if len(bars) > 0 {
			c := chart.Bars(wide, bars, names, figure.unit)
			c.Title = figure.title
			all = append(all, c)
		}
	}
	return all
}
