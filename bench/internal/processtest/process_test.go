package processtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/bench/internal/soak"
)

// binary is the ringward executable, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ringward-processtest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ringward")
	out, err := exec.Command("go", "build", "-o", path, "github.com/ringward/ringward/node/cmd/ringward").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building ringward: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

const (
	ms           = time.Millisecond
	suspectAfter = 300 * ms
	// noticed is a silence that nodes notice, with all that follows.
	noticed = 3 * suspectAfter
	// patience bounds one call. Shards are without service for a second or so, on a machine that has nothing else to do.
	patience = time.Minute
)

// target is a node by its part in the ring. Shard 0 is some shard.
func target(r faults.Role) faults.Target { return faults.Target{Role: r} }

// rounds are the shortest there are, each with a fault or two of a kind.
var rounds = map[string]faults.Plan{
	"kill/head":      {{For: noticed, Kind: faults.Kill, Target: target(faults.Head)}},
	"kill/tail":      {{For: noticed, Kind: faults.Kill, Target: target(faults.Tail)}},
	"kill/sequencer": {{For: noticed, Kind: faults.Kill, Target: target(faults.Sequencer)}},
	"kill/all": {
		{Kind: faults.KillAll},
		{At: 200 * ms, For: 50 * ms, Kind: faults.KillAll},
		{At: 400 * ms, For: 50 * ms, Kind: faults.KillAll, Other: 3, Late: 500 * ms},
	},
	"stop/all": {{Kind: faults.StopAll}},
	// The first is too short to be noticed. The second node comes back to chains that went on without it.
	"pause": {
		{For: suspectAfter / 4, Kind: faults.Pause, Target: target(faults.Tail)},
		{At: 200 * ms, For: noticed, Kind: faults.Pause, Target: target(faults.Head)},
	},
	"partition": {{For: 2 * noticed, Kind: faults.Partition, Target: target(faults.Head)}},
	"one-way": {
		{For: noticed, Kind: faults.Mute, Target: target(faults.Head)},
		{At: suspectAfter, For: noticed, Kind: faults.Deaf, Target: target(faults.Tail)},
	},
}

// TestRounds does to real processes what happens to clusters. Hundreds of other rounds can be had by ringward-bench soak.
func TestRounds(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for name, plan := range rounds {
		t.Run(name, func(t *testing.T) {
			r := soak.Round{
				Seed: 1, Topology: faults.Topology{Nodes: 5, Shards: 5, Replicas: 2}, SuspectAfter: suspectAfter, Patience: patience,
				ValueBytes: 100, Plan: plan,
			}
			result, err := r.Run(t.Context(), path, func(line string) { t.Log(line) })
			if err != nil {
				t.Fatalf("%v\nagain: go test ./bench/internal/processtest -run '%s$'", err, t.Name())
			}
			t.Logf("%d calls, %d reconfigurations", result.Calls, result.Reconfigurations)
			// With so much patience faults are waited for, and no call fails.
			if len(result.Failures) > 0 {
				t.Errorf("calls failed: %v", result.Failures)
			}
			if silent := strings.HasPrefix(name, "kill/") && name != "kill/all" || name == "partition"; silent && result.Reconfigurations == 0 {
				t.Error("nobody noticed")
			}
		})
	}
}
