package failover

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ringward/ringward/bench/internal/chart"
	"github.com/ringward/ringward/bench/internal/page"
)

// Sizes of drawings: over the whole page, and two beside each other.
const (
	wide, wideHigh     = 940, 400
	narrow, narrowHigh = 460, 260
	stripHigh          = 130
)

// pauseChart is the pause against the timeout, with the line on which a pause is as long as the timeout. Nil where there is nothing to draw.
func (r *Report) pauseChart() *chart.Chart {
	var lines [][]Row // of each fault, rising timeouts
	low, high := math.Inf(1), 0.0
	for _, f := range r.faults() {
		var rows []Row
		for _, row := range r.Summary {
			if row.Fault == f && row.Target == "" && row.Last != nil {
				rows = append(rows, row)
				low, high = min(low, row.Last.Median, row.SuspectAfter), max(high, row.Last.Worst, row.SuspectAfter)
			}
		}
		lines = append(lines, rows)
	}
	if high == 0 {
		return nil
	}
	timeouts := r.timeouts()
	first, last := timeouts[0]/1.6, timeouts[len(timeouts)-1]*1.6
	f := chart.NewFrame(wide, wideHigh, chart.Log(first, last), chart.Log(low/1.4, high*1.4), r.Timeout+", ms", "pause, ms")
	from, to := max(first, low/1.4), min(last, high*1.4)
	f.Guide([]float64{from, to}, []float64{from, to}, "as long as the timeout: what a detector without any other delay would have")
	f.Word(to, to, "pause = timeout ", "tick end")
	for i, rows := range lines {
		var xs, ys []float64
		for _, row := range rows {
			xs, ys = append(xs, row.SuspectAfter), append(ys, row.Last.Median)
		}
		f.Line(i, xs, ys, "")
		for _, row := range rows {
			tip := fmt.Sprintf("%s at %s %s: median %s, worst %s of %d", row.Fault, r.Timeout, page.MS(row.SuspectAfter), page.MS(row.Last.Median), page.MS(row.Last.Worst), row.Last.Count)
			f.Mark(i, row.SuspectAfter, row.Last.Worst, true, tip)
			f.Mark(i, row.SuspectAfter, row.Last.Median, false, tip)
		}
		f.Key(i, string(r.faults()[i]))
	}
	return &f.Chart
}

// parts are the names of where a pause goes.
var parts = []string{"detection", "decision", "wedge", "activation", "resume"}

// partsCharts are, for each fault, where the pause goes, at each timeout.
func (r *Report) partsCharts() (all []chart.Chart) {
	for _, f := range r.faults() {
		var bars []chart.Bar
		for _, s := range r.Series {
			if s.Fault != f {
				continue
			}
			var sums [5]float64
			n := 0.0
			for i := range s.Rounds {
				round := &s.Rounds[i]
				if round.Last == nil {
					continue
				}
				if p := round.slowest().Split; p != nil {
					for j, v := range []float64{p.Detection, p.Decision, p.Wedge, p.Activation, p.Resume} {
						sums[j] += v
					}
					n++
				}
			}
			if n == 0 {
				continue
			}
			b := chart.Bar{Label: page.MS(s.SuspectAfter)}
			total := 0.0
			for j, sum := range sums {
				b.Parts = append(b.Parts, sum/n)
				b.Tips = append(b.Tips, fmt.Sprintf("%s: %s on average of %.0f rounds", parts[j], page.MS(sum/n), n))
				total += sum / n
			}
			b.Total = page.MS(total)
			bars = append(bars, b)
		}
		if len(bars) > 0 {
			c := chart.Bars(narrow, bars, parts, "ms, mean over rounds")
			c.Title = string(f)
			all = append(all, c)
		}
	}
	return all
}

