package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// link is one Operate stream, from the first operation for it to its break. The mutex
// of its Conn guards the fields.
type link struct {
	c      *Conn
	ctx    context.Context
	cancel context.CancelFunc

	out   *Outbox
	calls map[uint64]call // nil once broken
	// last is the newest operation's id. They count from 1 in the order of their encoding, so
	// those above sent are surely still here.
	last, sent uint64
}

func newLink(c *Conn) *link {
	ctx, cancel := context.WithCancel(context.Background())
	return &link{c: c, ctx: ctx, cancel: cancel, out: NewOutbox(c.opt.MessageBytes), calls: map[uint64]call{}}
}

// run opens the stream and receives results until it breaks.
func (l *link) run(channel *grpc.ClientConn) {
	slow := time.AfterFunc(ConnectTimeout, l.cancel)
	s, err := kvpb.NewKVClient(channel).Operate(l.ctx)
	if !slow.Stop() && err == nil {
		err = fmt.Errorf("no connection within %v", ConnectTimeout)
	}
	if err != nil {
		l.broke(err)
		return
	}
	go l.send(s)
	l.broke(l.receive(s))
}

// send sends what gathers.
func (l *link) send(s grpc.ClientStream) {
	for {
		select {
		case <-l.out.Woken():
			runtime.Gosched() // callers that were answered just now may ask again
		case <-l.ctx.Done():
			return
		}
		for f, ok := l.take(); ok; f, ok = l.take() {
			if err := s.SendMsg(f); err != nil {
				// io.EOF: why it broke, receive learns.
				if !errors.Is(err, io.EOF) {
					l.broke(err)
				}
				return
			}
		}
	}
}

func (l *link) take() (*wire.Frame, bool) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	f, ok := l.out.Take()
	if ok {
		l.sent += uint64(f.Items)
	}
	return f, ok
}

// answered is a call with its result.
type answered struct {
	id  uint64
	res shard.Result
	call
}

func (l *link) receive(s grpc.ClientStream) error {
	var batch []answered
	for {
		var f wire.Frame
		if err := s.RecvMsg(&f); err != nil {
			return err
		}
		batch = batch[:0]
		malformed := wire.DecodeResults(f.Bytes, func(id uint64, res shard.Result) {
			batch = append(batch, answered{id: id, res: res})
		})
		l.c.mu.Lock()
		for i := range batch {
			batch[i].call = l.calls[batch[i].id]
			delete(l.calls, batch[i].id)
		}
		l.c.mu.Unlock()
		for _, a := range batch {
			// A result nobody waits for is the node's mistake, and harmless.
			if a.done != nil {
				l.c.answer(a.call, a.res)
			}
		}
		clear(batch)
		if malformed != nil {
			return malformed
		}
	}
}

// broke ends the link, once, and answers what was under way.
func (l *link) broke(err error) {
	l.cancel()
	if s, ok := status.FromError(err); ok {
		err = errors.New(s.Message())
	}
	if err == io.EOF {
		err = errors.New("the node ended the stream")
	}
	l.c.mu.Lock()
	calls := l.calls
	l.calls = nil
	l.out.Clear()
	if l.c.link == l {
		l.c.link = nil
	}
	sent := l.sent
	l.c.mu.Unlock()
	for id, p := range calls {
		res := unavailable(fmt.Errorf("node at %s: %w", l.c.address, err))
		if id <= sent && p.effect {
			res.Status = shard.OutcomeUnknown
		}
		l.c.answer(p, res)
	}
}
