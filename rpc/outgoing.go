package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// outgoing is the sending side of one lane. Its one goroutine waits for something to send, connects, sends
// what gathers until the stream breaks, and so on.
type outgoing struct {
	opt   *PeersOptions
	lane  lane
	nudge chan struct{}
	told  string      // the failure that was logged last: the same again is no news
	gone  atomic.Bool // see Peers.Gone

	mu    sync.Mutex
	out   *stream.Outbox
	beat  Heartbeat
	beats bool // beat has not been sent
	// lost: something was dropped since Down was called. Nothing is sent while it is: that would be
	// a gap which nobody is told of before what comes after it arrives.
	lost bool
	// abandon breaks the present stream or attempt; nil where there is none.
	abandon context.CancelCauseFunc
}

var errOverflow = errors.New("more waits for it than its queue may hold")

func (o *outgoing) send(m *shard.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.out.Bytes() >= o.opt.QueueBytes {
		o.out.Clear()
		o.lost = true
		if o.abandon != nil {
			o.abandon(errOverflow)
		}
	}
	if !o.out.Add(func(b []byte) []byte { return wire.AppendMessage(b, m) }) {
		o.opt.Logger.Error("message is too large to send", "peer", o.lane.peer, "shard", m.Shard, "message", m.Kind, "limit", o.opt.MessageBytes)
	}
}

func (o *outgoing) sign(beat Heartbeat) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.beat, o.beats = beat, true
	o.out.Wake()
}

// take returns what to send next on the present stream. A heartbeat goes first.
func (o *outgoing) take() (*wire.Frame, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost {
		return nil, false
	}
	if !o.beats {
		return o.out.Take()
	}
	o.beats = false
	f := wire.NewFrame()
	f.Bytes = wire.AppendAlive(f.Bytes, o.beat)
	return f, true
}

// run keeps the lane going until ctx ends. After a stream broke it does not wait for something to send: whether the peer
// is still there is worth knowing at once.
func (o *outgoing) run(ctx context.Context) {
	pause := stream.FirstRetry
	broken := "" // the address of the last stream, if it broke
	curious := false
	for curious || o.awaitWork(ctx) {
		began := time.Now()
		a := o.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		o.tell(a.err)
		// What waits was sent after something that is lost: it goes too, before anybody is told.
		if o.drop() || a.opened {
			o.opt.Down(o.lane.peer, o.lane.traffic)
		}
		if a.refused && a.address == broken {
			o.gone.Store(true)
			o.opt.Gone(o.lane.peer)
		}
		lasted := time.Since(began) > stream.LastRetry
		if lasted {
			pause = stream.FirstRetry
		}
		switch {
		case a.opened && a.stops:
			broken, curious = "", false
		case a.opened:
			broken, curious = a.address, true
			if lasted {
				pause = stream.QuickRetry
				continue
			}
		default:
			// The kernel of a dying process may close its connections just before the socket that listens: then
			// the attempt in between is cut off instead of refused, and the next one tells.
			curious = curious && !a.refused && pause < stream.LastRetry
		}
		o.rest(ctx, pause)
		pause = min(2*pause, stream.LastRetry)
	}
}

// awaitWork waits until there is something to send; false: ctx has ended.
func (o *outgoing) awaitWork(ctx context.Context) bool {
	for ctx.Err() == nil {
		o.mu.Lock()
		work := o.beats || o.lost || o.out.Bytes() > 0
		o.mu.Unlock()
		if work {
			return true
		}
		select {
		case <-o.out.Woken():
		case <-ctx.Done():
		}
	}
	return false
}

// rest waits before the next attempt.
func (o *outgoing) rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.nudge:
	case <-ctx.Done():
	}
}

// drop forgets what waits. It reports whether a message was lost by that or before.
func (o *outgoing) drop() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := o.lost || o.out.Bytes() > 0
	o.out.Clear()
	o.lost, o.beats = false, false
	return lost
}

// tell logs why there is no stream.
func (o *outgoing) tell(err error) {
	if s, ok := status.FromError(err); ok {
		err = errors.New(s.Message())
	}
	if text := err.Error(); text != o.told {
		o.told = text
		o.opt.Logger.Info("no stream to a peer", "peer", o.lane.peer, "traffic", traffics[o.lane.traffic], "reason", text)
	}
}

