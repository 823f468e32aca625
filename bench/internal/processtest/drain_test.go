package processtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
)

// verb runs a verb of the program, and returns what it wrote.
func verb(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := c.Verb(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNodesComeAndGo: a node that joins gets its share of the work, one that drains loses it, and one that is removed
// stays away; and no call fails meanwhile.
func TestNodesComeAndGo(t *testing.T) {
	const shards = 8
	c := start(t, cluster.Options{
		Nodes: 4, Later: 1, Shards: shards, Replicas: 2, SuspectAfter: neverSuspect, Settings: []string{"--regrow-after", "1s"},
	})
	write(t, c)
	u := newUsers(t, c, 8)
	joins, leaves := c.Nodes()[4], c.Nodes()[0]
	if err := joins.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitCluster(t, joins)
	// Sixteen replicas on five nodes are three for each. But where the first two shards that it takes are four apart in the ring, it has a
	// neighbour everywhere else, and no single exchange makes that better; two always do.
	await(t, func() bool { return len(hosts(t, joins)) >= 2 }, "the new node has its share")
	t.Logf("while it joined no call took longer than %v", u.mark().Round(ms))

	out := verb(t, c, "drain", leaves.Name)
	if !strings.Contains(out, leaves.Name+" holds nothing") {
		t.Errorf("drain says:\n%s", out)
	}
	if in := hosts(t, leaves); len(in) > 0 {
		t.Errorf("%s has drained, and is ACTIVE in shards %v", leaves.Name, in)
	}
	t.Logf("while it drained no call took longer than %v", u.mark().Round(ms))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.AwaitStrength(ctx); err != nil {
		t.Error(err)
	}

	verb(t, c, "member", "remove", leaves.Name)
	await(t, func() bool { return !leaves.Running() }, "the removed node has ended")
	if out := verb(t, c, "member", "list"); strings.Contains(out, leaves.Name) || !strings.Contains(out, joins.Name) {
		t.Errorf("the list is\n%s", out)
	}
	if err := leaves.Start(t.Context()); err == nil {
		t.Error("a node that was removed starts again")
	}
	u.stop()
}

// await waits until cond holds.
func await(t *testing.T, cond func() bool, what string) {
	t.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(50 * ms)
	defer poll.Stop()
	for !cond() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("within %v it is not so that %s", patience, what)
		}
	}
}
