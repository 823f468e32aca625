package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// Options bound a Conn. Zero fields mean the defaults.
type Options struct {
	// Pending bounds the operations under way. Default 8192.
	Pending int
	// PendingBytes bounds their keys and values together; one that is larger alone counts as
	// this much. Default 64 MiB.
	PendingBytes int
	// MessageBytes bounds a gRPC message. An operation that takes more is TooLarge. Default 16 MiB.
	MessageBytes int
	// Connect makes the connections. Default: directly.
	Connect Connect
}

func (o *Options) setDefaults() {
	if o.Pending == 0 {
		o.Pending = 8192
	}
	if o.PendingBytes == 0 {
		o.PendingBytes = 64 << 20
	}
	if o.MessageBytes == 0 {
		o.MessageBytes = DefaultMessageBytes
	}
}

// ErrClosed is why a closed Conn answers Unavailable.
var ErrClosed = errors.New("connection is closed")

// Conn carries operations to one node. All methods are safe for concurrent use.
type Conn struct {
	address string
	opt     Options
	// room holds what may still be submitted.
	room struct{ ops, bytes *semaphore.Weighted }

	mu      sync.Mutex
	channel *grpc.ClientConn // the connection of this and the next streams
	closed  error            // why it takes no more operations; nil while it does
	link    *link            // the present stream, nil while there is none
}

// call is an operation under way.
type call struct {
	done   func(shard.Result)
	effect bool // it changes something when it is applied
	bytes  int64
}

// New returns a connection to the node at address, host:port. It is made
// when the first operation is submitted.
func New(address string, opt Options) (*Conn, error) {
	opt.setDefaults()
	channel, err := Dial(address, opt.MessageBytes, opt.Connect)
	if err != nil {
		return nil, fmt.Errorf("node at %s: %w", address, err)
	}
	c := &Conn{address: address, opt: opt, channel: channel}
	c.room.ops = semaphore.NewWeighted(int64(opt.Pending))
	c.room.bytes = semaphore.NewWeighted(int64(opt.PendingBytes))
	return c, nil
}

// Address is where the node is.
func (c *Conn) Address() string { return c.address }

// Submit sends an operation; its ID is the Conn's to give. While the bounds on operations under way are reached it
// waits, at most until ctx ends; the operation is then Unavailable. ctx has no
// part in what follows. done is called exactly once, from any goroutine, possibly before Submit
// returns, and must not block. It may hold the key and value of op until then.
func (c *Conn) Submit(ctx context.Context, op wire.Operation, done func(shard.Result)) {
	bytes := c.weigh(&op)
	if err := c.room.ops.Acquire(ctx, 1); err != nil {
		done(unavailable(fmt.Errorf("%d operations are under way to %s, the limit: %w", c.opt.Pending, c.address, context.Cause(ctx))))
		return
	}
	if err := c.room.bytes.Acquire(ctx, bytes); err != nil {
		c.room.ops.Release(1)
		done(unavailable(fmt.Errorf("operations under way to %s take %d bytes, the limit: %w", c.address, c.opt.PendingBytes, context.Cause(ctx))))
		return
	}
	c.submit(&op, call{done: done, effect: op.Kind != shard.Get, bytes: bytes})
}

// TrySubmit is Submit, but where that would wait it reports false and does nothing.
func (c *Conn) TrySubmit(op wire.Operation, done func(shard.Result)) bool {
	bytes := c.weigh(&op)
	if !c.room.ops.TryAcquire(1) {
		return false
	}
	if !c.room.bytes.TryAcquire(bytes) {
		c.room.ops.Release(1)
		return false
	}
	c.submit(&op, call{done: done, effect: op.Kind != shard.Get, bytes: bytes})
	return true
}

func (c *Conn) weigh(op *wire.Operation) int64 {
	return int64(min(len(op.Key)+len(op.Value), c.opt.PendingBytes))
}

func (c *Conn) submit(op *wire.Operation, p call) {
	c.mu.Lock()
	if c.closed != nil {
		err := c.closed
		c.mu.Unlock()
		c.answer(p, unavailable(err))
		return
	}
	if c.link == nil {
		c.link = newLink(c)
		go c.link.run(c.channel)
	}
	l := c.link
	op.ID = l.last + 1
	fits := l.out.Add(func(b []byte) []byte { return wire.AppendOperation(b, op) })
	if fits {
		l.last = op.ID
		l.calls[op.ID] = p
	}
	c.mu.Unlock()
	if !fits {
		c.answer(p, shard.Result{Status: wire.TooLarge, Reason: fmt.Sprintf("operation of %d bytes, the limit of a message is %d",
			len(op.Key)+len(op.Value), c.opt.MessageBytes)})
	}
}

func (c *Conn) answer(p call, res shard.Result) {
	c.room.ops.Release(1)
	c.room.bytes.Release(p.bytes)
	p.done(res)
}

// Ring asks the node for the ring. Where the time of ctx is over, whoever of the two notices that first, the
// error is context.DeadlineExceeded.
func (c *Conn) Ring(ctx context.Context) (*wire.Ring, error) {
	c.mu.Lock()
	channel, err := c.channel, c.closed
	c.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("node at %s: %w", c.address, err)
	}
	p, err := kvpb.NewKVClient(channel).Ring(ctx, &kvpb.RingRequest{})
	if status.Code(err) == codes.DeadlineExceeded {
		return nil, fmt.Errorf("node at %s: %w", c.address, context.DeadlineExceeded)
	}
	if err != nil {
		return nil, fmt.Errorf("node at %s: %s", c.address, status.Convert(err).Message())
	}
	r, err := wire.RingFromProto(p)
	if err != nil {
		return nil, fmt.Errorf("node at %s: %w", c.address, err)
	}
	return r, nil
}

// Reset gives up the present stream and its connection, and so answers
// everything under way. The next operation begins anew.
func (c *Conn) Reset(reason error) {
	c.mu.Lock()
	if c.closed != nil {
		c.mu.Unlock()
		return
	}
	old, l := c.channel, c.link
	c.channel, c.closed = Dial(c.address, c.opt.MessageBytes, c.opt.Connect)
	c.mu.Unlock()
	if l != nil {
		l.broke(reason)
	}
	go old.Close() // it may take its time
}

// Close answers everything under way and all that is submitted later.
func (c *Conn) Close() {
	c.mu.Lock()
	if c.closed != nil {
		c.mu.Unlock()
		return
	}
	c.closed = ErrClosed
	l, channel := c.link, c.channel
	c.mu.Unlock()
	if l != nil {
		l.broke(ErrClosed)
	}
	channel.Close()
}

func unavailable(err error) shard.Result {
	return shard.Result{Status: wire.Unavailable, Reason: err.Error()}
}
