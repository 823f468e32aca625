package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/guardtest"
)

// bed is a repository of several commits, tagged with how many operations a second their drivers report, and a place that must be empty at the end.
type bed struct {
	*guardtest.Repository
	t        *testing.T
	tmp, log string
	options  Options
	tell     func(line string)
}

func newBed(t *testing.T, rates ...int) *bed {
	b := &bed{Repository: guardtest.New(t), t: t, tmp: t.TempDir(), log: filepath.Join(t.TempDir(), "log"), tell: func(string) {}}
	for _, rate := range rates {
		b.Rate(rate)
		b.Commit(fmt.Sprint("r", rate))
	}
	t.Setenv("TMPDIR", b.tmp)
	t.Setenv(guardtest.EnvLog, b.log)
	b.options = Options{
		Loads:  []Load{{"puts", 4}, {"gets", 1}},
		Each:   bench.Options{Records: 10, ValueSize: 100, Seed: 7, Warmup: time.Second, Duration: 2 * time.Second},
		Rounds: 2, Least: 0.9, Cluster: cluster.Options{Nodes: 4, Shards: 5, Replicas: 3},
		Tell: func(line string) { b.tell(line) },
	}
	repository, err := Find(t.Context(), b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	b.options.Repository = repository
	return b
}

// commit is one by its name; "": the working tree.
func (b *bed) commit(name string) Source {
	b.t.Helper()
	find := func() (Source, error) { return b.options.Repository.Commit(b.t.Context(), name) }
	if name == "" {
		find = func() (Source, error) { return b.options.Repository.WorkingTree(b.t.Context()) }
	}
	s, err := find()
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// run compares two commits, and looks whether anything is left behind.
func (b *bed) run(base, new string) (*Report, error) {
	b.t.Helper()
	b.options.Base, b.options.New = b.commit(base), b.commit(new)
	status := b.Git("status", "--porcelain")
	r, err := Run(b.t.Context(), b.options)
	if list := b.Git("worktree", "list", "--porcelain"); strings.Count(list, "worktree ") != 1 {
		b.t.Errorf("worktrees are left:\n%s", list)
	}
	if now := b.Git("status", "--porcelain"); now != status {
		b.t.Errorf("the working tree was %q, and is %q", status, now)
	}
	if left, err := os.ReadDir(b.tmp); err != nil || len(left) > 0 {
		b.t.Errorf("left behind: %v, %v", left, err)
	}
	for _, line := range b.logged() {
		pid, err := strconv.Atoi(strings.Fields(line)[0])
		if err != nil || syscall.Kill(pid, 0) == nil {
			b.t.Errorf("process %s runs, or is none: %v", line, err)
		}
	}
	return r, err
}

// logged are the runs of drivers.
func (b *bed) logged() []string {
	text, err := os.ReadFile(b.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Error(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// TestRun compares two commits: the drivers that were built of them take turns, each with the nodes that were built with it.
func TestRun(t *testing.T) {
	b := newBed(t, 1000, 850)
	b.Write(".git/hooks/post-checkout", "#!/bin/sh\necho the hook was run >>"+b.log+"\n")
	if err := os.Chmod(filepath.Join(b.Dir, ".git/hooks/post-checkout"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RINGWARD_ENDPOINTS", "nobody:1")
	r, err := b.run("r1000", "r850")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range b.logged() {
		words := strings.Fields(line)
		i := slices.Index(words, "--ringward")
		if bin := filepath.Dir(words[i+1]); filepath.Base(bin) != map[string]string{"1000": "base", "850": "new"}[words[1]] {
			t.Errorf("the nodes of %s are from %s", words[1], bin)
		}
		got = append(got, strings.Join(slices.Concat(words[1:2], words[2:i]), " "))
	}
	run := func(rate int, load string) string {
		return fmt.Sprintf("%d run --output json --workload %s --records 10 --value-size 100 --rate 0 --seed 7 --warmup 1s --duration 2s --nodes 4 --shards 5 --replicas 3", rate, load)
	}
	puts, gets := "puts --clients 4", "gets --clients 1"
	want := []string{run(1000, puts), run(850, puts), run(1000, gets), run(850, gets), run(850, puts), run(1000, puts), run(850, gets), run(1000, gets)}
	if !slices.Equal(got, want) {
		t.Errorf("runs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(r.Loads) != 2 || r.OK || r.Interrupted || r.Base.Ringward != "ringward of 1000" || r.New.Ringward != "ringward of 850" {
		t.Fatalf("report %+v", r)
	}
	for i, l := range b.options.Loads {
		if x := r.Loads[i]; x.Load != l || x.Rounds != 2 || x.Ratio != 0.85 || x.P50Ratio != 1 || x.P99Ratio != 1 {
			t.Errorf("load %+v", x)
		}
	}
	want = []string{"puts:4: new does 0.85 times the operations of base, less than --least 0.9: 850 a second instead of 1000, medians of 2 rounds",
		"gets:1: new does 0.85 times"}
	if err := r.Verdict(); err == nil || !strings.HasPrefix(err.Error(), want[0]+"\n"+want[1]) {
		t.Errorf("verdict %v", err)
	}

	// What is fast enough by less than asked is fast enough.
	b.options.Least = 0.85
	if r, err := b.run("r1000", "r850"); err != nil || !r.OK || r.Verdict() != nil {
		t.Errorf("with least 0.85: %v, %+v", err, r)
	}
}

// TestWorkingTree: what is not committed is what is measured, and stays as it is.
func TestWorkingTree(t *testing.T) {
	b := newBed(t, 1000)
	if s := b.commit(""); s.Changed || s.String() != "working tree ("+s.Commit[:12]+")" {
		t.Errorf("working tree %+v, %v", s, s)
	}
	b.Rate(2000)
	// A hook of git's that runs this has such.
	index := filepath.Join(t.TempDir(), "index")
	t.Setenv("GIT_INDEX_FILE", index)
	t.Setenv("GIT_DIR", t.TempDir())
	r, err := b.run("HEAD", "")
	if err != nil || !r.OK || r.Loads[0].Ratio != 2 {
		t.Fatalf("%v, %+v", err, r)
	}
	if _, err := os.Stat(index); err == nil {
		t.Error("the index of the hook was written")
	}
	if hash := b.Git("rev-parse", "HEAD"); !r.New.Changed || !r.New.Tree || r.New.Commit != hash || r.Base.Commit != hash {
		t.Errorf("base %+v, new %+v", r.Base, r.New)
	}
}

// TestStop ends a comparison at each of its stages. Nothing is left, and what was measured is reported.
func TestStop(t *testing.T) {
	for name, test := range map[string]struct {
		at   string // what it says when it is stopped
		wait int    // or the number of the run during which it is
		err  string
	}{
		"building base":  {"building base", 0, bench.ErrStopped.Error()},
		"building new":   {"building new", 0, bench.ErrStopped.Error()},
		"first round":    {"", 2, bench.ErrStopped.Error()},
		"another round":  {"", 6, "interrupted: not all rounds were measured"},
		"its first pair": {"", 4, "interrupted: not all rounds were measured"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 1000, 950)
			stop := make(chan struct{})
			b.options.Stop = stop
			if test.wait > 0 {
				t.Setenv(guardtest.EnvWait, strconv.Itoa(test.wait))
				go func() {
					defer close(stop)
					look := time.NewTicker(10 * time.Millisecond)
					defer look.Stop()
					for len(b.logged()) < test.wait && t.Context().Err() == nil {
						<-look.C
					}
				}()
			}
			b.tell = func(line string) {
				if test.wait == 0 && strings.HasPrefix(line, test.at) {
					close(stop)
				}
			}
			r, err := b.run("r1000", "r950")
			if err == nil || err.Error() != test.err {
				t.Errorf("error %v", err)
			}
			if measured := test.wait > 2; (r != nil) != measured || measured && (!r.Interrupted || r.OK || r.Loads[0].Rounds != 1 || len(r.Loads) != test.wait/4+test.wait/6) {
				t.Errorf("report %+v", r)
			}
			if n := len(b.logged()); n != test.wait {
				t.Errorf("%d runs, want %d", n, test.wait)
			}
		})
	}
}

// TestFails: what keeps a comparison from being made is named, and ends it. What was measured by then is reported, and is not called good.
func TestFails(t *testing.T) {
	b := newBed(t, 1000, -1)
	r, err := b.run("r1000", "r-1")
	if r != nil || err == nil || !strings.Contains(err.Error(), "round 1 of 2, puts:4: new: ringward-bench: exit status 1:\na driver that fails") {
		t.Errorf("a driver that fails: %v", err)
	}
	b.Write("bench/cmd/ringward-bench/main.go", "package main\n\nfunc main() { undefined() }\n")
	b.Commit("broken")
	r, err = b.run("r1000", "broken")
	if r != nil || err == nil || !strings.HasPrefix(err.Error(), "building new: go: exit status 1:\n") || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("a commit that cannot be built: %v", err)
	}
	for what, print := range map[string]string{
		"the report of ringward-bench run":                                 "no report",
		"ringward-bench run wrote a report of schema 2: want 1":            `{"schema": 2}`,
		"ringward-bench run was interrupted":                               `{"schema": 1, "interrupted": true}`,
		"no operation succeeded in time; errors: timeout 2, unavailable 3": `{"schema": 1, "total": {"errors": {"unavailable": 3, "timeout": 2}}}`,
	} {
		b.Write("bench/cmd/ringward-bench/main.go", fmt.Sprintf("package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(%q) }\n", print))
		if _, err := b.run("r1000", ""); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("a driver that prints %q: %v, want %q", print, err, what)
		}
	}
}

// TestInvalid: what makes no sense is refused before anything is built.
func TestInvalid(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"loads: want at least one":    func(o *Options) { o.Loads = nil },
		"loads puts:4: want it once":  func(o *Options) { o.Loads = []Load{{"puts", 4}, {"gets", 4}, {"puts", 4}} },
		"rounds 0: want 1 to 1000":    func(o *Options) { o.Rounds = 0 },
		"least NaN: want 0 to 10":     func(o *Options) { o.Least = 0; o.Least /= o.Least },
		"clients 0: want 1 to":        func(o *Options) { o.Loads = []Load{{"puts", 0}} },
		"duration 0s: want more than": func(o *Options) { o.Each.Duration = 0 },
		"replicas 5: want 1 to 4":     func(o *Options) { o.Cluster.Replicas = 5 },
	} {
		o := Options{Loads: []Load{{"puts", 4}}, Rounds: 1, Each: bench.Options{Records: 10, Duration: time.Second}, Cluster: cluster.Options{Nodes: 4, Shards: 4, Replicas: 3},
			Tell: func(line string) { t.Errorf("begins, and says %s", line) }}
		change(&o)
		if r, err := Run(context.Background(), o); r != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
