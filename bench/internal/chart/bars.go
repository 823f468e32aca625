package chart

import "fmt"

// Bar is a stack of parts, which lie one behind the other.
type Bar struct {
	Label string
	Parts []float64 // of each series
	Tips  []string  // of each part
	Total string    // written behind it
}

// The sizes of bars.
const (
	barHeight, barGap = 20, 9
	roomLabel         = 16
	roomTotal         = 22
	// A part with enough room has its series' name in it, or the beginning of that, where it is not the whole bar.
	shortName, roomName = 3, 28
)

// letter is about how wide a letter is.
const letter = 6.6

// Bars draws stacked bars, which lie.
func Bars(w float64, bars []Bar, series []string, title string) Chart {
	sums := make([]float64, len(bars))
	high, left, right := 0.0, 0.0, 0.0
	for i, b := range bars {
		for _, p := range b.Parts {
			sums[i] += p
		}
		high = max(high, sums[i])
		left, right = max(left, letter*float64(len(b.Label))), max(right, letter*float64(len(b.Total)))
	}
	f := Frame{Chart: Chart{W: w}, x: Linear(0, high), left: roomLabel + left, right: w - roomTotal - right, top: roomTop}
	f.bottom = f.top + float64(len(bars))*(barHeight+barGap)
	f.H = f.bottom + roomBottom
	for _, v := range f.x.ticks() {
		f.Paths = append(f.Paths, Path{D: fmt.Sprintf("M%.1f %.1fV%.1f", f.X(v), f.top, f.bottom), Class: "grid"})
		f.Texts = append(f.Texts, Text{X: f.X(v), Y: f.bottom + 17, S: Number(v), Class: "tick middle"})
	}
	f.Texts = append(f.Texts, Text{X: (f.left + f.right) / 2, Y: f.H - 6, S: title, Class: "title middle"})
	for i, b := range bars {
		y := f.top + float64(i)*(barHeight+barGap) + barGap/2
		f.Texts = append(f.Texts, Text{X: f.left - 10, Y: y + barHeight/2 + 4, S: b.Label, Class: "label end"})
		from := 0.0
		for j, p := range b.Parts {
			if p > 0 {
				box := Box{X: f.X(from), Y: y, W: f.X(from+p) - f.X(from), H: barHeight, Class: class("part", j), Tip: b.Tips[j]}
				f.Boxes = append(f.Boxes, box)
				name := series[j]
				if box.W < letter*float64(len(name))+8 {
					name = name[:min(len(name), shortName)]
				}
				if box.W >= roomName && p < sums[i] {
					f.Texts = append(f.Texts, Text{X: box.X + box.W/2, Y: y + barHeight/2 + 4, S: name, Class: "inside middle"})
				}
			}
			from += p
		}
		f.Texts = append(f.Texts, Text{X: f.X(from) + 8, Y: y + barHeight/2 + 4, S: b.Total, Class: "label start"})
	}
	for i, s := range series {
		f.Keys = append(f.Keys, Key{Series: i, Label: s, Box: true})
	}
	return f.Chart
}