// aroundCharts are, for each fault, throughput around it, at each timeout: the median over rounds of each 10 ms.
func (r *Report) aroundCharts() (all []chart.Chart) {
	perSecond := 1 / bucketTime.Seconds()
	timeouts := r.timeouts()
	for _, fault := range r.faults() {
		type line struct {
			timeout int
			xs, ys  []float64
			rounds  int
		}
		var lines []line
		high, end := 0.0, math.Inf(1)
		for _, s := range r.Series {
			if s.Fault != fault || len(s.Rounds) == 0 {
				continue
			}
			l := line{timeout: slices.Index(timeouts, s.SuspectAfter), rounds: len(s.Rounds)}
			for i := range s.Rounds[0].Throughput {
				var at []float64
				for _, round := range s.Rounds {
					if i < len(round.Throughput) {
						at = append(at, float64(round.Throughput[i])*perSecond)
					}
				}
				l.xs, l.ys = append(l.xs, sinceMS(bucketTime)*float64(i)-sinceMS(beforeTime)), append(l.ys, page.NewSpread(at).Median)
			}
			high, end = max(high, slices.Max(l.ys)), min(end, l.xs[len(l.xs)-1])
			lines = append(lines, l)
		}
		f := chart.NewFrame(wide, narrowHigh, chart.Span(-sinceMS(beforeTime), end), chart.Linear(0, high), "ms since the fault", "operations a second")
		f.Title = string(fault)
		f.Upright(0, string(fault))
		for _, l := range lines {
			n := len(l.xs)
			for n > 0 && l.xs[n-1] > end {
				n--
			}
			label := fmt.Sprintf("%s %s", r.Timeout, page.MS(timeouts[l.timeout]))
			f.Line(l.timeout, l.xs[:n], l.ys[:n], label)
			f.KeyLine(l.timeout, fmt.Sprintf("%s, %d rounds", label, l.rounds))
		}
		all = append(all, f.Chart)
	}
	return all
}

// costCharts are what each timeout costs where nothing fails.
func (r *Report) costCharts() []chart.Chart {
	var xs, wrong, speed []float64
	for _, s := range r.Series {
		if s.Fault == none && s.Seconds > 0 {
			xs, speed = append(xs, s.SuspectAfter), append(speed, s.PerSecond)
			wrong = append(wrong, 60*float64(s.FalseSuspicions)/s.Seconds)
		}
	}
	if len(xs) == 0 {
		return nil
	}
	draw := func(ys []float64, title, unit string) chart.Chart {
		f := chart.NewFrame(narrow, narrowHigh, chart.Log(slices.Min(xs)/1.6, slices.Max(xs)*1.6), chart.Linear(0, max(1, slices.Max(ys))), r.Timeout+", ms", unit)
		f.Title = title
		f.Line(0, xs, ys, "")
		for i := range xs {
			f.Mark(0, xs[i], ys[i], false, fmt.Sprintf("%s %s: %.0f %s", r.Timeout, page.MS(xs[i]), ys[i], unit))
		}
		return f.Chart
	}
	return []chart.Chart{draw(wrong, "False suspicions", "a minute, all nodes"), draw(speed, "Throughput", "operations a second")}
}

// latencyCharts are, for each timeout, the distribution of latency without faults and while there is one.
func (r *Report) latencyCharts() (all []chart.Chart) {
	low, high := math.Inf(1), 0.0
	for _, s := range r.Series {
		for _, q := range slices.Concat(s.CalmQuantiles, s.FaultyQuantiles) {
			low, high = min(low, max(1, float64(q.US))/1000), max(high, float64(q.US)/1000)
		}
	}
	if high == 0 {
		return nil
	}
	faults := r.faults()
	for _, timeout := range r.timeouts() {
		f := chart.NewFrame(narrow, narrowHigh, chart.Log(1, 1e4), chart.Log(low, high), "slowest one of so many operations", "latency, ms")
		f.Title = r.Timeout + " " + page.MS(timeout)
		draw := func(series int, quantiles []Quantile, label string) {
			var xs, ys []float64
			for _, q := range quantiles {
				if q.Share < 1 {
					xs, ys = append(xs, 1/(1-q.Share)), append(ys, max(1, float64(q.US))/1000)
				}
			}
			if len(xs) > 0 {
				f.Line(series, xs, ys, label)
				f.KeyLine(series, label)
			}
		}
		for _, s := range r.Series {
			switch {
			case s.SuspectAfter != timeout:
			case s.Fault == none:
				draw(0, s.CalmQuantiles, "without a fault")
			default:
				draw(1+slices.Index(faults, s.Fault), s.FaultyQuantiles, "during "+string(s.Fault))
			}
		}
		all = append(all, f.Chart)
	}
	return all
}

