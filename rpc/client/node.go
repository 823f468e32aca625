package client

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/shard"
)

// node is one address with the stream to it.
type node struct {
	address string
	conn    *stream.Conn
	// suspect: it did not serve when it was asked last. Operations pass it over
	// until it tells its ring.
	suspect atomic.Bool
	// doubted: an operation failed there in a way that may be the node's fault. The
	// keeper asks it, and so makes it a suspect or not.
	doubted atomic.Bool
	// asked: it is being asked for its ring.
	asked atomic.Bool
	// answers counts what it answered, so that a slow operation can be told from a
	// node that hangs.
	answers atomic.Uint64
}

// connect makes a node of an address, without a word to it yet.
func connect(address string) (*node, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: want host:port", err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		return nil, fmt.Errorf("want host:port with a port from 1 to 65535")
	}
	conn, err := stream.New(address, stream.Options{})
	if err != nil {
		return nil, err
	}
	return &node{address: address, conn: conn}, nil
}

// doubt has the keeper find out about the node.
func (c *Client) doubt(n *node) {
	n.doubted.Store(true)
	c.report()
}

// ring asks for the ring as the node knows it.
func (n *node) ring(ctx context.Context) (*Ring, error) {
	told, err := n.conn.Ring(ctx)
	if err != nil {
		return nil, err
	}
	return ringOf(told), nil
}

// attempt is one sending of an operation. Its answer comes once, even if nobody
// waits for it any more.
type attempt struct {
	answer chan shard.Result // holds one, so that answering never waits
	done   func(shard.Result)
}

// attempts are used again once their answer was received, and only then.
var attempts = sync.Pool{New: func() any {
	a := &attempt{answer: make(chan shard.Result, 1)}
	a.done = func(r shard.Result) { a.answer <- r }
	return a
}}
