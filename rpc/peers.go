package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// PeersOptions say who sends, and how others are found.
type PeersOptions struct {
	Self    shard.NodeID
	Cluster func() string
	// Resolve tells where a node is, if that is known.
	Resolve func(shard.NodeID) (address string, ok bool)
	// Down tells that messages sent to peer before now may be lost. It is called from a stream's goroutine.
	Down func(peer shard.NodeID, t shard.Traffic)
	// MessageBytes bounds one gRPC message. Zero: the default of package stream.
	MessageBytes int
	// QueueBytes bounds what waits for one stream; beyond it all that waits is dropped, and Down called.
	// Zero: 64 MiB.
	QueueBytes int
	Logger     *slog.Logger
}

// Peers is the way to all other nodes: one stream for each node and kind of traffic, opened when there is
// something to send and again after it broke. No method blocks.
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

// Send sends messages to other nodes, in order per node and kind of traffic. They may not change afterwards.
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
		o.mu.Lock()
		o.beat, o.beats = beat, true
		o.mu.Unlock()
		o.out.Wake()
	}
}

// Nudge ends the waiting for the next attempt at a connection: the node has shown that it is there.
func (p *Peers) Nudge(peer shard.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l, o := range p.lanes {
		if l.peer == peer {
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

func (p *Peers) lane(l lane) *outgoing {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lanes[l]
	if o == nil && p.ctx.Err() == nil {
		o = &outgoing{peers: p, lane: l, out: stream.NewOutbox(), nudge: make(chan struct{}, 1)}
		p.lanes[l] = o
		p.all.Go(o.run)
	}
	return o
}

// outgoing is the sending side of one lane.
type outgoing struct {
	peers *Peers
	lane  lane
	nudge chan struct{}
	// told is the last failure logged: the same one again is no news.
	told string

	mu    sync.Mutex
	out   *stream.Outbox
	beat  Heartbeat
	beats bool // beat has not been sent
}

func (o *outgoing) send(m *shard.Message) {
	o.mu.Lock()
	full := o.out.Bytes() >= o.peers.opt.QueueBytes
	if full {
		o.out.Clear()
	}
	fits := o.out.Add(o.peers.opt.MessageBytes, func(b []byte) []byte { return wire.AppendMessage(b, m) })
	o.mu.Unlock()
	switch {
	case full:
		// Not from here: whoever sends is not to be called back.
		go o.peers.opt.Down(o.lane.peer, o.lane.traffic)
	case !fits:
		o.peers.opt.Logger.Error("message is too large to send", "peer", o.lane.peer, "message", m.Kind, "limit", o.peers.opt.MessageBytes)
	}
}

// take returns what to send next: the heartbeat goes with whatever is first.
func (o *outgoing) take() (*wire.Frame, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, ok := o.out.Take()
	if !o.beats {
		return f, ok
	}
	if !ok {
		f = wire.NewFrame()
	}
	f.Bytes = wire.AppendAlive(f.Bytes, o.beat)
	o.beats = false
	return f, true
}

// run keeps the lane connected until the Peers are closed.
func (o *outgoing) run() {
	var channel *grpc.ClientConn
	var address string
	defer func() {
		if channel != nil {
			channel.Close()
		}
	}()
	pause := stream.FirstRetry
	for o.peers.ctx.Err() == nil {
		now, known := o.peers.opt.Resolve(o.lane.peer)
		if known && (channel == nil || now != address) {
			fresh, err := stream.Dial(now, o.peers.opt.MessageBytes)
			if err != nil {
				o.tell(err)
			} else {
				if channel != nil {
					channel.Close()
				}
				channel, address = fresh, now
			}
		}
		if channel == nil {
			o.tell(errors.New("its address is not known yet"))
		} else if began := time.Now(); o.connection(channel) || time.Since(began) > stream.LastRetry {
			pause = stream.FirstRetry
		}
		select {
		case <-o.peers.ctx.Done():
		case <-o.nudge:
		case <-time.After(pause):
		}
		pause = min(2*pause, stream.LastRetry)
		if channel != nil {
			channel.ResetConnectBackoff()
		}
	}
}

// tell logs why there is no stream, once.
func (o *outgoing) tell(err error) {
	if s, ok := status.FromError(err); ok {
		err = errors.New(s.Message())
	}
	if text := err.Error(); text != o.told && o.peers.ctx.Err() == nil {
		o.told = text
		o.peers.opt.Logger.Info("no stream to a peer", "peer", o.lane.peer, "traffic", int(o.lane.traffic), "reason", text)
	}
}

// connection is one stream from its beginning to its end. It reports whether the peer accepted it.
func (o *outgoing) connection(channel *grpc.ClientConn) (accepted bool) {
	ctx, cancel := context.WithCancel(o.peers.ctx)
	defer cancel()
	slow := time.AfterFunc(stream.ConnectTimeout, cancel)
	s, err := o.open(ctx, channel)
	if !slow.Stop() && err == nil {
		err = fmt.Errorf("no connection within %v", stream.ConnectTimeout)
	}
	if err != nil {
		o.tell(err)
		return false
	}
	o.told = ""
	// The peer never answers on this stream: what comes is its end.
	go func() {
		var closed peerpb.PeerClosed
		if err := s.RecvMsg(&closed); err != nil && !errors.Is(err, io.EOF) {
			o.peers.opt.Logger.Debug("stream to a peer ended", "peer", o.lane.peer, "traffic", int(o.lane.traffic), "reason", err)
		}
		cancel()
	}()
	o.pump(ctx, s)
	o.mu.Lock()
	o.out.Clear()
	o.mu.Unlock()
	if o.peers.ctx.Err() == nil {
		o.peers.opt.Down(o.lane.peer, o.lane.traffic)
	}
	return true
}

// open says hello, and waits for the peer to accept it.
func (o *outgoing) open(ctx context.Context, channel *grpc.ClientConn) (grpc.ClientStream, error) {
	s, err := peerpb.NewPeerClient(channel).Stream(ctx, grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	hello, err := helloFrame(o.peers.opt.Cluster(), o.peers.opt.Self, o.lane)
	if err != nil {
		return nil, err
	}
	if err := s.SendMsg(hello); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	header, err := s.Header()
	if err != nil {
		return nil, err
	}
	if header == nil {
		// Refused: the status says why.
		var closed peerpb.PeerClosed
		return nil, s.RecvMsg(&closed)
	}
	return s, nil
}

// pump sends whatever gathers until the stream breaks.
func (o *outgoing) pump(ctx context.Context, s grpc.ClientStream) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.out.Woken():
		}
		for f, ok := o.take(); ok; f, ok = o.take() {
			if err := s.SendMsg(f); err != nil {
				return
			}
		}
	}
}
