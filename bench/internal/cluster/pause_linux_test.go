package cluster

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// state is what the kernel says of a process: S asleep, T stopped.
func state(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// It comes behind the name, which is in parentheses.
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

func TestPause(t *testing.T) {
	c := startTest(t, Options{Nodes: 2, Shards: 1, Replicas: 1})
	n := c.Nodes()[0]
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node stands still", func() bool { return state(t, n.current().Pid) == "T" })
	if err := n.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node goes on", func() bool { return state(t, n.current().Pid) != "T" })
	// A paused node ends as any other.
	for i, end := range []func(*Node) error{(*Node).Stop, (*Node).Kill} {
		n := c.Nodes()[i]
		if err := n.Pause(); err != nil {
			t.Fatal(err)
		}
		if err := end(n); err != nil || n.Running() {
			t.Errorf("node %d after its end: running %v, %v", i, n.Running(), err)
		}
		if err := n.Pause(); err != nil {
			t.Errorf("paused after its end: %v", err)
		}
	}
	if l := lives(t, n); l[len(l)-1] != "ended well" {
		t.Errorf("after stop: lives %q", l)
	}
}
