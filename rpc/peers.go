package rpc

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/shard"
)

// PeersOptions say who sends, and how others are found.
type PeersOptions struct {
	Self    shard.NodeID
	Boot    uint64        // how often its data directory was opened; from 1
	Cluster func() string // empty while the node belongs to none
	// Resolve tells where a node is, if that is known. It is asked before each attempt at a connection.
	Resolve func(shard.NodeID) (address string, ok bool)
	// Down tells that messages sent to peer before now may be lost. It is called from a stream's goroutine, and
	// must not block.
	Down func(peer shard.NodeID, t shard.Traffic)
	// Gone tells that a stream to peer broke, without a word that the peer stops in good order, and that nobody
	// listens at its address any more, as Peers.Gone says too. It is called as Down is. It is never called where Connect is
	// set: what stands between may be gone, or refuse, for reasons of its own.
	Gone func(peer shard.NodeID)
	// MessageBytes bounds one gRPC message; a shard.Message that takes more is not sent. Zero: the default
	// of package stream.
	MessageBytes int
	// QueueBytes bounds what waits for one stream. When it is reached, all that waits is dropped, the stream is
	// broken, and Down called. Zero: 64 MiB.
	QueueBytes int
	// Connect makes the connections to other nodes. Nil: directly.
	Connect func(ctx context.Context, address string) (net.Conn, error)
	Logger  *slog.Logger
}

// Peers is the way to all other nodes: one stream for each node and kind of traffic, opened when there is
// something to send, and again after it broke. No method blocks but Close.
//
// Messages of one kind of traffic to one node arrive in the order in which they were sent. One is lost
// only together with all that were sent after it, up to a call of Down. What is sent while the
// node cannot be reached waits for one attempt at a connection; if that fails it is lost.
type Peers struct {
	opt    PeersOptions
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu    sync.Mutex
	lanes map[lane]*outgoing
}

// NewPeers has no streams yet.
func NewPeers(opt PeersOptions) *Peers {
	if opt.MessageBytes == 0 {
		opt.MessageBytes = stream.DefaultMessageBytes
	}
	if opt.QueueBytes == 0 {
		opt.QueueBytes = 64 << 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Peers{opt: opt, ctx: ctx, cancel: cancel, lanes: map[lane]*outgoing{}}
}

// Send sends messages, each to the node it names, which is another one. It has done with
// them when it returns.
func (p *Peers) Send(messages []shard.Message) {
	for i := range messages {
		m := &messages[i]
		if o := p.lane(lane{peer: m.To, traffic: m.Kind.Traffic()}); o != nil {
			o.send(m)
		}
	}
}

// Beat sends a heartbeat. Only the newest that has not left yet goes out.
func (p *Peers) Beat(to shard.NodeID, beat Heartbeat) {
	if o := p.lane(lane{peer: to, traffic: shard.ControlTraffic}); o != nil {
		o.sign(beat)
	}
}

// Gone reports whether a stream to peer broke, no other could be opened since, and the last attempt was refused: nobody
// listens there. Neither alone proves anything. Networks and proxies break streams between nodes that are well,
// and nobody listens yet where a node is about to start.
func (p *Peers) Gone(peer shard.NodeID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range shard.Traffics {
		if o := p.lanes[lane{peer: peer, traffic: t}]; o != nil && o.gone.Load() {
			return true
		}
	}
	return false
}

// Nudge ends the pause before the next attempt at a connection to peer, which has shown that it is there.
func (p *Peers) Nudge(peer shard.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range shard.Traffics {
		if o := p.lanes[lane{peer: peer, traffic: t}]; o != nil {
			o.gone.Store(false)
			select {
			case o.nudge <- struct{}{}:
			default:
			}
		}
	}
}

// Close ends all streams. What was not sent is dropped.
func (p *Peers) Close() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	p.all.Wait()
}

// lane returns the sending side of a lane, nil after Close.
func (p *Peers) lane(l lane) *outgoing {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lanes[l]
	if o == nil && p.ctx.Err() == nil {
		o = &outgoing{opt: &p.opt, lane: l, out: stream.NewOutbox(p.opt.MessageBytes), nudge: make(chan struct{}, 1)}
		p.lanes[l] = o
		p.all.Go(func() { o.run(p.ctx) })
	}
	return o
}
