package scale

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
	Tiles    []page.Tile
	ByShards []chart.Chart
	ByNodes  []chart.Chart
	ByHit    []chart.Chart
}

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error { return page.WriteHTML(w, reportTemplate, r.content()) }

// Drawings are the charts of the page.
func (r *Report) Drawings() []page.Drawing {
	c := r.content()
	return slices.Concat(page.Drawings("shards", c.ByShards...), page.Drawings("nodes", c.ByNodes...), page.Drawings("hit", c.ByHit...))
}

func (r *Report) content() *content {
	nodes, shards := func(p *Point) int { return p.Nodes }, func(p *Point) int { return p.Shards }
	c := &content{Report: r, Command: strings.Join(r.Command, " "), ByHit: r.hitChart()}
	c.ByShards = r.against("shards", shards, "nodes", nodes)
	c.ByNodes = r.against("nodes", nodes, "shards", shards)
	kills, calls := 0, 0
	for _, p := range r.Points {
		kills, calls = kills+len(p.Rounds), calls+p.Calls()
	}
	c.Tiles = []page.Tile{{Figure: fmt.Sprint(len(r.Points)), What: "clusters"}, {Figure: fmt.Sprint(kills), What: "kills"},
		{Figure: page.Thousands(calls), What: "calls of clients, each checked"}}
	return c
}

// Sizes of drawings: two beside each other, and over the whole page.
const (
	narrow, narrowHigh = 460, 280
	wide, wideHigh     = 940, 340
)

// values are the different ones of all points, rising.
func (r *Report) values(of func(*Point) int) (all []int) {
	for _, p := range r.Points {
		if !slices.Contains(all, of(p)) {
			all = append(all, of(p))
		}
	}
	slices.Sort(all)
	return all
}

// figure is one of a point: what it is on the whole, and, where it has one, what it is at worst. Not ok: the point has none.
type figure struct {
	title, unit string
	of          func(*Point) (value, worst float64, ok bool)
}

var figures = []figure{
	{"Throughput", "operations a second", func(p *Point) (float64, float64, bool) { return p.PerSecond, 0, p.Seconds > 0 }},
	{"Latency, 99 of 100", "ms", func(p *Point) (float64, float64, bool) {
		if p.Latency == nil {
			return 0, 0, false
		}
		return float64(p.Latency.P99) / 1000, 0, true
	}},
	{"Pause after a kill", "ms, median and worst", func(p *Point) (float64, float64, bool) {
		if p.Last == nil {
			return 0, 0, false
		}
		return p.Last.Median, p.Last.Worst, true
	}},
}

// against draws each figure along one number, with a line for each of the other. It draws nothing where there is only one value of it.
func (r *Report) against(name string, of func(*Point) int, other string, line func(*Point) int) (all []chart.Chart) {
	xs, lines := r.values(of), r.values(line)
	if len(xs) < 2 {
		return nil
	}
	along := chart.Log(float64(xs[0])/1.3, float64(xs[len(xs)-1])*1.3)
	if most := xs[len(xs)-1]; most < 20 { // so few need no logarithm
		along = chart.Span(0, float64(most+1))
	}
	for _, g := range figures {
		high := 0.0
		for _, p := range r.Points {
			v, worst, _ := g.of(p)
			high = max(high, v, worst)
		}
		f := chart.NewFrame(narrow, narrowHigh, along, chart.Linear(0, high), name, g.unit)
		f.Title = g.title
		drawn := 0
		for i, n := range lines {
			var points []*Point
			for _, p := range r.Points {
				if _, _, ok := g.of(p); ok && line(p) == n {
					points = append(points, p)
				}
			}
			slices.SortFunc(points, func(a, b *Point) int { return of(a) - of(b) })
			var px, py []float64
			for _, p := range points {
				v, _, _ := g.of(p)
				px, py = append(px, float64(of(p))), append(py, v)
			}
			if len(points) == 0 {
				continue
			}
			drawn += len(points)
			f.Line(i, px, py, "")
			for j, p := range points {
				v, worst, _ := g.of(p)
				tip := fmt.Sprintf("%d nodes, %d shards: %s %s", p.Nodes, p.Shards, round(v), g.unit)
				if worst > 0 {
					tip = fmt.Sprintf("%d nodes, %d shards: median %s, worst %s of %d", p.Nodes, p.Shards, page.MS(v), page.MS(worst), p.Last.Count)
					f.Mark(i, px[j], worst, true, tip)
				}
				f.Mark(i, px[j], v, false, tip)
			}
			f.Key(i, count(n, other))
		}
		if drawn > 0 {
			all = append(all, f.Chart)
		}
	}
	return all
}

// count writes a number of things, of which one is no plural.
func count(n int, things string) string {
	if n == 1 {
		things = strings.TrimSuffix(things, "s")
	}
	return fmt.Sprintf("%d %s", n, things)
}

// round writes a number in three digits or so.
func round(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// hitChart is each kill's pause, by how many shards the node was a member of.
func (r *Report) hitChart() []chart.Chart {
	most, high, drawn := 0, 0.0, 0
	for _, p := range r.Points {
		for _, k := range p.Rounds {
			if k.Last != nil {
				most, high, drawn = max(most, k.Hit), max(high, *k.Last), drawn+1
			}
		}
	}
	if drawn == 0 {
		return nil
	}
	f := chart.NewFrame(wide, wideHigh, chart.Span(0, float64(most+1)), chart.Linear(0, high), "shards that the node was a member of", "pause, ms")
	for i, n := range r.values(func(p *Point) int { return p.Nodes }) {
		for _, p := range r.Points {
			for _, k := range p.Rounds {
				if k.Last != nil && p.Nodes == n {
					f.Mark(i, float64(k.Hit), *k.Last, true, fmt.Sprintf("%d nodes, %d shards: %s was in %d: %s", p.Nodes, p.Shards, k.Node, k.Hit, page.MS(*k.Last)))
				}
			}
		}
		f.Key(i, fmt.Sprintf("%d nodes", n))
	}
	return []chart.Chart{f.Chart}
}
