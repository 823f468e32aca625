package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/stores"
	"github.com/ringward/ringward/bench/internal/volume"
)

// measured is how a run of failover ended.
type measured struct {
	code           int
	stdout, stderr string
	report         failover.Report
	page           string
}

// runFailover runs it; it is stopped when it tells stopAt.
func runFailover(t *testing.T, stopAt string, args ...string) measured {
	t.Helper()
	stop, out := make(chan struct{}), filepath.Join(t.TempDir(), "out")
	var stdout bytes.Buffer
	stderr := &noticing{text: stopAt, call: sync.OnceFunc(func() { close(stop) })}
	p := &program{stdout: &stdout, stderr: stderr, stop: stop, open: stores.Ringward, start: cluster.Start, command: []string{"the", "command"}}
	load := []string{"failover", "--out", out, "--clients", "4", "--records", "50", "--rate", "200", "--value-size", "32", "--calm", "2500ms"}
	m := measured{code: p.run(t.Context(), append(load, args...))}
	m.stdout, m.stderr = stdout.String(), stderr.String()
	if b, err := os.ReadFile(filepath.Join(out, "report.json")); err == nil {
		if err := json.Unmarshal(b, &m.report); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(out, "report.html")); err == nil {
		m.page = string(b)
	}
	return m
}

// nothingLeft wants an empty directory.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
}

// TestFailover measures real processes.
func TestFailover(t *testing.T) {
	ringward := build(t)
	for name, test := range map[string]func(*testing.T, string){
		"kill": failoverKill, "stopped": failoverStopped, "undecided": failoverUndecided, "slow": failoverSlow, "elsewhere": failoverElsewhere,
	} {
		t.Run(name, func(t *testing.T) { test(t, ringward) })
	}
}

// failoverKill: what is killed is missed by its two shards, and by them alone.
func failoverKill(t *testing.T, ringward string) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	m := runFailover(t, "never", "--ringward", ringward, "--suspect-after", "300ms", "--faults", "kill", "--targets", "head", "--rounds", "1")
	if m.code != cli.OK || !m.report.OK || len(m.report.Series) != 2 || len(m.report.Series[1].Rounds) != 1 {
		t.Fatalf("exit code %d\n%s\n%s", m.code, m.stdout, m.stderr)
	}
	nothingLeft(t, tmp)
	calm, kill := m.report.Series[0], m.report.Series[1]
	if calm.Baseline == nil || calm.PerSecond < 50 || calm.Verdict.History.Verdict != "linearizable" {
		t.Errorf("without a fault: %+v", calm)
	}
	r := kill.Rounds[0]
	if len(r.Affected) != 2 || r.Last == nil || *r.Last <= 0 || *r.First > *r.Last || r.Heal == nil || r.Reconfigurations < 4 {
		t.Errorf("round %+v", r)
	}
	for _, a := range r.Affected {
		// A killed process is no matter of silence.
		if a.Split == nil || !a.Split.Evidence || a.Again == nil {
			t.Errorf("shard %d, %s: %+v", a.Shard, a.Role, a)
			continue
		}
		sum := a.Split.Detection + a.Split.Decision + a.Split.Wedge + a.Split.Activation + a.Split.Resume
		if diff := sum - *a.Again; diff < -0.01 || diff > 0.01 {
			t.Errorf("shard %d: the parts %+v are %v together, the pause is %v", a.Shard, a.Split, sum, *a.Again)
		}
	}
	if len(m.report.Summary) != 2 || m.report.Summary[0].Target != failover.Head || m.report.Summary[1].Last.Count != 1 {
		t.Errorf("summary %+v", m.report.Summary)
	}
	if !strings.Contains(m.stderr, "this takes about 20s") {
		t.Errorf("no estimate:\n%s", m.stderr)
	}
	if !strings.Contains(m.stdout, "linearizable") || !strings.Contains(m.page, "Every check passed") || !strings.Contains(m.page, "the command") {
		t.Errorf("text:\n%s\npage:\n%s", m.stdout, m.page)
	}
}

// failoverStopped ends a measurement in its second round: the first counts, and is checked.
func failoverStopped(t *testing.T, ringward string) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	m := runFailover(t, "  pause tail", "--ringward", ringward, "--suspect-after", "300ms", "--faults", "pause", "--targets", "tail", "--rounds", "50")
	if m.code != cli.OK || !m.report.Interrupted || !m.report.OK || len(m.report.Series) != 2 || len(m.report.Series[1].Rounds) != 1 {
		t.Errorf("exit code %d\n%s\n%s", m.code, m.stdout, m.stderr)
	}
	nothingLeft(t, tmp)
}

