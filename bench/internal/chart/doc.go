// Package chart computes drawings for reports that open without a network.
//
// The one idea: a [Chart] is plain geometry, lines, boxes and words at places. A template turns it into inline SVG, so what is data is
// escaped where it is written, and nothing is drawn by a script. Looks are classes: how series n is coloured and dashed, in light
// and dark, is the style sheet's ([Style]); marks differ in shape as well, so that nobody needs to tell colours apart.
//
//	f := chart.NewFrame(920, 320, chart.Log(1, 500), chart.Log(1, 2000), "timeout, ms", "pause, ms")
//	f.Line(0, xs, ys)
//	f.Mark(0, x, y, "kill at 5ms: 12ms")
//	… {{template "chart" .Chart}} …
package chart
