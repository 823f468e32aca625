package node

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/node/internal/gossip"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// TestAdopterAsks: nobody is asked before it is clear which cluster is meant, then the living first and one after the other.
func TestAdopterAsks(t *testing.T) {
	var log bytes.Buffer
	var asked []shard.NodeID
	now := time.Now()
	a := &adopter{
		node: &Node{log: slog.New(slog.NewTextHandler(&log, nil))}, now: func() time.Time { return now },
		fetch: func(x gossip.Node) error {
			asked = append(asked, x.ID)
			return errors.New("not now")
		},
	}
	node := func(id shard.NodeID, cluster string, alive bool) gossip.Node {
		return gossip.Node{ID: id, Cluster: cluster, Alive: alive}
	}
	want := func(ids ...shard.NodeID) {
		t.Helper()
		if len(asked) != len(ids) {
			t.Fatalf("asked were %v, want %v", asked, ids)
		}
		for i, id := range ids {
			if asked[i] != id {
				t.Fatalf("asked were %v, want %v", asked, ids)
			}
		}
	}
	none := []gossip.Node{node(1, "", true), node(2, "", true)}
	one := []gossip.Node{node(1, "", true), node(2, "c", false), node(3, "c", true)}
	two := append(one, node(4, "d", true))
	for _, nodes := range [][]gossip.Node{none, one, two, one} {
		now = now.Add(adoptAfter)
		a.look(nodes)
	}
	want()
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "different ones, c and d") {
		t.Errorf("logged was %q, want the two clusters named", said)
	}
	now = now.Add(adoptAfter - 1)
	a.look(one)
	want()
	now = now.Add(1)
	for range 3 {
		a.look(one)
	}
	want(3, 2, 3)
	if said := log.String(); strings.Count(said, "not now") != 3 {
		t.Errorf("logged was %q, want three failures", said)
	}
}

// await waits until gossip, or the disk, has brought about what is wanted.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	patience := time.After(30 * time.Second)
	for !done() {
		select {
		case <-poll.C:
		case <-patience:
			t.Fatalf("%s: not within 30 seconds", what)
		}
	}
}

// TestNewNodeJoins: a node that --join leads to a cluster becomes part of it, keeps that, and takes the place of a lost one.
func TestNewNodeJoins(t *testing.T) {
	c := newNodesWith(t, func(cfg *Config) {
		cfg.SuspectAfter, cfg.RegrowAfter = 300*time.Millisecond, 100*time.Millisecond
	}, memory(3)...)
	first, second, spare := c.nodes[0], c.nodes[1], c.nodes[2]
	// Nobody else can take the place of the first node.
	c.nodes = c.nodes[:2]
	c.init(&sequencer.Genesis{Cluster: "test", Ring: sequencer.NewRing(2), Initial: []shard.Configuration{
		{Shard: 1, Epoch: 1, Members: []shard.NodeID{first.ID(), second.ID()}},
		{Shard: 2, Epoch: 1, Members: []shard.NodeID{second.ID()}},
	}})
	c.nodes = append(c.nodes, spare)
	await(t, "the third node belongs to the cluster", func() bool { return spare.cluster() == "test" && spare.member.Load() != nil })
	c.stop(2)
	c.start(2)
	if got := c.nodes[2].cluster(); got != "test" {
		t.Fatalf("after a restart the node belongs to %q, want test", got)
	}
	cl := c.open(2)
	for i := range 10 {
		if _, err := cl.Put(t.Context(), fmt.Sprint("key-", i), []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	c.stop(0)
	await(t, "the new node is a member", func() bool {
		r := c.nodes[2].Status().GetReplicas()
		return len(r) == 1 && r[0].GetState() == adminpb.State_STATE_ACTIVE
	})
	for i := range 10 {
		if v, err := cl.Get(t.Context(), fmt.Sprint("key-", i)); err != nil || string(v.Data) != "value" {
			t.Fatalf("get key-%d: %q, %v", i, v.Data, err)
		}
	}
}

// TestTwoClustersInOnePool: a node that is led to both joins neither.
func TestTwoClustersInOnePool(t *testing.T) {
	one, two := newNodes(t, memory(1)...), newNodes(t, memory(1)...)
	one.init(one.genesis("one", 1, 1))
	two.init(two.genesis("two", 1, 1))
	c := newNodesWith(t, func(cfg *Config) {
		cfg.Join = []string{one.nodes[0].gossip.Self().Gossip, two.nodes[0].gossip.Self().Gossip}
	}, memory(1)...)
	n := c.nodes[0]
	await(t, "both are heard of", func() bool { return len(n.gossip.Nodes()) == 3 })
	// Whatever the time, it asks nobody.
	a := newAdopter(n)
	a.fetch = func(x gossip.Node) error {
		t.Errorf("node %v of cluster %s was asked", x.ID, x.Cluster)
		return nil
	}
	for range 3 {
		a.look(n.gossip.Nodes())
		a.now = func() time.Time { return time.Now().Add(time.Hour) }
	}
	if got := n.cluster(); got != "" {
		t.Errorf("it belongs to %q, want no cluster", got)
	}
}
