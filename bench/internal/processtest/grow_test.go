package processtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/client"
)

// growing is a cluster whose shards grow back, with a client that knows what it was told.
type growing struct {
	*cluster.Cluster
	t      *testing.T
	client *client.Client
	kept   map[string]kept
	shards int
}

// kept is what was acknowledged of a key.
type kept struct {
	version client.Version
	size    int
}

func newGrowing(t *testing.T, shards int) *growing {
	c := start(t, cluster.Options{
		Nodes: 4, Later: 1, Shards: shards, Replicas: 2, SuspectAfter: suspectAfter, Settings: []string{"--regrow-after", "1s"},
	})
	cl, err := client.Open(t.Context(), c.Endpoints(), client.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	return &growing{Cluster: c, t: t, client: cl, kept: map[string]kept{}, shards: shards}
}

// put writes some keys anew and some again, together more than a snapshot has in one part.
func (g *growing) put(round int) {
	g.t.Helper()
	for i := range 60 {
		key, size := fmt.Sprintf("key-%d-%d", round, i), 60_000+i
		if i%3 == 0 {
			key, size = fmt.Sprint("key-", i), 100*round
		}
		v, err := g.client.Put(g.t.Context(), key, make([]byte, size))
		if err != nil {
			g.t.Fatal(err)
		}
		g.kept[key] = kept{v, size}
	}
}

// check reads all that was written.
func (g *growing) check() {
	g.t.Helper()
	for key, want := range g.kept {
		if got, err := g.client.Get(g.t.Context(), key); err != nil || got.Version != want.version || len(got.Data) != want.size {
			g.t.Fatalf("%s has version %d and %d bytes, %v; want version %d and %d bytes", key, got.Version, len(got.Data), err, want.version, want.size)
		}
	}
}

// awaitStrength waits until every shard has as many members as in the beginning.
func (g *growing) awaitStrength() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	begin := time.Now()
	if err := g.AwaitStrength(ctx); err != nil {
		g.t.Fatal(err)
	}
	g.t.Logf("at full strength after %v", time.Since(begin).Round(ms))
}

// hosts are the shards in which the node is ACTIVE.
func hosts(t *testing.T, n *cluster.Node) (shards []uint32) {
	t.Helper()
	s, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.GetReplicas() {
		if r.GetState() == adminpb.State_STATE_ACTIVE {
			shards = append(shards, r.GetConfiguration().GetShard())
		}
	}
	return shards
}

// killOne kills a node that may be lost: some shard has no member on it, which repairs the others. It is none of those to keep.
func (g *growing) killOne(keep ...*cluster.Node) {
	g.t.Helper()
	for _, n := range g.Nodes() {
		for _, k := range keep {
			if n == k {
				n = nil
				break
			}
		}
		if n == nil || !n.Running() {
			continue
		}
		if m := len(hosts(g.t, n)); m > 0 && m < g.shards {
			if err := n.Kill(); err != nil {
				g.t.Fatal(err)
			}
			return
		}
	}
	g.t.Fatal("every node is in every shard")
}

// TestLostNodesAreReplaced loses one node after the other for longer than --regrow-after.
func TestLostNodesAreReplaced(t *testing.T) {
	g := newGrowing(t, 4)
	first, fifth := g.Nodes()[0], g.Nodes()[4]
	g.put(1)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	g.put(2)
	g.awaitStrength()
	g.put(3)
	g.check()

	// What was moved is enough to lose the next one. The first is back, and takes part again.
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitCluster(t, first)
	g.killOne(first)
	g.check()
	g.put(4)
	g.awaitStrength()
	g.check()
	if len(hosts(g.t, first)) == 0 {
		t.Error("the first node came back, and is a member of no shard")
	}

	// A node that nobody knew in the beginning does as well.
	if err := fifth.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitCluster(t, fifth)
	g.killOne(first)
	g.put(5)
	g.awaitStrength()
	g.check()
	if len(hosts(g.t, fifth)) == 0 {
		t.Error("the fifth node joined, and was not recruited")
	}
	g.killOne(fifth)
	g.check()
}

// awaitCluster waits until a node belongs to a cluster.
func awaitCluster(t *testing.T, n *cluster.Node) {
	t.Helper()
	await(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		s, err := n.Status(ctx)
		return err == nil && s.GetIdentity().GetGenesis() != nil
	}, n.Name+" belongs to a cluster")
}