// wholeCharts are the throughput of each series from its beginning to its end, with its faults.
func (r *Report) wholeCharts() (all []chart.Chart) {
	step := (bucketTime * timelineStep).Seconds()
	for _, s := range r.Series {
		if len(s.Throughput) == 0 {
			continue
		}
		// No more points than can be seen.
		per := max(1, len(s.Throughput)/wide)
		var xs, ys []float64
		for i := 0; i+per <= len(s.Throughput); i += per {
			var sum uint32
			for _, n := range s.Throughput[i : i+per] {
				sum += n
			}
			xs, ys = append(xs, float64(i)*step), append(ys, float64(sum)/(step*float64(per)))
		}
		f := chart.NewFrame(wide, stripHigh, chart.Span(0, xs[len(xs)-1]), chart.Linear(0, slices.Max(ys)), "s", "ops/s")
		f.Title = fmt.Sprintf("%s %s, faults: %s", r.Timeout, page.MS(s.SuspectAfter), s.Fault)
		for _, round := range s.Rounds {
			f.Upright(round.Offset, "")
		}
		f.Area(0, xs, ys)
		f.Line(0, xs, ys, "")
		all = append(all, f.Chart)
	}
	return all
}

// compared is the row that stands for a store: a head that fails, or whatever does where no head did.
func (r *Report) compared(f Fault, timeout float64) *Row {
	var found *Row
	for i := range r.Summary {
		row := &r.Summary[i]
		if row.Fault == f && row.SuspectAfter == timeout && row.Last != nil && (row.Target == Head || row.Target == "" && found == nil) {
			found = row
		}
	}
	return found
}

// againstCharts are the pauses of all stores beside each other, for each fault that others were measured with too.
func (r *Report) againstCharts() (all []chart.Chart) {
	stores := append([]*Report{r}, r.Against...)
	var names []string
	for _, s := range stores {
		names = append(names, s.Target.Store)
	}
	for _, f := range r.faults() {
		type entry struct {
			median float64
			bar    chart.Bar
		}
		var entries []entry
		others := 0
		for i, s := range stores {
			for _, timeout := range s.timeouts() {
				row := s.compared(f, timeout)
				if row == nil {
					continue
				}
				others += min(i, 1)
				b := chart.Bar{Label: fmt.Sprintf("%s %s", s.Target.Store, page.MS(timeout)), Parts: make([]float64, len(stores)), Tips: make([]string, len(stores))}
				b.Total = fmt.Sprintf("%s, worst %s", page.MS(row.Last.Median), page.MS(row.Last.Worst))
				b.Parts[i], b.Tips[i] = row.Last.Median, fmt.Sprintf("%s %s: %s of %d", s.Timeout, page.MS(timeout), b.Total, row.Last.Count)
				entries = append(entries, entry{row.Last.Median, b})
			}
		}
		if others == 0 {
			continue
		}
		slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.median, b.median) })
		var bars []chart.Bar
		for _, e := range entries {
			bars = append(bars, e.bar)
		}
		c := chart.Bars(wide, bars, names, "ms, median")
		c.Title = fmt.Sprintf("%s of the head, or of the leader", f)
		all = append(all, c)
	}
	return all
}