// attempt is what became of one.
type attempt struct {
	address string
	opened  bool  // the peer accepted the stream
	stops   bool  // and ended it, since it stops in good order
	refused bool  // it was not opened: nobody listens at the address
	err     error // why there is no stream, or no more
}

var errStops = errors.New("the peer stops")

// connection is one stream, from the attempt to its end. Each has a connection of its own: an attempt goes to the
// present address, and leaves nothing behind.
func (o *outgoing) connection(ctx context.Context) attempt {
	address, ok := o.opt.Resolve(o.lane.peer)
	if !ok {
		return attempt{err: errors.New("its address is not known")}
	}
	refused := &atomic.Bool{}
	connect := o.opt.Connect
	if connect == nil {
		connect = direct(refused)
	}
	opened, err := o.through(ctx, address, connect)
	return attempt{address: address, opened: opened, stops: errors.Is(err, errStops), refused: !opened && refused.Load(), err: err}
}

// direct connects without anybody between, and notes whether the last attempt was refused.
func direct(refused *atomic.Bool) stream.Connect {
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := stream.Direct(ctx, address)
		refused.Store(errors.Is(err, syscall.ECONNREFUSED))
		return conn, err
	}
}

// through is one stream over connect, from the attempt to its end. It reports whether the peer accepted it, and why it ended.
func (o *outgoing) through(ctx context.Context, address string, connect stream.Connect) (opened bool, err error) {
	channel, err := stream.Dial(address, o.opt.MessageBytes, connect)
	if err != nil {
		return false, fmt.Errorf("address %q: %w", address, err)
	}
	defer channel.Close()
	ctx, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	o.abandoned(abandon)
	defer o.abandoned(nil)

	slow := time.AfterFunc(stream.ConnectTimeout, func() {
		abandon(fmt.Errorf("%s did not answer within %v", address, stream.ConnectTimeout))
	})
	s, err := o.open(ctx, channel)
	if !slow.Stop() {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err != nil {
		return false, err
	}
	o.told = ""
	o.gone.Store(false)
	o.opt.Logger.Debug("stream to a peer is open", "peer", o.lane.peer, "traffic", traffics[o.lane.traffic], "address", address)
	// The peer never answers on this stream: what comes is its end.
	go func() {
		err := s.RecvMsg(&peerpb.PeerClosed{})
		switch err {
		case nil:
			err = errStops
		case io.EOF:
			err = errors.New("the peer ended it")
		}
		abandon(err)
	}()
	o.pump(ctx, s)
	return true, context.Cause(ctx)
}

// abandoned notes what breaks the attempt that begins, nil where it ends. What was lost before it began breaks it at once.
func (o *outgoing) abandoned(f context.CancelCauseFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.abandon = f
	if f != nil && o.lost {
		f(errOverflow)
	}
}

// open says hello, and waits for the peer to accept it.
func (o *outgoing) open(ctx context.Context, channel *grpc.ClientConn) (grpc.ClientStream, error) {
	s, err := peerpb.NewPeerClient(channel).Stream(ctx)
	if err != nil {
		return nil, err
	}
	hello := &peerpb.PeerBatch{Hello: &peerpb.Hello{
		Protocol: wire.Protocol, Cluster: o.opt.Cluster(), From: uint64(o.opt.Self), To: uint64(o.lane.peer), Traffic: traffics[o.lane.traffic], Boot: o.opt.Boot,
	}}
	// io.EOF: the stream is over, and its status says why.
	if err := s.Send(hello); err != nil && err != io.EOF {
		return nil, err
	}
	if header, err := s.Header(); err != nil || header == nil {
		return nil, s.RecvMsg(&peerpb.PeerClosed{})
	}
	return s, nil
}

// pump sends what gathers until the stream is abandoned.
func (o *outgoing) pump(ctx context.Context, s grpc.ClientStream) {
	for {
		for f, ok := o.take(); ok; f, ok = o.take() {
			if err := s.SendMsg(f); err != nil {
				<-ctx.Done() // the receiving side learns why
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-o.out.Woken():
		}
	}
}
