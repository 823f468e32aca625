package processtest

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
)

// ringward runs a verb against the cluster.
func ringward(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, append(args, "--endpoints", strings.Join(c.Endpoints(), ","))...).CombinedOutput()
	if err != nil {
		t.Fatalf("ringward %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestNodesComeAndGo: a node that joins gets work, one that drains loses it, and one that is removed
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
	// Moves wait for a ring at rest, which a busy machine seldom has: how many there are in the end is tried elsewhere.
	await(t, func() bool { return len(hosts(t, joins)) >= 1 }, "the new node has work")
	t.Logf("while it joined no call took longer than %v", u.mark().Round(ms))

	out := ringward(t, c, "drain", leaves.Name)
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

	ringward(t, c, "member", "remove", leaves.Name)
	await(t, func() bool { return !leaves.Running() }, "the removed node has ended")
	if out := ringward(t, c, "member", "list"); strings.Contains(out, leaves.Name) || !strings.Contains(out, joins.Name) {
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
