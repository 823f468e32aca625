package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/chart"
)

//go:embed page.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// Tile is one figure in large type.
type Tile struct{ Figure, What string }

// functions are what templates may call.
var functions = template.FuncMap{
	"style":    func() template.CSS { return template.CSS(chart.Style + pageStyle) }, // which are this program's own
	"ms":       MS,
	"us":       US,
	"median":   func(s *Spread) string { m, _ := Both(s); return m },
	"worst":    func(s *Spread) string { _, w := Both(s); return w },
	"failures": bench.Failures,
	"join":     func(words []string) string { return strings.Join(words, " ") },
	"percent":  func(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) },
	"count":    func(v float64) string { return Thousands(int(v + 0.5)) },
}

// WriteHTML writes a page, which needs nothing else, by a measurement's own template.
func WriteHTML(w io.Writer, text string, data any) error {
	t, err := template.New("page").Funcs(functions).Parse(chart.Template + pageTemplate + text)
	if err != nil {
		return err
	}
	return t.Execute(w, data)
}
