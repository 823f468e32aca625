package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Answers that are given on the way to a replica, beside shard's own. Nothing was applied.
const (
	Invalid     = wire.Invalid
	TooLarge    = wire.TooLarge
	Unavailable = wire.Unavailable
)

// What a backend says when it cannot do as asked.
var (
	ErrNoCluster    = errors.New("this node belongs to no cluster yet")
	ErrOtherGenesis = errors.New("another genesis")
	// ErrPrecondition says that a cluster is not in the state that a call needs.
	ErrPrecondition = errors.New("not possible now")
)

// Heartbeat is a node's sign of life (iAmAlive).
type Heartbeat = wire.Heartbeat

// Backends are what a server serves.
type Backends struct {
	Store    Store
	Admin    Admin
	Receiver Receiver
}

// Store carries out clients' operations.
type Store interface {
	// Submit starts operations that came together. It does not block, and does not keep the slice.
	Submit([]Operation)
	// Ring is the ring as the node knows it, or an error that wraps ErrNoCluster.
	Ring() (Ring, error)
}

// Operation is one of a client's, which has passed all checks that need no knowledge of the ring. Shard 0 means the owner of the key. Key
// and value may be kept, not changed.
type Operation struct {
	shard.Request
	Hops        int    // how often it was forwarded so far
	Traceparent string // see wire.Traceparent; may be empty
	// Answer is to be called exactly once, from any goroutine, possibly before Submit returns. It does not block.
	Answer func(shard.Result)
}

// Ring is what clients learn of a cluster.
type Ring struct {
	Cluster        string
	Slices         sequencer.Ring
	Configurations []shard.Configuration // the newest known of each shard, in the order of Slices
	Nodes          []Node
}

// Node is where to find one.
type Node struct {
	ID      shard.NodeID
	Name    string // may be empty
	Address string // host:port
	Zone    string // its failure domain; may be empty
}

// Admin answers operators.
type Admin interface {
	Identity() *adminpb.IdentityResponse
	// Init takes a valid genesis; an error that wraps ErrOtherGenesis says that the node has another one.
	Init(ctx context.Context, g *sequencer.Genesis) error
	Status() *adminpb.StatusResponse
	// History is what the node remembers of decisions about a shard; empty where it does not sequence it.
	History(of shard.ID) []*adminpb.Decision
	// Drain and Remove do as the calls of that name; an error that wraps ErrPrecondition or ErrNoCluster is about the state of the cluster.
	Drain(drains bool) error
	Remove(node shard.NodeID) error
	// Recover takes one step of an operator's ruling, or says why the node must not. It answers once that is durable.
	Recover(ctx context.Context, r Recovery) (sequencer.Witness, error)
}

// Receiver takes what other nodes of the cluster send. Its methods are called from the streams'
// goroutines: one that blocks holds up the one stream.
type Receiver interface {
	// Receive takes valid messages, which are the receiver's to keep.
	Receive(from shard.NodeID, messages []shard.Message)
	Alive(from shard.NodeID, beat Heartbeat)
	// Opened and Closed tell of the streams from a node, which is in its boot-th life. A new stream may open before the one it replaces
	// has closed; the old one's messages end before the new one's begin.
	Opened(from shard.NodeID, t shard.Traffic, boot uint64)
	Closed(from shard.NodeID, t shard.Traffic)
}

// Limits bound what a server takes in.
type Limits struct {
	KeyBytes   int // of one key
	ValueBytes int // of one value
	// MessageBytes bounds one gRPC message, both ways. It holds the longest key and value, and
	// MessageOverhead beside them.
	MessageBytes int
	// StreamOperations and StreamBytes bound the operations of one client's stream that are not answered, by
	// number and by the bytes of their keys and values. At the bound the stream is read no
	// further, which the client feels as backpressure. So it is while more than StreamBytes of results wait for
	// the client to read them.
	StreamOperations, StreamBytes int
	// Operations and Bytes bound those of all streams and calls together, likewise. Operations that another
	// node forwarded have the same room again, apart from the clients', and are answered Overloaded when it is
	// used up: if they waited, two nodes that forward to each other could wait for ever.
	Operations, Bytes int
	// Streams bounds the streams and calls on one connection.
	Streams int
}

// MessageOverhead is what an operation may take in a message beside its key and value, in bytes.
const MessageOverhead = 64 << 10

// DefaultLimits suit a small machine.
func DefaultLimits() Limits {
	return Limits{
		KeyBytes: 4 << 10, ValueBytes: 1 << 20, MessageBytes: stream.DefaultMessageBytes,
		StreamOperations: 8192, StreamBytes: 64 << 20, Operations: 16384, Bytes: 256 << 20, Streams: 256,
	}
}

// valid reports limits under which some allowed operation could never be served.
func (l Limits) valid() error {
	largest := l.KeyBytes + l.ValueBytes
	for _, limit := range []struct {
		name         string
		value, least int
	}{
		{"key", l.KeyBytes, 1}, {"value", l.ValueBytes, 0},
		{"message", l.MessageBytes, largest + MessageOverhead},
		{"operations of a stream", l.StreamOperations, 1}, {"bytes of a stream", l.StreamBytes, largest},
		{"operations", l.Operations, 1}, {"bytes", l.Bytes, largest},
		{"streams", l.Streams, 1},
	} {
		if limit.value < limit.least {
			return fmt.Errorf("limit of %s is %d: want at least %d", limit.name, limit.value, limit.least)
		}
	}
	return nil
}
