package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// cluster is some nodes that serve kvpb.KV on loopback, before one state machine
// per shard. They are correct unless a test's script says otherwise.
type cluster struct {
	t     testing.TB
	nodes []*fakeNode

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced by wake
	ring     *kvpb.RingResponse
	machines map[uint32]*machine
	seen     []sighting
	script   func(n *fakeNode, op *kvpb.Operation) fate
}

// sighting is an operation that reached a node.
type sighting struct {
	node *fakeNode
	op   *kvpb.Operation
}

// fate is what becomes of an operation at a node. The zero value serves it.
type fate struct {
	answer *kvpb.Result // instead of serving it
	skip   bool         // not applied
	silent bool         // not answered
	drop   bool         // the stream breaks
}

func answer(s kvpb.Status) fate {
	return fate{answer: &kvpb.Result{Status: s, Reason: "the test says so"}}
}

// newCluster starts nodes that hold one shard for each of the given chains of nodes,
// which are counted from 0. The key space is cut evenly.
func newCluster(t testing.TB, nodes int, chains ...[]int) *cluster {
	c := &cluster{t: t, changed: make(chan struct{}), machines: map[uint32]*machine{}}
	c.ring = &kvpb.RingResponse{Cluster: "test"}
	for i := range nodes {
		n := &fakeNode{cluster: c, id: uint64(100 + i)}
		n.start("127.0.0.1:0")
		c.nodes = append(c.nodes, n)
		c.ring.Nodes = append(c.ring.Nodes, &kvpb.Node{Id: n.id, Name: fmt.Sprint("node-", i), Address: n.address})
	}
	for i, chain := range chains {
		id := uint32(i + 1)
		c.ring.Slices = append(c.ring.Slices, &kvpb.Slice{Shard: id, From: uint64(i) * (^uint64(0) / uint64(len(chains)))})
		c.ring.Configurations = append(c.ring.Configurations, c.configuration(id, 1, chain...))
		c.machines[id] = newMachine(t)
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.stop()
		}
	})
	return c
}

func (c *cluster) configuration(id uint32, epoch uint64, chain ...int) *kvpb.Configuration {
	configuration := &kvpb.Configuration{Shard: id, Epoch: epoch}
	for _, i := range chain {
		configuration.Members = append(configuration.Members, c.nodes[i].id)
	}
	return configuration
}

// decide replaces a shard's configuration.
func (c *cluster) decide(id uint32, chain ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.ring.Configurations[id-1]
	c.ring = proto.CloneOf(c.ring)
	c.ring.Configurations[id-1] = c.configuration(id, old.Epoch+1, chain...)
}

// play sets the script. It is called for one operation at a time.
func (c *cluster) play(script func(n *fakeNode, op *kvpb.Operation) fate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = script
}

// sightings are the operations of one kind seen so far.
func (c *cluster) sightings(kind kvpb.Operation_Kind) []sighting {
	c.mu.Lock()
	defer c.mu.Unlock()
	var some []sighting
	for _, s := range c.seen {
		if s.op.Kind == kind {
			some = append(some, s)
		}
	}
	return some
}

// await waits until n operations of a kind were seen.
func (c *cluster) await(kind kvpb.Operation_Kind, n int) []sighting {
	c.t.Helper()
	c.until(fmt.Sprintf("%d operations of kind %v", n, kind), func() bool { return len(c.sightings(kind)) >= n })
	return c.sightings(kind)
}

// until waits for what happens at a node.
func (c *cluster) until(what string, happened func() bool) {
	c.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if happened() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// note does something that until may wait for.
func (c *cluster) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.wake()
}

// wake needs mu.
func (c *cluster) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// open connects a client to the given nodes, or to all.
func (c *cluster) open(opts ...Option) *Client {
	c.t.Helper()
	var endpoints []string
	for _, n := range c.nodes {
		endpoints = append(endpoints, n.address)
	}
	client, err := Open(c.t.Context(), endpoints, opts...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { client.Close() })
	return client
}

// handle decides on one operation and counts it as seen.
func (c *cluster) handle(n *fakeNode, op *kvpb.Operation) (*kvpb.Result, fate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, sighting{n, op})
	c.wake()
	var f fate
	if c.script != nil {
		f = c.script(n, op)
	}
	switch {
	case f.answer != nil:
		r := proto.CloneOf(f.answer)
		r.Id = op.Id
		return r, f
	case f.skip:
		return nil, f
	}
	r := c.machines[op.Shard].serve(op)
	r.Id = op.Id
	return r, f
}

// fakeNode is one address that comes and goes.
type fakeNode struct {
	kvpb.UnimplementedKVServer
	cluster *cluster
	id      uint64
	address string
	server  *grpc.Server
	done    chan struct{}
	streams atomic.Int64 // opened so far
	mute    atomic.Bool  // does not tell the ring
	ended   atomic.Int64 // streams that have ended
}

