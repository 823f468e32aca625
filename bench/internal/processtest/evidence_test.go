package processtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/shard"
)

// neverSuspect is a silence that no test waits for: what is noticed is noticed by evidence.
const neverSuspect = 10 * time.Minute

// direct starts a cluster whose nodes reach each other without anybody between: a proxy takes the evidence away.
func direct(t *testing.T) *cluster.Cluster {
	t.Helper()
	return start(t, cluster.Options{Nodes: 5, Shards: 5, Replicas: 2, SuspectAfter: neverSuspect})
}

// start starts a cluster, which ends with the test.
func start(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	var err error
	if o.Ringward, err = binary(); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.Keep()
			t.Logf("logs are in %s", c.Dir())
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// awaitActive waits until every shard is ACTIVE at all members of its newest configuration.
func awaitActive(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.AwaitActive(ctx); err != nil {
		t.Fatal(err)
	}
}

// epochs are those of all shards, which are ACTIVE.
func epochs(t *testing.T, c *cluster.Cluster) (all []shard.Epoch) {
	t.Helper()
	cl, err := client.Open(t.Context(), c.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ring, err := cl.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ring.Shards {
		all = append(all, s.Epoch)
	}
	return all
}

// write lets all members of all shards hear of each other: one that was never heard of may not have started.
func write(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cl, err := client.Open(t.Context(), c.Endpoints(), client.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range 50 { // some on every shard
		if _, err := cl.Put(t.Context(), fmt.Sprint("key-", i), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKillNeedsNoSilence: who is killed is replaced long before anybody would call it silent.
func TestKillNeedsNoSilence(t *testing.T) {
	c := direct(t)
	write(t, c)
	victim := c.Nodes()[0]
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitActive(t, c)
	changed := 0
	for _, e := range epochs(t, c) {
		if e > 1 {
			changed++
		}
	}
	if changed != 2 {
		t.Errorf("%d shards were reconfigured, want the 2 of the node that was killed", changed)
	}
	write(t, c)
}

// TestStopIsNoEvidence: nodes that stop in good order, each when the one before has ended, lose nobody on the way.
func TestStopIsNoEvidence(t *testing.T) {
	c := direct(t)
	write(t, c)
	nodes := c.Nodes()
	for _, n := range nodes {
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	awaitActive(t, c)
	for i, e := range epochs(t, c) {
		if e != 1 {
			t.Errorf("shard %d is in epoch %d after all nodes stopped in good order, want 1", i+1, e)
		}
	}
}
