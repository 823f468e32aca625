package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/scale"
	"github.com/ringward/ringward/bench/internal/stores"
)

// runScale runs it; it is stopped when it tells stopAt.
func runScale(t *testing.T, stopAt string, args ...string) (code int, r scale.Report, output string) {
	t.Helper()
	stop, out := make(chan struct{}), filepath.Join(t.TempDir(), "out")
	var stdout bytes.Buffer
	stderr := &noticing{text: stopAt, call: sync.OnceFunc(func() { close(stop) })}
	p := &program{stdout: &stdout, stderr: stderr, stop: stop, open: stores.Ringward, start: cluster.Start, command: []string{"the", "command"}}
	load := []string{"scale", "--out", out, "--clients", "4", "--records", "50", "--rate", "200", "--value-size", "32", "--suspect-after", "300ms", "--warmup", "500ms", "--duration", "1s", "--rounds", "1"}
	code = p.run(t.Context(), append(load, args...))
	if b, err := os.ReadFile(filepath.Join(out, "report.json")); err == nil {
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
	}
	return code, r, stdout.String() + stderr.String()
}

// TestScale measures real processes.
func TestScale(t *testing.T) {
	ringward, tmp := build(t), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	code, r, output := runScale(t, "never", "--ringward", ringward, "--nodes", "3", "--shards", "2,4")
	if code != cli.OK || !r.OK || r.Interrupted || len(r.Points) != 2 || r.Kind != scale.Kind {
		t.Fatalf("exit code %d\n%s", code, output)
	}
	for i, p := range r.Points {
		if p.Nodes != 3 || p.Shards != []int{2, 4}[i] || p.PerSecond < 50 || p.Latency == nil || len(p.Verdicts) != 2 || len(p.Rounds) != 1 || p.Rounds[0].Hit < 1 || p.Rounds[0].Hit > p.Shards {
			t.Errorf("point %+v", p)
		}
	}
	// The first node that is drawn is a member of some shards, and the others decide about those.
	if p := r.Points[1]; p.Last == nil || p.Rounds[0].Hit == 4 || p.Reconfigurations < p.Rounds[0].Hit {
		t.Errorf("4 shards: %+v", p)
	}
	nothingLeft(t, tmp)

	code, r, output = runScale(t, "3 nodes, 3 shards", "--ringward", ringward, "--nodes", "3", "--shards", "2,3")
	if code != cli.OK || !r.Interrupted || !r.OK || len(r.Points) != 1 || !strings.Contains(output, "interrupted") {
		t.Errorf("stopped: exit code %d\n%s", code, output)
	}
	nothingLeft(t, tmp)
}

func TestScaleRefuses(t *testing.T) {
	refuses(t, "scale", map[string]string{
		"--nodes 1":             "--replicas 2: want 1 to 1",
		"--nodes 3,x":           `--nodes "3,x": want whole numbers, separated by commas`,
		"--nodes 3,3":           "--nodes 3: want it once",
		"--shards 0":            "--shards 0: want 1 to",
		"--duration 1ms":        "--duration 1ms: want 1s to",
		"--warmup -1s":          "--warmup -1s: want 0s to",
		"--rounds 0":            "--rounds 0: want 1 to",
		"--suspect-after 0s":    "--suspect-after 0s: want 1ms to 1m0s",
		"--suspect-after 1s,2s": `--suspect-after "1s,2s": want a duration`,
		"--workload e":          `--workload "e": want one of`,
		"--timeout 0s":          "--timeout 0s",
		"--ringward /no/such":   `--ringward "/no/such": want an executable`,
		"now":                   `"now": one argument too many`,
	})
}