func (n *fakeNode) start(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		n.cluster.t.Fatal(err)
	}
	n.address, n.server, n.done = l.Addr().String(), grpc.NewServer(), make(chan struct{})
	kvpb.RegisterKVServer(n.server, n)
	go func(server *grpc.Server, done chan struct{}) {
		defer close(done)
		_ = server.Serve(l) // ends with stop
	}(n.server, n.done)
}

func (n *fakeNode) stop() {
	n.server.Stop()
	<-n.done
}

func (n *fakeNode) Ring(ctx context.Context, _ *kvpb.RingRequest) (*kvpb.RingResponse, error) {
	if n.mute.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if n.cluster.ring.Cluster == "" {
		return nil, status.Error(codes.FailedPrecondition, "node belongs to no cluster yet")
	}
	return proto.CloneOf(n.cluster.ring), nil // gRPC reads it when the lock is gone
}

func (n *fakeNode) Operate(stream grpc.BidiStreamingServer[kvpb.OperateRequest, kvpb.OperateResponse]) error {
	n.streams.Add(1)
	defer n.cluster.note(func() { n.ended.Add(1) })
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response := &kvpb.OperateResponse{}
		for _, op := range request.Operations {
			result, f := n.cluster.handle(n, op)
			if f.drop {
				return status.Error(codes.Unavailable, "the test drops the stream")
			}
			if !f.silent {
				response.Results = append(response.Results, result)
			}
		}
		if len(response.Results) > 0 {
			if err := stream.Send(response); err != nil {
				return err
			}
		}
	}
}

// machine is the replicated state of one shard, by the product's own code.
type machine struct {
	t    testing.TB
	m    *shard.Machine
	last shard.Seqno
	hash uint64
	// applied counts how often writes of a key took effect.
	applied map[string]int
}

func newMachine(t testing.TB) *machine {
	m, err := shard.OpenMachine(contents{}, noRegister{}, func([]byte) (shard.Register, error) { return noRegister{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	return &machine{t: t, m: m, applied: map[string]int{}}
}

func (m *machine) apply(c shard.Command) shard.Result {
	e := shard.NewEntry(1, m.last+1, m.hash, shard.AppendCommand(nil, c))
	r, err := m.m.Apply(e)
	if err != nil {
		m.t.Error(err)
	}
	m.last, m.hash = e.Seqno(), e.Hash()
	return r
}

func (m *machine) serve(op *kvpb.Operation) *kvpb.Result {
	request := shard.Request{
		Kind: shard.RequestKind(op.Kind), Key: op.Key, Value: op.Value,
		Identity: shard.Identity{Session: shard.SessionID(op.Session), Op: op.Op, Oldest: op.Oldest},
	}
	if op.IfVersion != nil {
		request.If = shard.Condition{Set: true, Version: shard.Seqno(*op.IfVersion)}
	}
	var r shard.Result
	if op.Kind == kvpb.Operation_KIND_GET {
		var err error
		if r, err = m.m.Read(op.Key); err != nil {
			m.t.Error(err)
		}
	} else {
		r = m.apply(request.Command())
		// A result from the record carries the version of the first time.
		if r.Status == shard.OK && r.Version == m.last {
			m.applied[string(op.Key)]++
		}
	}
	return &kvpb.Result{Status: kvpb.Status(r.Status), Version: uint64(r.Version), Value: r.Value, Reason: r.Reason}
}

// expire ends all sessions of a shard. Scripts may call it.
func (m *machine) expire() {
	m.apply(shard.Command{Kind: shard.CommandExpireSessions, Expired: m.m.Sessions()})
}

// contents is what a shard.Machine needs of a store, in a map.
type contents map[string]string

func (c contents) Get(key []byte) ([]byte, bool, error) {
	v, ok := c[string(key)]
	return []byte(v), ok, nil
}

func (c contents) Set(key, value []byte) error { c[string(key)] = string(value); return nil }
func (c contents) Delete(key []byte) error     { delete(c, string(key)); return nil }
func (c contents) Clear() error                { clear(c); return nil }
func (c contents) Commit() error               { return nil }

func (c contents) Scan(prefix []byte, f func(key, value []byte) error) error {
	for k, v := range c {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

type noRegister struct{}

func (noRegister) Apply([]byte) (shard.Register, error) { return nil, errors.New("no register here") }
func (noRegister) Append(b []byte) []byte               { return b }

// identities are the distinct identities under which writes of a key came.
func identities(sightings []sighting, key string) []shard.Identity {
	var ids []shard.Identity
	for _, s := range sightings {
		id := shard.Identity{Session: shard.SessionID(s.op.Session), Op: s.op.Op, Oldest: s.op.Oldest}
		if string(s.op.Key) == key && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
