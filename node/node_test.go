package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// nodes are a cluster in this process, on loopback.
type nodes struct {
	t     *testing.T
	disks []vfs.FS
	cfgs  []Config
	nodes []*Node
}

func newNodes(t *testing.T, disks ...vfs.FS) *nodes {
	return newNodesWith(t, func(*Config) {}, disks...)
}

// newNodesWith has settings of its own.
func newNodesWith(t *testing.T, set func(*Config), disks ...vfs.FS) *nodes {
	c := &nodes{t: t, disks: disks, cfgs: make([]Config, len(disks)), nodes: make([]*Node, len(disks))}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	for i := range disks {
		cfg := Defaults()
		cfg.Name, cfg.Dir = fmt.Sprintf("node-%d", i+1), "data"
		cfg.Listen, cfg.Gossip, cfg.Ops = "127.0.0.1:0", "127.0.0.1:0", ""
		cfg.LogSegment, cfg.LogRetention, cfg.LogKeep, cfg.Memtable, cfg.Cache = 1<<20, 4<<20, 2<<20, 1<<20, 1<<20
		cfg.LogLevel = "error"
		if i > 0 {
			cfg.Join = []string{c.nodes[0].gossip.Self().Gossip}
		}
		set(&cfg)
		c.cfgs[i] = cfg
		c.start(i)
	}
	return c
}

func (c *nodes) start(i int) {
	c.t.Helper()
	n, err := start(c.t.Context(), c.cfgs[i], c.disks[i])
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = n
	// It comes back where it was.
	c.cfgs[i].Listen, c.cfgs[i].Gossip = n.Addr().String(), n.gossip.Self().Gossip
}

func (c *nodes) stop(i int) {
	if c.nodes[i] == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), 10*time.Second)
	defer cancel()
	_ = c.nodes[i].Stop(ctx)
	c.nodes[i] = nil
}

func (c *nodes) genesis(cluster string, shards, replicas int) *sequencer.Genesis {
	c.t.Helper()
	ring := sequencer.NewRing(shards)
	var nodes []sequencer.Candidate
	for _, n := range c.nodes {
		nodes = append(nodes, sequencer.Candidate{ID: n.ID()})
	}
	initial, err := sequencer.Place(ring, nodes, replicas)
	if err != nil {
		c.t.Fatal(err)
	}
	return &sequencer.Genesis{Cluster: cluster, Ring: ring, Initial: initial}
}

func (c *nodes) init(g *sequencer.Genesis) {
	c.t.Helper()
	for _, n := range c.nodes {
		if err := n.Init(c.t.Context(), g); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *nodes) open(i int) *client.Client {
	c.t.Helper()
	cl, err := client.Open(c.t.Context(), []string{c.nodes[i].Addr().String()}, client.WithTimeout(30*time.Second))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cl.Close() })
	return cl
}

func memory(n int) []vfs.FS {
	disks := make([]vfs.FS, n)
	for i := range disks {
		disks[i] = vfs.NewMem()
	}
	return disks
}

