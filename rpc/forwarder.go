package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// ForwarderOptions say how other nodes are found, and how much may be under way.
type ForwarderOptions struct {
	Resolve func(shard.NodeID) (address string, ok bool)
	// MessageBytes bounds one gRPC message. Zero: the default of package stream.
	MessageBytes int
	// Connect makes the connections to other nodes. Nil: directly.
	Connect func(ctx context.Context, address string) (net.Conn, error)
}

// Forwarder passes clients' operations on to the nodes that serve them, over one stream per node.
type Forwarder struct {
	opt ForwarderOptions

	mu     sync.Mutex
	closed bool
	conns  map[shard.NodeID]*stream.Conn
}

// NewForwarder has no streams yet.
func NewForwarder(opt ForwarderOptions) *Forwarder {
	return &Forwarder{opt: opt, conns: map[shard.NodeID]*stream.Conn{}}
}

// Forward sends q, which was forwarded hops times before, to a node. answer is called once, possibly before Forward returns. What
// fails on the way is answered with Unavailable (surely not applied), OutcomeUnknown (a write that may be),
// Refused (forwarded too often) or Overloaded.
func (f *Forwarder) Forward(to shard.NodeID, q shard.Request, hops int, traceparent string, answer func(shard.Result)) {
	if hops >= wire.MaxHops {
		answer(shard.Result{Status: shard.Refused, Reason: fmt.Sprintf("forwarded %d times, the limit is %d", hops, wire.MaxHops)})
		return
	}
	conn, err := f.conn(to)
	if err != nil {
		answer(shard.Result{Status: Unavailable, Reason: err.Error()})
		return
	}
	if !conn.TrySubmit(wire.Operation{Request: q, Hops: hops + 1, Traceparent: traceparent}, answer) {
		answer(shard.Result{Status: shard.Overloaded, Reason: fmt.Sprintf("too many operations are being forwarded to node %v", to)})
	}
}

func (f *Forwarder) conn(to shard.NodeID) (*stream.Conn, error) {
	address, ok := f.opt.Resolve(to)
	if !ok {
		return nil, fmt.Errorf("the address of node %v is not known", to)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errors.New("the node is stopping")
	}
	conn := f.conns[to]
	if conn != nil && conn.Address() == address {
		return conn, nil
	}
	fresh, err := stream.New(address, stream.Options{MessageBytes: f.opt.MessageBytes, Connect: f.opt.Connect})
	if err != nil {
		return nil, err
	}
	if conn != nil {
		go conn.Close() // it answers what is under way, and calls back
	}
	f.conns[to] = fresh
	return fresh, nil
}

// Reset gives up what is under way to a node, which is suspected: it is answered now.
func (f *Forwarder) Reset(to shard.NodeID) {
	f.mu.Lock()
	conn := f.conns[to]
	f.mu.Unlock()
	if conn != nil {
		conn.Reset(fmt.Errorf("node %v is suspected", to))
	}
}

// Close answers everything under way.
func (f *Forwarder) Close() {
	f.mu.Lock()
	f.closed = true
	conns := f.conns
	f.conns = map[shard.NodeID]*stream.Conn{}
	f.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}
