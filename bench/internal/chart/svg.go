package chart

import (
	"html/template"
	"io"
)

// svgTemplate escapes as HTML does, which XML understands.
var svgTemplate = template.Must(template.New("").Parse(Template))

// Room in an SVG for the title above the drawing, and for each line of the legend below it.
const roomHeading, roomKeys = 28, 22

// placed is an entry of the legend at its place.
type placed struct {
	Key
	X, Y float64
}

// WriteSVG writes the chart as a file of its own, with its title, legend and style.
func (c *Chart) WriteSVG(w io.Writer) error {
	data := struct {
		*Chart
		Style       template.CSS
		Top, Bottom float64
		Placed      []placed
	}{Chart: c, Style: template.CSS(Style)} // which is this program's own
	if c.Title != "" {
		data.Top = roomHeading
	}
	data.Bottom = data.Top + c.H
	const left, symbol, between = roomLeft + 16, 40, 14
	x := float64(left)
	for i, k := range c.Keys {
		width := symbol + between + letter*float64(len(k.Label))
		if i == 0 || x+width > c.W && x > left {
			x = left
			data.Bottom += roomKeys
		}
		data.Placed = append(data.Placed, placed{k, x, data.Bottom - roomKeys/2})
		x += width
	}
	return svgTemplate.ExecuteTemplate(w, "svg", data)
}