func TestClusterServesAndRestarts(t *testing.T) {
	c := newNodesWith(t, func(cfg *Config) { cfg.Zone = "zone-of-" + cfg.Name }, memory(3)...)
	c.init(c.genesis("test", 3, 2))
	cl := c.open(0)
	ctx := t.Context()
	for i := range 30 {
		key := fmt.Sprint("key-", i)
		v, err := cl.Put(ctx, key, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cl.Get(ctx, key); err != nil || string(got.Data) != key || got.Version != v {
			t.Fatalf("get %s: %q version %d, %v; want version %d", key, got.Data, got.Version, err, v)
		}
	}
	for i := range c.nodes {
		c.stop(i)
	}
	for i := range c.nodes {
		c.start(i)
	}
	// A client that knows one node only is served by all.
	cl = c.open(2)
	for i := range 30 {
		key := fmt.Sprint("key-", i)
		if got, err := cl.Get(ctx, key); err != nil || string(got.Data) != key {
			t.Fatalf("get %s after the restart: %q, %v", key, got.Data, err)
		}
	}
	for _, n := range c.nodes {
		s := n.Status()
		if len(s.GetReplicas()) != 2 || len(s.GetPeers()) != 2 {
			t.Errorf("status of %s shows %d replicas and %d peers, want 2 and 2", n.cfg.Name, len(s.GetReplicas()), len(s.GetPeers()))
		}
		if zone := s.GetIdentity().GetZone(); zone != n.cfg.Zone {
			t.Errorf("%s says that it is in zone %q, want %q", n.cfg.Name, zone, n.cfg.Zone)
		}
		for _, p := range s.GetPeers() {
			if p.GetZone() != "zone-of-"+p.GetName() {
				t.Errorf("%s says that %s is in zone %q", n.cfg.Name, p.GetName(), p.GetZone())
			}
		}
		for _, r := range s.GetReplicas() {
			if r.GetConfiguration().GetEpoch() != 1 {
				t.Errorf("shard %d is in epoch %d after a clean restart, want 1", r.GetConfiguration().GetShard(), r.GetConfiguration().GetEpoch())
			}
		}
	}
	ring, err := cl.Ring(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ring.Nodes {
		if n.Zone != "zone-of-"+n.Name {
			t.Errorf("the ring has %s in zone %q", n.Name, n.Zone)
		}
	}
}

func TestNodeWithoutCluster(t *testing.T) {
	c := newNodes(t, memory(1)...)
	n := c.nodes[0]
	answer := make(chan shard.Result, 1)
	n.Submit([]rpc.Operation{{Request: shard.Request{Kind: shard.Get, Key: []byte("k")}, Answer: func(r shard.Result) { answer <- r }}})
	if r := <-answer; r.Status != rpc.Unavailable || !strings.Contains(r.Reason, "ringward init") {
		t.Errorf("a get was answered with %v, %q; want unavailable, and what to do", r.Status, r.Reason)
	}
	if _, err := n.Ring(); !errors.Is(err, rpc.ErrNoCluster) {
		t.Errorf("ring: %v, want %v", err, rpc.ErrNoCluster)
	}
	if err := n.ready(); err == nil {
		t.Error("a node without a cluster says that it is ready")
	}
}

func TestInitIsForEver(t *testing.T) {
	c := newNodes(t, memory(2)...)
	g := c.genesis("one", 2, 1)
	c.init(g)
	c.init(g) // the same again is fine
	if err := c.nodes[0].Init(t.Context(), c.genesis("two", 2, 1)); !errors.Is(err, rpc.ErrOtherGenesis) || !strings.Contains(err.Error(), "one") {
		t.Errorf("another genesis: %v, want a refusal that names cluster one", err)
	}
	c.stop(0)
	c.start(0)
	if got := c.nodes[0].cluster(); got != "one" {
		t.Errorf("after a restart the node belongs to %q, want one", got)
	}
}

func TestWrongShardIsRefused(t *testing.T) {
	c := newNodes(t, memory(2)...)
	c.init(c.genesis("test", 2, 1))
	key := []byte("k")
	wrong := c.nodes[0].member.Load().ring.Next(c.nodes[0].member.Load().ring.Owner(key))
	for _, id := range []shard.ID{wrong, 99} {
		answer := make(chan shard.Result, 1)
		c.nodes[0].Submit([]rpc.Operation{{Request: shard.Request{Shard: id, Kind: shard.Put, Key: key}, Answer: func(r shard.Result) { answer <- r }}})
		if r := <-answer; r.Status != rpc.Invalid {
			t.Errorf("a put to shard %d was answered with %v, want invalid", id, r.Status)
		}
	}
}

// A node whose disk fails stops at once, and acknowledges nothing after.
func TestFailedFsyncStopsTheNode(t *testing.T) {
	var broken atomic.Bool
	failing := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return errors.New("injected: the disk is gone")
		}
		return nil
	}))
	c := newNodes(t, failing)
	c.init(c.genesis("test", 1, 1))
	cl := c.open(0)
	if _, err := cl.Put(t.Context(), "before", []byte("x")); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		_, err := cl.Put(ctx, "after", []byte("x"))
		answered <- err
	}()
	<-c.nodes[0].Done()
	if err := c.nodes[0].Err(); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("the node stopped with %v, want the disk's error", err)
	}
	cancel()
	if err := <-answered; err == nil {
		t.Error("a write was acknowledged whose fsync failed")
	}
}

