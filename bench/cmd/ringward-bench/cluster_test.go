package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/stores"
)

// build builds the executable of the nodes.
func build(t *testing.T) string {
	t.Helper()
	ringward := filepath.Join(t.TempDir(), "ringward")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", ringward, "github.com/ringward/ringward/node/cmd/ringward").CombinedOutput(); err != nil {
		t.Fatalf("building ringward: %v\n%s", err, out)
	}
	return ringward
}

// TestOwnCluster runs everything for real: processes, disks, sockets, the SDK. Afterwards nothing of it may be left.
func TestOwnCluster(t *testing.T) {
	ringward := build(t)
	tmp, profiles := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv(envEndpoints, "")
	var stdout, stderr bytes.Buffer
	p := &program{stdout: &stdout, stderr: &stderr, open: stores.Ringward, start: cluster.Start}
	code := p.run(t.Context(), strings.Fields("run --nodes 3 --shards 3 --replicas 2 --suspect-after 2s --workload f --clients 8 --connections 2 "+
		"--records 200 --value-size 64 --warmup 0s --duration 300ms --check -o json --profile "+profiles+" --ringward "+ringward))
	if code != cli.OK {
		t.Fatalf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
	var r bench.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Total.Count == 0 || r.Check.Verdict != "linearizable" || r.Target.Cluster.Nodes != 3 || len(r.Parts) != 3 ||
		!strings.HasPrefix(r.Target.Cluster.Ringward, "ringward ") {
		t.Errorf("report %s", &stdout)
	}
	for _, name := range []string{"driver", "node-1", "node-2", "node-3"} {
		// A profile is compressed: what else a node might answer is not.
		if b, err := os.ReadFile(filepath.Join(profiles, name+".pprof")); err != nil || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			t.Errorf("profile of %s: %q, %v", name, b, err)
		}
	}
	for _, e := range r.Target.Endpoints {
		if c, err := net.Dial("tcp", e); err == nil {
			c.Close()
			t.Errorf("somebody still listens on %s", e)
		}
	}
	if entries, err := os.ReadDir(tmp); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
}
