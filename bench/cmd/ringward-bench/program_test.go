package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
)

// memory is a store that keeps its promises, unless it is told to break them.
type memory struct {
	mu       sync.Mutex
	values   map[string][2]value // what the key holds, and what it held before
	versions uint64
	stale    bool // answers reads with what the key held before
	down     bool // answers nothing once the records are loaded
	loaded   int
	onGet    func()
	closed   int
}

type value struct {
	data    string
	version uint64
}

func (m *memory) Get(_ context.Context, key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.onGet != nil {
		m.onGet()
	}
	v := m.values[key][0]
	if m.stale {
		v = m.values[key][1]
	}
	switch {
	case m.down:
		return nil, 0, &bench.Error{Failure: bench.Unavailable}
	case v.version == 0:
		return nil, 0, &bench.Error{Failure: bench.NotFound}
	}
	return []byte(v.data), v.version, nil
}

func (m *memory) Put(_ context.Context, key string, data []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.put(key, data)
}

func (m *memory) put(key string, data []byte) (uint64, error) {
	if m.loaded++; m.down && m.loaded > 10 {
		return 0, &bench.Error{Failure: bench.Unavailable}
	}
	m.versions++
	m.values[key] = [2]value{{string(data), m.versions}, m.values[key][0]}
	return m.versions, nil
}

func (m *memory) CAS(_ context.Context, key string, expected uint64, data []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if current := m.values[key][0].version; current != expected {
		return current, &bench.Error{Failure: bench.Mismatch}
	}
	return m.put(key, data)
}

func (m *memory) Close() error {
	m.closed++
	return nil
}

// refuses checks that a verb takes none of these arguments, and says why.
func refuses(t *testing.T, verb string, wants map[string]string) {
	t.Helper()
	for args, want := range wants {
		var stdout, stderr bytes.Buffer
		p := &program{stdout: &stdout, stderr: &stderr}
		if code := p.run(t.Context(), append([]string{verb}, strings.Fields(args)...)); code != cli.BadUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s %s: exit code %d, %q; want %d, %q", verb, args, code, stderr.String(), cli.BadUsage, want)
		}
	}
}

// result is how a run of the program ended.
type result struct {
	code           int
	stdout, stderr string
}

// execute runs the program against a store in memory. Starting a cluster is an error.
func execute(t *testing.T, m *memory, stop <-chan struct{}, args ...string) result {
	t.Helper()
	t.Setenv(envEndpoints, "")
	m.values = make(map[string][2]value)
	var stdout, stderr bytes.Buffer
	p := &program{
		stdout: &stdout, stderr: &stderr, stop: stop, command: append([]string{"ringward-bench"}, args...),
		open: func(_ context.Context, endpoints []string, _ time.Duration) (bench.Store, error) {
			if endpoints[0] == "nobody:1" {
				return nil, errors.New("nobody answers")
			}
			return m, nil
		},
		start: func(context.Context, cluster.Options) (*cluster.Cluster, error) {
			return nil, errors.New("a cluster is started")
		},
	}
	code := p.run(t.Context(), args)
	return result{code, stdout.String(), stderr.String()}
}

// quick are the flags of a run that is over at once.
func quick(args ...string) []string {
	return append([]string{"run", "--endpoints", "a:1,b:2", "--records", "10", "--duration", "20ms", "--warmup", "0s", "--clients", "2"}, args...)
}

func TestRunText(t *testing.T) {
	m := &memory{}
	got := execute(t, m, nil, quick("--workload", "F", "--check", "--connections", "2")...)
	if got.code != cli.OK || got.stderr != "" || m.closed != 2 {
		t.Fatalf("got %+v, %d stores closed", got, m.closed)
	}
	for _, want := range []string{"50% read, 50% read-modify-write", "a:1,b:2", "2 over 2 connections", "history     linearizable", "errors      none"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("output lacks %q:\n%s", want, got.stdout)
		}
	}
}