// The log stays bounded while the node works, also where one shard stands still: its entries are in flushed contents.
func TestLogIsBounded(t *testing.T) {
	c := newNodes(t, memory(1)...)
	c.init(c.genesis("test", 2, 1))
	cl := c.open(0)
	n := c.nodes[0]
	ring := n.member.Load().ring
	busy := 0
	value := make([]byte, 64<<10)
	limit := int64(c.cfgs[0].LogKeep + c.cfgs[0].LogRetention + 2*c.cfgs[0].LogSegment)
	// Far more than the limit goes in: a log that is not trimmed cannot pass.
	for written := 0; int64(written) < 2*limit; busy++ {
		key := fmt.Sprint("key-", busy)
		if ring.Owner([]byte(key)) != 1 && busy > 8 {
			continue // shard 2 has a few entries, and no more
		}
		if _, err := cl.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
		written += len(value)
	}
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	patience := time.After(30 * time.Second)
	for n.store.LogBytes() > limit {
		select {
		case <-poll.C:
		case <-patience:
			t.Fatalf("the log takes %d bytes, want at most %d", n.store.LogBytes(), limit)
		}
	}
	c.stop(0)
	c.start(0)
	cl = c.open(0)
	if got, err := cl.Get(t.Context(), "key-0"); err != nil || len(got.Data) != len(value) {
		t.Fatalf("after trim and restart: %d bytes, %v", len(got.Data), err)
	}
}

// TestOldDirectoryIsRetired puts the directory of a node back as it was before its last start. The others know of that
// start: the node stops, and does not start again.
func TestOldDirectoryIsRetired(t *testing.T) {
	mem := vfs.NewCrashableMem()
	c := newNodes(t, vfs.NewMem(), mem)
	c.init(c.genesis("test", 1, 2))
	c.stop(1)
	image := mem.CrashClone(vfs.CrashCloneCfg{})
	for range 2 {
		c.start(1)
		awaitBoot(t, c.nodes[0], c.nodes[1]) // before it ends
		c.stop(1)
	}

	c.disks[1] = image
	c.start(1)
	<-c.nodes[1].Done()
	if err := c.nodes[1].Err(); err == nil || !strings.Contains(err.Error(), "it is an old one, put back or copied") {
		t.Errorf("the node stopped with %v, want it to say that its directory is an old one", err)
	}
	c.stop(1)
	if n, err := start(t.Context(), c.cfgs[1], image); err == nil || !strings.Contains(err.Error(), "is retired") {
		if n != nil {
			c.nodes[1] = n
		}
		t.Errorf("the next start returned %v, want it refused", err)
	}
}

// awaitBoot waits until at has heard of the present boot of n.
func awaitBoot(t *testing.T, at, n *Node) {
	t.Helper()
	for {
		news := at.gossip.Changed()
		for _, x := range at.gossip.Nodes() {
			if x.ID == n.store.Node() && x.Boot == n.store.Boot() {
				return
			}
		}
		select {
		case <-news:
		case <-time.After(10 * time.Second):
			t.Fatalf("node %v has not heard of boot %d of node %v", at.store.Node(), n.store.Boot(), n.store.Node())
		}
	}
}
