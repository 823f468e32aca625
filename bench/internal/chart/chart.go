package chart

import (
	_ "embed"
	"fmt"
	"strings"
)

// Chart is a drawing of so many units.
type Chart struct {
	Title string
	W, H  float64
	Boxes []Box
	Paths []Path
	Texts []Text
	Keys  []Key // the legend, below the drawing
}

// Path is a line or an outline, with what is shown of it to who points there.
type Path struct{ D, Class, Tip string }

// Box is a rectangle.
type Box struct {
	X, Y, W, H float64
	Class, Tip string
}

// Text is words; its class says where they stand from the place.
type Text struct {
	X, Y     float64
	S, Class string
	Turned   bool // by a quarter, to run upwards
}

// Key is an entry of the legend.
type Key struct {
	Series int
	Mark   string // path of its mark around 0,0; empty: a line alone
	Label  string
	Box    bool // a filled box instead
}

// Template defines "chart", which draws a Chart. Style is the style sheet that its classes are in.
//
//go:embed chart.tmpl
var Template string

// Style is the style sheet of charts, which follows the reader's preference of light or dark.
//
//go:embed chart.css
var Style string

// MaxSeries is how many series look different.
const MaxSeries = 7

// class is how a series looks.
func class(kind string, series int) string {
	return fmt.Sprintf("%s c%d", kind, series%MaxSeries)
}

// Frame is a chart with two axes.
type Frame struct {
	Chart
	x, y                     Scale
	left, right, top, bottom float64 // of the area within the axes
}

// Room around the area, for ticks and titles of axes.
const roomLeft, roomRight, roomTop, roomBottom = 58, 16, 12, 44

// NewFrame draws the axes. An empty title of an axis leaves its ticks.
func NewFrame(w, h float64, x, y Scale, xTitle, yTitle string) *Frame {
	f := &Frame{Chart: Chart{W: w, H: h}, x: x, y: y, left: roomLeft, right: w - roomRight, top: roomTop, bottom: h - roomBottom}
	for _, v := range y.ticks() {
		at := f.Y(v)
		f.Paths = append(f.Paths, Path{D: fmt.Sprintf("M%.1f %.1fH%.1f", f.left, at, f.right), Class: "grid"})
		f.Texts = append(f.Texts, Text{X: f.left - 8, Y: at + 4, S: Number(v), Class: "tick end"})
	}
	for _, v := range x.ticks() {
		at := f.X(v)
		f.Paths = append(f.Paths, Path{D: fmt.Sprintf("M%.1f %.1fv5", at, f.bottom), Class: "axis"})
		f.Texts = append(f.Texts, Text{X: at, Y: f.bottom + 19, S: Number(v), Class: "tick middle"})
	}
	f.Paths = append(f.Paths, Path{D: fmt.Sprintf("M%.1f %.1fH%.1f", f.left, f.bottom, f.right), Class: "axis"})
	if xTitle != "" {
		f.Texts = append(f.Texts, Text{X: (f.left + f.right) / 2, Y: h - 6, S: xTitle, Class: "title middle"})
	}
	if yTitle != "" {
		f.Texts = append(f.Texts, Text{X: 13, Y: (f.top + f.bottom) / 2, S: yTitle, Class: "title middle", Turned: true})
	}
	return f
}

// X is where a value lies on the horizontal axis.
func (f *Frame) X(v float64) float64 { return f.left + f.x.at(v)*(f.right-f.left) }

// Y is where a value lies on the vertical one.
func (f *Frame) Y(v float64) float64 { return f.bottom - f.y.at(v)*(f.bottom-f.top) }

// Line joins points.
func (f *Frame) Line(series int, xs, ys []float64, tip string) {
	f.line(class("line", series), xs, ys, tip)
}

// Guide joins points by a faint line that belongs to no series.
func (f *Frame) Guide(xs, ys []float64, tip string) { f.line("guide", xs, ys, tip) }

func (f *Frame) line(class string, xs, ys []float64, tip string) {
	var d strings.Builder
	for i := range xs {
		op := byte('L')
		if i == 0 {
			op = 'M'
		}
		fmt.Fprintf(&d, "%c%.1f %.1f", op, f.X(xs[i]), f.Y(ys[i]))
	}
	f.Paths = append(f.Paths, Path{D: d.String(), Class: class, Tip: tip})
}

// Area fills what lies below a line.
func (f *Frame) Area(series int, xs, ys []float64) {
	if len(xs) == 0 {
		return
	}
	f.line(class("area", series), append(append([]float64{xs[0]}, xs...), xs[len(xs)-1]), append(append([]float64{f.y.low}, ys...), f.y.low), "")
}

// Mark draws a series' mark at a point; an open one is hollow.
func (f *Frame) Mark(series int, x, y float64, open bool, tip string) {
	kind := "mark"
	if open {
		kind = "mark open"
	}
	f.Paths = append(f.Paths, Path{D: markAt(series, f.X(x), f.Y(y)), Class: class(kind, series), Tip: tip})
}

// Upright draws a faint line at a place of the horizontal axis, with a word.
func (f *Frame) Upright(x float64, word string) {
	f.Paths = append(f.Paths, Path{D: fmt.Sprintf("M%.1f %.1fV%.1f", f.X(x), f.top, f.bottom), Class: "event", Tip: word})
	if word != "" {
		f.Texts = append(f.Texts, Text{X: f.X(x) + 4, Y: f.top + 10, S: word, Class: "tick start"})
	}
}

// Word writes at a point.
func (f *Frame) Word(x, y float64, s, class string) {
	f.Texts = append(f.Texts, Text{X: f.X(x), Y: f.Y(y), S: s, Class: class})
}

// Key adds to the legend.
func (f *Frame) Key(series int, label string) {
	f.Keys = append(f.Keys, Key{Series: series % MaxSeries, Mark: markAt(series, 0, 0), Label: label})
}

// KeyLine adds a line without a mark to the legend.
func (f *Frame) KeyLine(series int, label string) {
	f.Keys = append(f.Keys, Key{Series: series % MaxSeries, Label: label})
}

// marks are outlines around a centre, one for each series: round, square, up, diamond, down, plus, cross.
var marks = [MaxSeries]string{
	"m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", "m-4 -4h8v8h-8z", "m0 -5.5l5 9h-10z", "m0 -5.8l5.2 5.8l-5.2 5.8l-5.2 -5.8z",
	"m0 5.5l5 -9h-10z", "m-1.7 -5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z", "m-5 -3l2 -2l3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3z",
}

func markAt(series int, x, y float64) string {
	return fmt.Sprintf("M%.1f %.1f%s", x, y, marks[series%MaxSeries])
}
