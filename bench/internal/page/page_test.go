package page

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/internal/chart"
)

func TestFigures(t *testing.T) {
	for ms, want := range map[float64]string{0: "0s", 0.126: "130µs", 7.46: "7.5ms", 123.4: "123ms", 61_000: "1m1s"} {
		if got := MS(ms); got != want {
			t.Errorf("%v ms is written %q, want %q", ms, got, want)
		}
	}
	if s := NewSpread([]float64{5, 1, 4}); *s != (Spread{3, 4, 5}) {
		t.Errorf("spread %+v", s)
	}
	if s := NewSpread([]float64{8, 1, 4, 2}); *s != (Spread{4, 3, 8}) || NewSpread(nil) != nil {
		t.Errorf("spread %+v", s)
	}
	if got := Thousands(1234567); got != "1\u202f234\u202f567" || Thousands(12) != "12" {
		t.Errorf("number %q", got)
	}
}

// little is a report of a word and two charts.
type little struct {
	Heading
	Word string
}

func (l *little) WriteText(w io.Writer) error {
	_, err := fmt.Fprintln(w, l.Word)
	return err
}

func (l *little) WriteHTML(w io.Writer) error {
	return WriteHTML(w, `{{template "head" .Word}}<p>{{.Word}}</p>{{template "foot"}}`, l)
}

func (l *little) Drawings() []Drawing {
	return Drawings("speed", chart.Chart{Title: "Put & Get"}, chart.Chart{})
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "one")
	if err := Write(dir, &little{Word: "a < b"}); err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"report.html", "report.json", "report.txt", "speed-put-get.svg", "speed.svg"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("files %q, error %v; want %q", names, err, want)
	}
	for name, want := range map[string]string{"report.html": "<p>a &lt; b</p>", "report.json": `"Word":"a \u003c b"}`, "report.txt": "a < b\n"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s, error %v: %s", name, err, b)
		}
	}
	if err := Write(filepath.Join(dir, "report.txt"), &little{}); err == nil {
		t.Error("no error where a file is in the way")
	}
}
