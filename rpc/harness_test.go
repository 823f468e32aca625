package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// patience bounds every wait of a test. It only passes where the test fails.
const patience = 20 * time.Second

const (
	cluster = "c-1"
	alice   = shard.NodeID(0xa11ce)
	bob     = shard.NodeID(0xb0b)
)

// backend is a node's side of a server, with what a test wants it to do.
type backend struct {
	submit func(q shard.Request, hops int, traceparent string, answer func(shard.Result))

	recover func(Recovery) (sequencer.Witness, error)

	mu      sync.Mutex
	batches []int // how many operations each Submit brought
	genesis *sequencer.Genesis
	drains  bool
	removed []shard.NodeID

	received chan []shard.Message
	alive    chan Heartbeat
	opened   chan lane
	closed   chan lane
}

func newBackend() *backend {
	return &backend{
		received: make(chan []shard.Message, 1<<16), alive: make(chan Heartbeat, 1<<10),
		opened: make(chan lane, 1<<10), closed: make(chan lane, 1<<10),
	}
}

func (b *backend) Submit(ops []Operation) {
	b.mu.Lock()
	b.batches = append(b.batches, len(ops))
	b.mu.Unlock()
	for _, op := range ops {
		b.submit(op.Request, op.Hops, op.Traceparent, op.Answer)
	}
}

func (b *backend) Ring() (Ring, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.genesis == nil {
		return Ring{}, fmt.Errorf("%w: run ringward init", ErrNoCluster)
	}
	return Ring{
		Cluster: b.genesis.Cluster, Slices: b.genesis.Ring, Configurations: b.genesis.Initial,
		Nodes: []Node{{ID: alice, Name: "alice", Address: "127.0.0.1:7001"}},
	}, nil
}

func (b *backend) Identity() *adminpb.IdentityResponse {
	return &adminpb.IdentityResponse{Node: uint64(alice), Name: "alice"}
}

func (b *backend) Init(_ context.Context, g *sequencer.Genesis) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.genesis != nil && b.genesis.Cluster != g.Cluster {
		return fmt.Errorf("%w: this node belongs to %s", ErrOtherGenesis, b.genesis.Cluster)
	}
	b.genesis = g
	return nil
}

func (b *backend) Status() *adminpb.StatusResponse {
	return &adminpb.StatusResponse{Identity: b.Identity(), UptimeMs: 1}
}

func (b *backend) Drain(drains bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.genesis == nil {
		return ErrNoCluster
	}
	b.drains = drains
	return nil
}

func (b *backend) Remove(n shard.NodeID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n == bob {
		return fmt.Errorf("%w: node %v is a member of shard 1", ErrPrecondition, n)
	}
	b.removed = append(b.removed, n)
	return nil
}

func (b *backend) History(of shard.ID) []*adminpb.Decision {
	return []*adminpb.Decision{{Configuration: &kvpb.Configuration{Shard: uint32(of), Epoch: 2}}}
}

func (b *backend) Recover(_ context.Context, r Recovery) (sequencer.Witness, error) {
	return b.recover(r)
}

func (b *backend) Receive(_ shard.NodeID, messages []shard.Message) { b.received <- messages }
func (b *backend) Alive(_ shard.NodeID, beat Heartbeat)             { b.alive <- beat }
func (b *backend) Opened(from shard.NodeID, traffic shard.Traffic, _ uint64) {
	b.opened <- lane{from, traffic}
}
func (b *backend) Closed(from shard.NodeID, traffic shard.Traffic) { b.closed <- lane{from, traffic} }

// serve starts a server of bob's; change may alter its options.
func serve(t testing.TB, b *backend, change func(*ServerOptions)) *Server {
	t.Helper()
	opt := ServerOptions{
		Address: "127.0.0.1:0", Self: bob, Cluster: func() string { return cluster },
		Limits: DefaultLimits(), Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&opt)
	}
	s, err := Listen(opt, Backends{Store: b, Admin: b, Receiver: b})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		kill(s)
		if err := await(t, served); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

// kill stops a server without waiting for anybody.
func kill(s *Server) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Stop(ctx)
}

// await receives from c.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

// at resolves every node to the server.
func at(s *Server) func(shard.NodeID) (string, bool) {
	return func(shard.NodeID) (string, bool) { return s.Addr().String(), true }
}
