package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/internal/cli"
)

// draw runs it on a report of this text.
func draw(t *testing.T, text string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := &program{stdout: &out, stderr: &errs}
	code = p.run(t.Context(), append([]string{"draw", name}, args...))
	return code, out.String(), errs.String()
}

// TestDraw: a report of each kind has its page, and its files where a directory is named.
func TestDraw(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema":1,"kind":"failover","command":["a"]}`:                                   "What clients saw when nodes failed",
		`{"schema":1,"kind":"scale","points":[{"nodes":3,"shards":8}]}`:                    "More shards and more nodes",
		`{"schema":1,"kind":"compare","stores":[{"name":"ringward","linearizable":true}]}`: "store by store",
	} {
		if code, page, stderr := draw(t, text); code != cli.OK || !strings.Contains(page, want) {
			t.Errorf("%s: exit code %d, %s\n%s", text, code, stderr, page)
		}
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := draw(t, text, "--out", out)
		if page, err := os.ReadFile(filepath.Join(out, "report.html")); code != cli.OK || stdout != "" || err != nil || !strings.Contains(string(page), want) {
			t.Errorf("%s: exit code %d, %s, error %v\n%s", text, code, stderr, err, page)
		}
	}
}

func TestDrawRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{}": `report of kind "": want failover, scale or compare`, "no": "invalid character", `{"schema":1,"kind":"odd"}`: `report of kind "odd": want failover`,
		`{"schema":2,"kind":"scale"}`: `report of kind "scale" and schema 2, want scale and 1`,
	} {
		if code, stdout, stderr := draw(t, text); code != cli.Failed || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("%q: exit code %d, %q; want %d, %q", text, code, stderr, cli.Failed, want)
		}
	}
	if code, _, stderr := draw(t, `{"schema":1,"kind":"scale"}`, "--against", "x"); code != cli.BadUsage || !strings.Contains(stderr, "only those of failover have others") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	other := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(other, []byte(`{"schema":1,"kind":"scale"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := draw(t, `{"schema":1,"kind":"failover"}`, "--against", other); code != cli.Failed || !strings.Contains(stderr, `report of kind "scale" and schema 1, want failover and 1`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
