package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// awaitStrength waits until every shard has so many members, all of them ACTIVE, on nodes that run.
func (c *nodes) awaitStrength(shards, replicas int) {
	c.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	patience := time.After(time.Minute)
	for {
		missing := c.weak(shards, replicas)
		if missing == "" {
			return
		}
		select {
		case <-poll.C:
		case <-patience:
			c.t.Fatal(missing)
		}
	}
}

// weak says which shard is not as awaitStrength wants it.
func (c *nodes) weak(shards, replicas int) string {
	newest := map[uint32]*kvpb.Configuration{}
	active := map[uint32][]uint64{} // in the newest configuration
	for _, n := range c.nodes {
		if n == nil {
			continue
		}
		for _, r := range n.Status().GetReplicas() {
			conf := r.GetConfiguration()
			id := conf.GetShard()
			if conf.GetEpoch() > newest[id].GetEpoch() {
				newest[id], active[id] = conf, nil
			}
			if conf.GetEpoch() == newest[id].GetEpoch() && r.GetState() == adminpb.State_STATE_ACTIVE {
				active[id] = append(active[id], uint64(n.ID()))
			}
		}
	}
	if len(newest) < shards {
		return fmt.Sprintf("%d shards are hosted, want %d", len(newest), shards)
	}
	for id, conf := range newest {
		members := slices.Sorted(slices.Values(conf.GetMembers()))
		slices.Sort(active[id])
		if len(members) != replicas || !slices.Equal(members, active[id]) {
			return fmt.Sprintf("shard %d has %v, of which %x are ACTIVE: want %d members", id, conf, active[id], replicas)
		}
	}
	return ""
}

// victim is a node that may be lost: some shard has no member on it, which repairs the others.
func (c *nodes) victim(shards int) int {
	for i, n := range c.nodes[:4] { // the last one is the clients'
		member := 0
		if n != nil {
			for _, r := range n.Status().GetReplicas() {
				if r.GetState() == adminpb.State_STATE_ACTIVE {
					member++
				}
			}
		}
		if member > 0 && member < shards {
			return i
		}
	}
	c.t.Fatal("every node is in every shard")
	return 0
}

// TestLostMembersAreReplaced loses one node after the other, each when the shards have grown to their strength again. All that was
// written is there, which takes snapshots of several parts.
func TestLostMembersAreReplaced(t *testing.T) {
	const shards = 4
	c := newNodesWith(t, func(cfg *Config) {
		cfg.SuspectAfter, cfg.RegrowAfter = 300*time.Millisecond, 100*time.Millisecond
	}, memory(5)...)
	c.init(c.genesis("test", shards, 2))
	written := map[string]int{}
	write := func(round int) {
		cl := c.open(4)
		for i := range 100 {
			key := fmt.Sprintf("key-%d-%d", round, i)
			written[key] = 50_000 + i
			if _, err := cl.Put(t.Context(), key, make([]byte, written[key])); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func() {
		t.Helper()
		cl := c.open(4)
		for key, size := range written {
			if v, err := cl.Get(t.Context(), key); err != nil || len(v.Data) != size {
				t.Fatalf("get %s: %d bytes, %v; want %d", key, len(v.Data), err, size)
			}
		}
	}
	write(1)
	c.stop(0)
	c.awaitStrength(shards, 2)
	check()
	for round := 2; round <= 3; round++ {
		write(round)
		// The one that was lost comes back, and is a member again where another is lost now: it takes a snapshot.
		lost := slices.Index(c.nodes, nil)
		victim := c.victim(shards)
		c.start(lost)
		c.stop(victim)
		c.awaitStrength(shards, 2)
		check()
	}
	c.start(slices.Index(c.nodes, nil))
	for i := range c.nodes {
		c.stop(i)
	}
	for i := range c.nodes {
		c.start(i)
	}
	c.awaitStrength(shards, 2)
	check()
	// What came later is counted and served like what was there from the beginning.
	for _, n := range c.nodes {
		m := n.member.Load()
		for _, r := range n.Status().GetReplicas() {
			id := shard.ID(r.GetConfiguration().GetShard())
			if active := r.GetState() == adminpb.State_STATE_ACTIVE; active && !m.serves(id) {
				t.Errorf("%s is ACTIVE in shard %d, and does not serve stale reads of it", n.cfg.Name, id)
			}
		}
	}
}

// TestCatchesUpFromTheLog: a node that was away while much more was written than is kept in memory is fed from the log of others, and
// keeps what it has. Its own log tells: a snapshot would have begun its histories anew.
func TestCatchesUpFromTheLog(t *testing.T) {
	const shards, size = 3, 100 << 10
	c := newNodesWith(t, func(cfg *Config) { cfg.SuspectAfter, cfg.LogKeep = 300*time.Millisecond, 64<<20 }, memory(3)...)
	c.init(c.genesis("test", shards, 2))
	cl := c.open(0)
	put := func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := cl.Put(t.Context(), fmt.Sprint("key-", i), make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(0, 30)
	c.stop(1)
	put(30, 130)
	c.start(1)
	c.awaitStrength(shards, 2)
	for i := range 130 {
		if v, err := cl.Get(t.Context(), fmt.Sprint("key-", i)); err != nil || len(v.Data) != size {
			t.Fatalf("get key-%d: %d bytes, %v; want %d", i, len(v.Data), err, size)
		}
	}
	standings := make(chan []engine.Standing, 1)
	n := c.nodes[1]
	n.member.Load().inbox.add(func(x *news) {
		x.calls = append(x.calls, func(h *engine.Host) { standings <- h.Standings() })
	})
	for _, s := range <-standings {
		if entries, err := n.store.Recall(s.Configuration.Shard, 0, s.Durable, s.Lineage, 1); len(entries) == 0 || err != nil {
			t.Errorf("the log of shard %d does not begin with its first entry: %v", s.Configuration.Shard, err)
		}
	}
}
