package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

// little is a report of its heading.
type little struct{ page.Heading }

func (l *little) WriteText(w io.Writer) error { _, err := io.WriteString(w, "a text\n"); return err }
func (l *little) WriteHTML(w io.Writer) error { _, err := io.WriteString(w, "a page\n"); return err }
func (l *little) Drawings() []page.Drawing    { return nil }

func TestMeasurement(t *testing.T) {
	broken := errors.New("it broke")
	for name, test := range map[string]struct {
		report   page.Report
		err      error
		want     error
		reported bool
		written  bool
	}{
		"good":                     {&little{page.Heading{OK: true}}, nil, nil, false, true},
		"a check failed":           {&little{}, nil, nil, true, true},
		"it broke on the way":      {&little{page.Heading{OK: true}}, broken, broken, false, true},
		"it broke before":          {nil, broken, broken, false, false},
		"nothing was measured yet": {nil, nil, bench.ErrStopped, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout strings.Builder
			out := filepath.Join(t.TempDir(), "new", "out")
			m := Measurement{Verb: "try", Out: out, Command: []string{"the", "command"}, Takes: time.Minute, Stdout: &stdout, Tell: func(string) {},
				Run: func() (page.Report, error) { return test.report, test.err }}
			err := m.Do()
			if reported := errors.As(err, new(Reported)); reported != test.reported || !reported && !errors.Is(err, test.want) {
				t.Errorf("error %v", err)
			}
			b, _ := os.ReadFile(filepath.Join(out, "report.json"))
			if _, err := os.Stat(out); (err == nil) != test.written || strings.Contains(string(b), `"command":["the","command"]`) != test.written {
				t.Errorf("directory: %v, report %s", err, b)
			}
			if strings.Contains(stdout.String(), "report in "+out) != (test.written && test.err == nil) {
				t.Errorf("says %q", stdout.String())
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := Measurement{Out: file, Run: func() (page.Report, error) { panic("measured, and nowhere to put it") }}
	if err := m.Do(); err == nil {
		t.Error("no error where a file is in the way")
	}
}