func TestRunJSON(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history.jsonl")
	got := execute(t, &memory{}, nil, quick("-o", "json", "--rate", "5000", "--history", name, "--distribution", "uniform", "--seed", "9")...)
	if got.code != cli.OK || got.stderr != "" {
		t.Fatalf("got %+v", got)
	}
	var r bench.Report
	d := json.NewDecoder(strings.NewReader(got.stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != bench.Schema || r.Total.Count == 0 || r.Setting.Rate != 5000 || r.Setting.Seed != 9 || r.Setting.Distribution != bench.Uniform ||
		r.OpenLoop == nil || r.Check.History != name || r.Check.Verdict != "linearizable" || r.Command[0] != "ringward-bench" || len(r.Target.Endpoints) != 2 {
		t.Errorf("report %s", got.stdout)
	}
	checked := execute(t, &memory{}, nil, "check", name, "-o", "json")
	if checked.code != cli.OK || !strings.Contains(checked.stdout, `"verdict":"linearizable"`) {
		t.Errorf("check says %+v", checked)
	}
}

func TestViolationIsFoundAndKept(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	got := execute(t, &memory{stale: true}, nil, quick("--check")...)
	if got.code != cli.Failed || !strings.Contains(got.stdout, "history     violated") || !strings.Contains(got.stderr, "no order of the calls explains how this one ended") {
		t.Fatalf("got %+v", got)
	}
	files, err := fs.Glob(os.DirFS(tmp), "ringward-history-*.jsonl")
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, error %v: want one history", files, err)
	}
	name := filepath.Join(tmp, files[0])
	if !strings.Contains(got.stdout, "kept in "+name) {
		t.Errorf("the output does not name %s:\n%s", name, got.stdout)
	}
	checked := execute(t, &memory{}, nil, "check", name)
	if checked.code != cli.Failed || !strings.HasPrefix(checked.stdout, "violated: ") || checked.stderr != "" {
		t.Errorf("check says %+v", checked)
	}
}

func TestUndecidedIsAFailure(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	got := execute(t, &memory{}, nil, quick("--check", "--check-timeout", "1ns")...)
	if got.code != cli.Failed || !strings.Contains(got.stdout, "history     undecided") || !strings.Contains(got.stdout, "kept in ") {
		t.Errorf("got %+v", got)
	}
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	got := execute(t, &memory{}, nil, quick("--history", filepath.Join(t.TempDir(), "none", "history.jsonl"))...)
	if got.code != cli.Failed || !strings.Contains(got.stderr, "the history is not kept") || !strings.Contains(got.stdout, "linearizable") {
		t.Errorf("got %+v", got)
	}
}

func TestNoSuccessIsAFailure(t *testing.T) {
	got := execute(t, &memory{down: true}, nil, quick()...)
	if got.code != cli.Failed || !strings.Contains(got.stderr, "no operation succeeded") || !strings.Contains(got.stdout, "unavailable") {
		t.Errorf("got %+v", got)
	}
}

func TestStopReportsWhatWasMeasured(t *testing.T) {
	stop := make(chan struct{})
	var once sync.Once
	m := &memory{onGet: func() { once.Do(func() { close(stop) }) }}
	got := execute(t, m, stop, "run", "--endpoints", "a:1", "--records", "10", "--duration", "1h", "--warmup", "0s", "--check")
	if got.code != cli.OK || !strings.Contains(got.stdout, "interrupted: 3600s were planned") || !strings.Contains(got.stdout, "linearizable") {
		t.Errorf("got %+v", got)
	}
}

func TestStopBeforeTheMeasurement(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	got := execute(t, &memory{}, stop, quick()...)
	if got.code != cli.Failed || !strings.Contains(got.stderr, "stopped before anything was measured") || got.stdout != "" {
		t.Errorf("got %+v", got)
	}
}

func TestOpenFails(t *testing.T) {
	got := execute(t, &memory{}, nil, "run", "--endpoints", "nobody:1")
	if got.code != cli.Failed || got.stderr != "ringward-bench: nobody answers\n" {
		t.Errorf("got %+v", got)
	}
}

func TestEndpointsFromTheEnvironment(t *testing.T) {
	t.Setenv(envEndpoints, "") // restored at the end, whatever execute sets
	var asked []string
	p := &program{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), open: func(_ context.Context, endpoints []string, _ time.Duration) (bench.Store, error) {
		asked = endpoints
		return nil, errors.New("enough")
	}}
	os.Setenv(envEndpoints, "a:1, b:2")
	p.run(t.Context(), []string{"run"})
	if len(asked) != 2 || asked[1] != "b:2" {
		t.Errorf("asked %q", asked)
	}
	p.run(t.Context(), []string{"run", "--endpoints", "c:3"})
	if len(asked) != 1 || asked[0] != "c:3" {
		t.Errorf("asked %q: the flag comes first", asked)
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct{ args, want string }{
		{"walk", "walk: no such verb: want run, check, soak, failover, scale, guard or draw"},
		{"run now", `"now": one argument too many`},
		{"check", "FILE is missing"},
		{"run --workload e", `--workload "e": want one of a, b, c, d, f, puts, gets`},
		{"run --distribution normal", `--distribution "normal": want one of zipfian, uniform, latest`},
		{"run --clients 0", "--clients 0: want 1 to 4096"},
		{"run --clients many", `--clients "many": want a whole number`},
		{"run --clients", "--clients"},
		{"run --records 0", "--records 0: want 1 to 1000000000"},
		{"run --records -5", `--records "-5": want a whole number of 0 or more`},
		{"run --value-size -1", "--value-size -1: want 0 to"},
		{"run --value-size 8 --check", "--value-size 8: want at least 16 bytes where histories are checked"},
		{"run --value-size 8 --history h", "--value-size 8: want at least 16 bytes where histories are checked"},
		{"run --duration 10", `--duration "10": want a duration, such as 10s`},
		{"run --duration 0s", "--duration 0s: want more than 0s"},
		{"run --warmup -1s", "--warmup -1s: want 0s to"},
		{"run --rate -1", "--rate -1: want 0 (closed loop) to"},
		{"run --rate fast", `--rate "fast": want a number`},
		{"run --rate NaN", "--rate NaN: want 0"},
		{"run --connections 65", "--connections 65: want 1 to 64, the number of clients"},
		{"run --timeout 0s", "--timeout 0s: want more than 0s"},
		{"run --check-timeout 0s", "--check-timeout 0s: want more than 0s"},
		{"run -o xml", "want text or json"},
		{"run --check=maybe", `--check "maybe": want true or false`},
		{"run --endpoints here", `--endpoints "here": want host:port`},
		{"run --endpoints a:1,:2", `--endpoints ":2": want host:port`},
		{"run --endpoints a:1 --nodes 3", "--nodes 3: --endpoints names a cluster that runs already"},
		{"run --nodes 0", "--nodes 0: want 1 to 99"},
		{"run --replicas 6", "--replicas 6: want 1 to 5"},
		{"run --shards 0", "--shards 0: want 1 to 4096"},
		{"run --suspect-after 1us", "--suspect-after 1µs: want 1ms or more"},
		{"run --suspect-after 0s", "--suspect-after 0s: want 1ms or more"},
		{"run --ringward ./none", `--ringward "./none": want an executable`},
		{"run --colour red", "--colour"},
		{"check f --timeout 0s", "--timeout 0s: want more than 0s"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			got := execute(t, &memory{}, nil, strings.Fields(test.args)...)
			if got.code != cli.BadUsage || !strings.Contains(got.stderr, test.want) || got.stdout != "" {
				t.Errorf("got %+v, want exit code 2 and %q", got, test.want)
			}
		})
	}
}

func TestCheckOfWhatIsNoHistory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := execute(t, &memory{}, nil, "check", name)
	if got.code != cli.Failed || !strings.Contains(got.stderr, name+": line 1") {
		t.Errorf("got %+v", got)
	}
}

func TestNoExecutable(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	got := execute(t, &memory{}, nil, "run")
	if got.code != cli.BadUsage || !strings.Contains(got.stderr, "--ringward") || !strings.Contains(got.stderr, "--endpoints") {
		t.Errorf("got %+v", got)
	}
}
