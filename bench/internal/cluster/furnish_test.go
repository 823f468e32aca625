package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringward/ringward/bench/internal/volume"
)

func TestLinks(t *testing.T) {
	c := startTest(t, Options{Nodes: 3, Shards: 3, Replicas: 2, Links: true, Settings: []string{"--max-key", "1KiB"}})
	n, network := c.Nodes()[1], c.Network()
	eventually(t, "the node writes", func() bool { return exists(filepath.Join(n.Dir, "lives")) && lives(t, n)[0] != "" })
	first := lives(t, n)[0]
	for _, want := range []string{"--gossip " + n.Gossip, "--gossip-advertise " + network.Gossip(1), "--http-proxy " + network.Proxy(1),
		"--join " + network.Gossip(0) + "," + network.Gossip(2), "--max-key 1KiB"} {
		if !strings.Contains(first, want) {
			t.Errorf("node started as %q, want %q in it", first, want)
		}
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if listens(network.Proxy(1)) {
		t.Error("the proxy still listens")
	}
}

func TestLater(t *testing.T) {
	c := startTest(t, Options{Nodes: 2, Later: 1, Shards: 1, Replicas: 1})
	n := c.Nodes()[2]
	if n.Running() || len(c.Endpoints()) != 2 {
		t.Errorf("a later node runs: %v, and the clients' endpoints are %v", n.Running(), c.Endpoints())
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node writes", func() bool { return exists(filepath.Join(n.Dir, "lives")) && lives(t, n)[0] != "" })
	if join := "--join " + c.Nodes()[0].Gossip + "," + c.Nodes()[1].Gossip; !strings.Contains(lives(t, n)[0], join) {
		t.Errorf("node started as %q, want %q in it", lives(t, n)[0], join)
	}
}

func TestDisks(t *testing.T) {
	if err := volume.Available(); err != nil {
		t.Logf("not tested: volumes cannot be had here: %v", err)
		return
	}
	c := startTest(t, Options{Nodes: 2, Shards: 1, Replicas: 1, DiskBytes: 1 << 20})
	n := c.Nodes()[0]
	eventually(t, "the node writes", func() bool { return exists(filepath.Join(n.Dir, "lives")) && lives(t, n)[0] != "" })
	if err := n.Disk().Fill(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.Nodes()[1].Dir, "other"), 0o755); err != nil {
		t.Errorf("the other node's disk: %v", err)
	}
	if err := os.WriteFile(filepath.Join(n.Dir, "large"), make([]byte, 64<<10), 0o600); err == nil || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Errorf("written to a full disk: %v", err)
	}
	if err := n.Disk().Free(); err != nil {
		t.Fatal(err)
	}
	// What is on it outlives the node.
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node writes again", func() bool { return len(lives(t, n)) == 2 })
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if exists(c.Dir()) || exists(n.Dir) {
		t.Error("the disk is still there")
	}
}
