package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"testing"
)

// three keeps the compiler from computing more exactly than a program does.
var three = 3.0

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		scale Scale
		want  []float64
	}{
		{Linear(0, 10), []float64{0, 2, 4, 6, 8, 10}},
		{Linear(0, 97), []float64{0, 20, 40, 60, 80, 100}},
		{Linear(0, 6300), []float64{0, 2000, 4000, 6000, 8000}},
		{Linear(0, 0), []float64{0, 0.2, 0.4, 0.2 * three, 0.8, 1}},
		{Span(-500, 1080), []float64{-500, 0, 500, 1000}},
		{Log(0.6, 8), []float64{1, 2, 5}},
		{Log(10, 500), []float64{10, 20, 50, 100, 200, 500}},
		{Log(0.5, 5000), []float64{1, 10, 100, 1000}},
	} {
		if got := test.scale.ticks(); !slices.Equal(got, test.want) {
			t.Errorf("%+v: ticks %v, want %v", test.scale, got, test.want)
		}
	}
	for v, want := range map[float64]string{0: "0", 0.2: "0.2", 0.6000000000000001: "0.6", 5000: "5000", 20000: "20k", -500: "-500", 12500: "12.5k"} {
		if got := Number(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		scale   Scale
		v, want float64
	}{
		{Linear(0, 10), 5, 0.5}, {Span(-500, 500), 0, 0.5}, {Linear(0, 10), 20, 1}, {Linear(0, 10), -1, 0},
		{Log(1, 100), 10, 0.5}, {Log(1, 100), 0, 0}, {Log(1, 100), 1e9, 1}, {Log(0, 0), 1, 1},
	} {
		if got := test.scale.at(test.v); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%+v: %v lies at %v, want %v", test.scale, test.v, got, test.want)
		}
	}
}

// TestDrawn: what is data is escaped, and what was drawn is there.
func TestDrawn(t *testing.T) {
	f := NewFrame(400, 200, Linear(0, 10), Log(1, 100), "time", "pause")
	f.Title = "a <b> & c"
	f.Line(1, []float64{0, 10}, []float64{1, 100}, "the <line>")
	f.Mark(2, 5, 10, true, "")
	f.Upright(5, "now")
	f.Area(0, []float64{0, 10}, []float64{1, 1})
	f.Key(2, "third")
	series := []string{"pea", "quince", "radish"}
	bars := Bars(400, []Bar{{Label: "one", Parts: []float64{1, 0, 3}, Tips: []string{"x", "y", "z"}, Total: "4"}}, series, "ms")
	whole := Bars(400, []Bar{{Label: "one", Parts: []float64{0, 3, 0}, Tips: []string{"x", "y", "z"}, Total: "3"}}, series, "ms")
	named := func(c Chart, name string) bool {
		return slices.ContainsFunc(c.Texts, func(t Text) bool { return t.S == name })
	}
	if !named(bars, "radish") || named(whole, "quince") {
		t.Errorf("a part is named in its bar, one that is the whole bar is not: %+v, %+v", bars.Texts, whole.Texts)
	}
	var b strings.Builder
	err := template.Must(template.New("").Parse(Template+`{{range .}}{{template "chart" .}}{{end}}`)).Execute(&b, []Chart{f.Chart, bars})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a &lt;b&gt; &amp; c", "the &lt;line&gt;", `class="line c1"`, `class="mark open c2"`, `class="part c2"`, ">now<", ">third<", "rotate(-90"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
	if n := strings.Count(b.String(), `<rect x="`); n != 2+3 { // parts, and keys
		t.Errorf("%d boxes, want those of 2 parts and 3 keys: a part of nothing has none", n)
	}
	line := fmt.Sprintf("M%.1f %.1fL%.1f %.1f", f.X(0), f.Y(1), f.X(10), f.Y(100))
	if !strings.Contains(b.String(), line) || f.X(0) != roomLeft || f.Y(100) != roomTop {
		t.Errorf("no line %s from corner to corner", line)
	}
}
