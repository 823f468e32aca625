package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ringward/ringward/bench/internal/chart"
)

// Report is what a measurement has found. Its JSON form is that of the value itself.
type Report interface {
	Head() *Heading
	WriteText(io.Writer) error
	WriteHTML(io.Writer) error
	Drawings() []Drawing
}

// Drawing is a chart that has a name among those of its report.
type Drawing struct {
	Name string
	chart.Chart
}

// Drawings names charts of one kind: by the kind alone, or by their titles behind it.
func Drawings(kind string, charts ...chart.Chart) (all []Drawing) {
	for _, c := range charts {
		all = append(all, Drawing{strings.Trim(kind+"-"+awkward.ReplaceAllString(strings.ToLower(c.Title), "-"), "-"), c})
	}
	return all
}

// awkward is what is in no file's name.
var awkward = regexp.MustCompile(`[^a-z0-9.]+`)

// Write writes a report into a directory, which is made where there is none: report.json, report.txt, report.html, and each drawing NAME.svg.
func Write(dir string, r Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	write := func(name string, write func(io.Writer) error) error {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	errs := []error{
		write("report.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(r) }),
		write("report.txt", r.WriteText),
		write("report.html", r.WriteHTML),
	}
	for _, d := range r.Drawings() {
		errs = append(errs, write(d.Name+".svg", d.WriteSVG))
	}
	return errors.Join(errs...)
}

// KindOf is which measurement a report.json is of.
func KindOf(name string) (string, error) {
	var r struct {
		Kind string `json:"kind"`
	}
	err := read(name, &r)
	return r.Kind, err
}

// Read reads a report.json of the wanted kind and schema.
func Read(name, kind string, schema int, into Report) error {
	var r struct {
		Kind   string `json:"kind"`
		Schema int    `json:"schema"`
	}
	if err := read(name, &r); err != nil {
		return err
	}
	if r.Kind != kind || r.Schema != schema {
		return fmt.Errorf("%s: report of kind %q and schema %d, want %s and %d", name, r.Kind, r.Schema, kind, schema)
	}
	return read(name, into)
}

func read(name string, into any) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
