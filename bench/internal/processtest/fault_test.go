package processtest

import (
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/bench/internal/soak"
)

// TestFaults carries out the shortest of rounds: a fault or two of a kind. For hundreds of others there is ringward-bench soak.
func TestFaults(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	const ms = time.Millisecond
	head, tail := faults.Target{Role: faults.Head}, faults.Target{Role: faults.Tail}
	for name, plan := range map[string]faults.Plan{
		// Twice, once too short to be noticed, and once of a node that comes back to chains that went on without it.
		"pause":     {{At: 0, For: suspectAfter / 4, Kind: faults.Pause, Target: tail}, {At: 200 * ms, For: 3 * suspectAfter, Kind: faults.Pause, Target: head}},
		"partition": {{At: 0, For: 6 * suspectAfter, Kind: faults.Partition, Target: head}},
		"one-way":   {{At: 0, For: 3 * suspectAfter, Kind: faults.Mute, Target: head}, {At: suspectAfter, For: 3 * suspectAfter, Kind: faults.Deaf, Target: tail}},
		"kill-all":  {{At: 0, For: 50 * ms, Kind: faults.KillAll}},
	} {
		t.Run(name, func(t *testing.T) {
			r := soak.Round{
				Seed: 1, Topology: faults.Topology{Nodes: 4, Shards: 4, Replicas: 2}, SuspectAfter: suspectAfter, Patience: patience,
				ValueBytes: 100, Plan: plan,
			}
			result, err := r.Run(t.Context(), path, func(line string) { t.Log(line) })
			if err != nil {
				t.Fatalf("%v\nagain: go test ./bench/internal/processtest -run '%s$'", err, t.Name())
			}
			t.Logf("%d calls, %d of unknown outcome, %d reconfigurations", result.Calls, result.Unknown, result.Epochs)
			if name == "partition" && result.Epochs == 0 {
				t.Error("nobody noticed: the links were not cut")
			}
		})
	}
}
