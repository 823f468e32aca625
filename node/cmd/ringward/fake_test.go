package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

// fakeNode answers the operator's questions over a real connection.
type fakeNode struct {
	adminpb.UnimplementedAdminServer
	endpoint string

	mu     sync.Mutex
	status *adminpb.StatusResponse
	// decisions are what it remembers, by shard.
	decisions map[uint32][]*adminpb.Decision
	initErr   error
	hang      bool   // answers nothing
	activate  bool   // becomes ACTIVE everywhere with its genesis
	drained   func() // what draining does
	keeps     bool   // it refuses to remove a node
	told      func() // what happens when it is told to remove a node
	removed   []uint64
	stop      func()
}

// startFake serves a node with the given id, named node-<id>.
func startFake(t *testing.T, id uint64) *fakeNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{endpoint: l.Addr().String(), activate: true}
	n.status = &adminpb.StatusResponse{
		Identity: &adminpb.IdentityResponse{Node: id, Name: "node-" + string('0'+rune(id)), ClientAddress: n.endpoint, Version: "test", Boot: 1},
		UptimeMs: 61_000, LogBytes: 64 << 20,
	}
	s := grpc.NewServer()
	adminpb.RegisterAdminServer(s, n)
	go s.Serve(l)
	n.stop = s.Stop
	t.Cleanup(s.Stop)
	return n
}

func (n *fakeNode) Identity(ctx context.Context, _ *adminpb.IdentityRequest) (*adminpb.IdentityResponse, error) {
	s, err := n.Status(ctx, nil)
	return s.GetIdentity(), err
}

func (n *fakeNode) Status(ctx context.Context, r *adminpb.StatusRequest) (*adminpb.StatusResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s := proto.CloneOf(n.status)
	s.Decisions = n.decisions[r.GetHistoryOf()]
	return s, nil
}

func (n *fakeNode) Init(_ context.Context, r *adminpb.InitRequest) (*adminpb.InitResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.initErr != nil {
		return nil, n.initErr
	}
	if has := n.status.Identity.Genesis; has != nil && !proto.Equal(has, r.Genesis) {
		return nil, status.Error(codes.FailedPrecondition, "another genesis")
	}
	n.join(r.Genesis)
	return &adminpb.InitResponse{}, nil
}

// join gives the node a genesis, and replicas as that says.
func (n *fakeNode) join(g *adminpb.Genesis) {
	n.status.Identity.Genesis = g
	n.status.Replicas = nil
	for i, c := range g.Initial {
		for _, m := range c.Members {
			if m != n.status.Identity.Node {
				continue
			}
			r := &adminpb.Replica{Configuration: c, State: adminpb.State_STATE_PENDING, Synced: true,
				Head: c.Members[0] == m, Sequences: g.Slices[(i+1)%len(g.Slices)].Shard}
			if n.activate {
				r.State, r.Active = adminpb.State_STATE_ACTIVE, c.Epoch
			}
			n.status.Replicas = append(n.status.Replicas, r)
		}
	}
}

// replica returns the node's replica of a shard, to be changed by the test.
func (n *fakeNode) replica(s uint32) *adminpb.Replica {
	for _, r := range n.status.Replicas {
		if r.Configuration.Shard == s {
			return r
		}
	}
	return nil
}

// knows makes the nodes known to n.
func (n *fakeNode) knows(peers ...*fakeNode) {
	for _, p := range peers {
		id := p.status.Identity
		n.status.Peers = append(n.status.Peers, &adminpb.Peer{Id: id.Node, Name: id.Name, Address: p.endpoint})
	}
}

// genesisOf is a ring whose shard i+1 has the members chains[i].
func genesisOf(chains ...[]uint64) *adminpb.Genesis {
	g := &adminpb.Genesis{Cluster: "c1"}
	for i, members := range chains {
		id := uint32(i + 1)
		g.Slices = append(g.Slices, &kvpb.Slice{Shard: id, From: uint64(i) * (^uint64(0)/uint64(len(chains)) + 1)})
		g.Initial = append(g.Initial, &kvpb.Configuration{Shard: id, Epoch: 1, Members: members})
	}
	return g
}

// outcome is what a run of the program left.
type outcome struct {
	code           int
	stdout, stderr string
}

// ringward runs the program.
func ringward(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}
