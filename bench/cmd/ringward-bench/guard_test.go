package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/guard"
	"github.com/ringward/ringward/bench/internal/guardtest"
)

// TestGuard compares commits of a repository whose drivers only say how fast they were.
func TestGuard(t *testing.T) {
	g, tmp := guardtest.New(t), t.TempDir()
	for _, rate := range []struct {
		tag string
		of  int
	}{{"v1", 1000}, {"v2", 800}, {"v3", -1}} {
		g.Rate(rate.of)
		g.Commit(rate.tag)
	}
	g.Rate(1200)
	t.Setenv("TMPDIR", tmp)
	t.Setenv(guardtest.EnvLog, filepath.Join(t.TempDir(), "log"))
	t.Chdir(g.Dir)
	for args, want := range map[string]struct {
		code           int
		stdout, stderr string
	}{
		"v1":              {cli.OK, "new         working tree (", "building new"},
		"v1 v2":           {cli.Failed, "SLOWER", "puts:8: new does 0.8 times the operations of base, less than --least 0.9: 800 a second instead of 1000, medians of 3 rounds"},
		"v1 v2 --least 0": {cli.OK, "0.80", "round 3 of 3"},
		"v1 v3":           {cli.Failed, "", "round 1 of 3, puts:8: new: ringward-bench: exit status 1"},
	} {
		var stdout, stderr bytes.Buffer
		p := &program{stdout: &stdout, stderr: &stderr}
		code := p.run(t.Context(), append(strings.Fields("guard --loads puts,gets:1 --clients 8 --rounds 3"), strings.Fields(args)...))
		if code != want.code || !strings.Contains(stdout.String(), want.stdout) || (want.stdout == "") != (stdout.Len() == 0) || !strings.Contains(stderr.String(), want.stderr) {
			t.Errorf("guard %s: exit code %d\n%s\n%s", args, code, &stdout, &stderr)
		}
		nothingLeft(t, tmp)
	}

	var stdout, stderr bytes.Buffer
	p := &program{stdout: &stdout, stderr: &stderr, command: []string{"the", "command"}}
	code := p.run(t.Context(), strings.Fields("guard v2 v1 --rounds 1 -o json"))
	var r guard.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || code != cli.OK || !r.OK || len(r.Loads) != 6 || r.Loads[5].Ratio != 1.25 || r.Command[0] != "the" || r.Cluster != (guard.Cluster{Nodes: 4, Shards: 4, Replicas: 3}) {
		t.Errorf("exit code %d, %v\n%s\n%s", code, err, &stdout, &stderr)
	}
}

// TestGuardRefuses: nothing is built before all that was asked for makes sense.
func TestGuardRefuses(t *testing.T) {
	t.Chdir(guardtest.New(t).Dir)
	refuses(t, "guard", map[string]string{
		"":                            "BASE is missing",
		"a b c":                       `"c": one argument too many: want BASE [NEW]`,
		"v1":                          `BASE "v1": no such commit in`,
		"HEAD":                        `BASE "HEAD": commit`,
		"HEAD --loads puts,e:1":       `--loads: load "e:1": workload "e": want one of`,
		"HEAD --loads puts:many":      `--loads: load "puts:many": want WORKLOAD:CLIENTS`,
		"HEAD --loads puts,puts:64":   "--loads puts:64: want it once",
		"HEAD --loads puts:5000":      `--loads: load "puts:5000": clients 5000: want 1 to 4096`,
		"HEAD --loads=":               "--loads: want at least one",
		"HEAD --rounds 0":             "--rounds 0: want 1 to 1000",
		"HEAD --rounds few":           `--rounds "few": want a whole number`,
		"HEAD --least -1":             "--least -1: want 0 to 10",
		"HEAD --least NaN":            "--least NaN: want 0 to 10",
		"HEAD --duration 0s":          "--duration 0s: want more than 0s",
		"HEAD --warmup -1s":           "--warmup -1s: want 0s to",
		"HEAD --records 0":            "--records 0: want 1 to",
		"HEAD --nodes 2":              "--replicas 3: want 1 to 2",
		"HEAD --shards 0":             "--shards 0: want 1 to",
		"HEAD -o xml":                 "want text or json",
		"HEAD --ringward ./somewhere": "--ringward",
	})
	t.Chdir(t.TempDir())
	refuses(t, "guard", map[string]string{"HEAD": "want to be run in a working tree of Ringward's repository"})
}