// failoverSlow: a disk that is slow for a while is slow for its shards, and leaves nothing mounted.
func failoverSlow(t *testing.T, ringward string) {
	if err := volume.SlowAvailable(); err != nil {
		t.Logf("not tested: disks that can be slow cannot be had here: %v", err)
		return
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	m := runFailover(t, "never", "--ringward", ringward, "--suspect-after", "500ms", "--faults", "slow-disk", "--targets", "tail", "--rounds", "1", "--calm", "3s")
	if m.code != cli.OK || len(m.report.Series) != 2 || len(m.report.Series[1].Rounds) != 1 {
		t.Fatalf("exit code %d\n%s\n%s", m.code, m.stdout, m.stderr)
	}
	for _, a := range m.report.Series[1].Rounds[0].Affected {
		if a.Gap < 200 {
			t.Errorf("shard %d: gap of %v ms, and a sync took 250 ms more", a.Shard, a.Gap)
		}
	}
	nothingLeft(t, tmp)
}

// failoverUndecided: a check without a verdict has failed, and what was to be checked is kept.
func failoverUndecided(t *testing.T, ringward string) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	m := runFailover(t, "never", "--ringward", ringward, "--suspect-after", "300ms", "--faults", "none", "--check-timeout", "1ns")
	if m.code != cli.Failed || m.report.OK || len(m.report.Series) != 1 || m.report.Series[0].Verdict.History.Verdict != "undecided" {
		t.Fatalf("exit code %d\n%s\n%s", m.code, m.stdout, m.stderr)
	}
	kept := m.report.Series[0].Verdict.History.History
	if _, err := os.Stat(kept); err != nil || !strings.Contains(m.stdout, kept) || !strings.Contains(m.page, "A check failed") {
		t.Errorf("history %q: %v\n%s", kept, err, m.stdout)
	}
}

// failoverElsewhere measures a cluster that somebody else runs, with commands that tell what they were asked to do.
func failoverElsewhere(t *testing.T, ringward string) {
	c, err := cluster.Start(t.Context(), cluster.Options{Ringward: ringward, Nodes: 3, Shards: 3, Replicas: 2, SuspectAfter: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	asked := filepath.Join(t.TempDir(), "asked")
	m := runFailover(t, "never", "--endpoints", c.Endpoints()[1], "--suspect-after", "50ms", "--faults", "kill", "--targets", "head,random", "--rounds", "1",
		"--inject", "echo inject $RINGWARD_FAULT $RINGWARD_NODE $RINGWARD_ADDRESS >>"+asked, "--heal", "echo heal $RINGWARD_NODE >>"+asked)
	if m.code != cli.OK || len(m.report.Series) != 2 || len(m.report.Series[1].Rounds) != 2 {
		t.Fatalf("exit code %d\n%s\n%s", m.code, m.stdout, m.stderr)
	}
	bad := runFailover(t, "never", "--endpoints", c.Endpoints()[1], "--suspect-after", "50ms", "--faults", "kill", "--targets", "head", "--rounds", "1",
		"--inject", "echo no such luck; exit 3", "--heal", "true")
	if bad.code != cli.Failed || !strings.Contains(bad.stderr, "no such luck") || len(bad.report.Series) != 2 {
		t.Errorf("a fault that cannot be inflicted: exit code %d, %s", bad.code, bad.stderr)
	}
	b, err := os.ReadFile(asked)
	if lines := strings.Split(strings.TrimSpace(string(b)), "\n"); err != nil || len(lines) != 4 || !strings.HasPrefix(lines[0], "inject kill node-") ||
		!strings.Contains(lines[0], " 127.0.0.1:") || !strings.HasPrefix(lines[1], "heal node-") {
		t.Errorf("asked, error %v:\n%s", err, b)
	}
	for _, r := range m.report.Series[1].Rounds {
		if len(r.Affected) == 0 || r.Affected[0].Split != nil || r.Last == nil {
			t.Errorf("round %+v: nothing failed, and other clocks say nothing", r)
		}
	}
}

func TestFailoverRefuses(t *testing.T) {
	refuses(t, "failover", map[string]string{
		"--faults flood":           `--faults "flood": want some of kill, pause, partition, oneway, slow-disk, reset`,
		"--faults none,kill":       "--faults none,kill: none stands alone",
		"--faults kill,pause,kill": "--faults kill: want it once",
		"--suspect-after 5ms,5ms":  "--suspect-after 5ms: want it once",
		"--targets both":           "--targets both: 5 nodes are enough for a shard of 2 and its sequencer to share none: want nodes of 3 or fewer",
		"--faults=":                "--faults: want at least one, or none by that name",
		"--endpoints a:1 --faults none --suspect-after=-5s": "--suspect-after -5s: want 1ms to 1m0s",
		"--endpoints a:1 --faults none --suspect-after 0s":  "--suspect-after 0s: want 1ms to 1m0s",
		"--targets nobody":          `--targets "nobody": want some of head, middle, tail, sequencer, both, random`,
		"--targets middle":          "--targets middle: chains of 2 have no middle: want replicas of 3 or more",
		"--rounds 0":                "--rounds 0: want 1 to",
		"--calm 1ms":                "--calm 1ms: want 1s",
		"--suspect-after 5":         `--suspect-after "5": want durations, separated by commas`,
		"--suspect-after 1us":       "--suspect-after 1µs: want 1ms",
		"--suspect-after 2m":        "--suspect-after 2m0s: want 1ms to 1m0s",
		"--clients 0":               "--clients 0: want 1 to",
		"--workload z":              `--workload "z": want one of`,
		"--value-size 8":            "--value-size 8: want at least 16 bytes",
		"--timeout 0s":              "--timeout 0s",
		"--inject x":                "name it with --endpoints",
		"--endpoints a:1":           "want a command for each, or --faults none",
		"--endpoints a:1 --nodes 3": "--nodes 3: --endpoints names a cluster that runs already",
		"--endpoints a:1 --faults none --suspect-after 1s,2s": "have one setting",
		"--ringward /no/such": `--ringward "/no/such": want an executable`,
		"now":                 `"now": one argument too many`,
	})
}
