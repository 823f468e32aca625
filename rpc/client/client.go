package client

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// Version is the position of a write in the history of its key's shard. 0 is
// the version of a key that does not exist.
type Version uint64

// Value is what a key holds.
type Value struct {
	Data []byte
	// Version is that of the write that made the value.
	Version Version
}

// Client talks to one cluster. Make it with Open. Its methods may be called by any
// number of goroutines at once.
type Client struct {
	options options
	// lifetime ends with Close. What runs in the background hangs on it.
	lifetime context.Context
	end      context.CancelFunc
	// background counts the goroutines that Close waits for.
	background sync.WaitGroup

	// routes says whom to ask. It is replaced, never changed, under mu.
	routes atomic.Pointer[routes]
	// sessions has one for each shard, in the order of the ring, which stays.
	sessions []*sessions
	// trouble wakes the keeper. It holds one: more trouble adds nothing.
	trouble chan struct{}
	// turn spreads reads over the members of a shard, and the keeper's questions over all nodes. Each client begins with others.
	turn   atomic.Uint64
	jitter *jitter

	mu     sync.Mutex
	closed bool
	// nodes are the connections in use, by address.
	nodes map[string]*node
	// endpoints are the addresses given to Open.
	endpoints []string
}

// Open connects to the cluster that the endpoints, as host:port, belong to. One that
// answers is enough, now and later: the client learns of the other nodes
// by itself. Give several, so that one of them may be down.
func Open(ctx context.Context, endpoints []string, opts ...Option) (*Client, error) {
	o := defaults()
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.valid(); err != nil {
		return nil, err
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("open: %w: no endpoints: want the address of at least one node as host:port", ErrInvalid)
	}
	c := &Client{
		options:   o,
		trouble:   make(chan struct{}, 1),
		jitter:    newJitter(),
		nodes:     map[string]*node{},
		endpoints: slices.Clone(endpoints),
	}
	c.turn.Store(uint64(c.jitter.upTo(math.MaxUint32)))
	c.lifetime, c.end = context.WithCancel(context.Background())
	ring, err := c.firstRing(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	for i := range ring.Shards {
		c.sessions = append(c.sessions, &sessions{open: func(opened func(shard.SessionID, error)) bool {
			return c.openSession(i, opened)
		}})
	}
	c.install(func(*Ring) *Ring { return ring })
	c.background.Go(c.keep)
	return c, nil
}

// Close ends all calls under way with ErrClosed, and returns when the client's work in the
// background has ended. Closing again does nothing. The error is always nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	nodes := c.nodes
	c.nodes = map[string]*node{}
	c.mu.Unlock()
	c.end()
	for _, n := range nodes {
		n.conn.Close()
	}
	c.background.Wait()
	return nil
}

// spawn runs f in the background, unless the client is closed.
func (c *Client) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.background.Go(f)
	return true
}

// Get reads a key. One that does not exist is ErrNotFound. The read is linearizable
// unless Stale says otherwise.
func (c *Client) Get(ctx context.Context, key string, opts ...ReadOption) (Value, error) {
	op := wire.Operation{Request: shard.Request{Kind: shard.Get}}
	for _, o := range opts {
		op.Stale = op.Stale || o.stale
	}
	result, err := c.do(ctx, "get", key, nil, op)
	if err != nil {
		return Value{}, err
	}
	return Value{Data: result.Value, Version: Version(result.Version)}, nil
}

// Put sets a key to a value, and returns the key's new version. The client keeps no hold
// of value when Put has returned, however it ended.
func (c *Client) Put(ctx context.Context, key string, value []byte, opts ...WriteOption) (Version, error) {
	op := wire.Operation{Request: shard.Request{Kind: shard.Put, If: condition(opts)}}
	result, err := c.do(ctx, "put", key, value, op)
	if err != nil {
		return 0, err
	}
	return Version(result.Version), nil
}

// Delete removes a key, and returns the version of the removal. A key that does
// not exist is ErrNotFound, unless a condition fails first.
func (c *Client) Delete(ctx context.Context, key string, opts ...WriteOption) (Version, error) {
	op := wire.Operation{Request: shard.Request{Kind: shard.Delete, If: condition(opts)}}
	result, err := c.do(ctx, "delete", key, nil, op)
	if err != nil {
		return 0, err
	}
	return Version(result.Version), nil
}

// CompareAndSwap sets a key to a value if the key has the expected version, and returns
// its new one. Otherwise nothing changes, the error is ErrVersionMismatch, and a
// *VersionMismatchError in it holds the version found. It is Put with IfVersion.
func (c *Client) CompareAndSwap(ctx context.Context, key string, expected Version, value []byte) (Version, error) {
	return c.Put(ctx, key, value, IfVersion(expected))
}

// PutIfAbsent sets a key that does not exist. It is CompareAndSwap with version 0.
func (c *Client) PutIfAbsent(ctx context.Context, key string, value []byte) (Version, error) {
	return c.CompareAndSwap(ctx, key, 0, value)
}

// condition is the last one given: a write has one at most.
func condition(opts []WriteOption) shard.Condition {
	var last shard.Condition
	for _, o := range opts {
		last = o.condition
	}
	return last
}
