package rpc

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// operateStream is one client's Operate stream. One goroutine receives operations and submits
// them; their results gather in the outbox from wherever they come; the handler's goroutine
// sends what has gathered since its last send.
type operateStream struct {
	service *kvService
	grpc    grpc.ServerStream
	room    room
	// drained tells receive that results have been sent.
	drained chan struct{}
	// admitted are operations that receive has yet to submit.
	admitted []Operation

	mu  sync.Mutex
	out *stream.Outbox
	// underWay counts the operations that were submitted and are not answered.
	underWay int
	// stopping: operations are not submitted any more.
	stopping bool
}

// Operate serves one stream until the client has all its results, the stream breaks, or the server stops.
func (s *kvService) Operate(g grpc.BidiStreamingServer[kvpb.OperateRequest, kvpb.OperateResponse]) error {
	o := newOperateStream(s, g)
	received := make(chan error, 1)
	go func() { received <- o.receive() }() // ends with the stream's context at the latest
	defer o.stop()
	return o.serve(received)
}

func newOperateStream(s *kvService, g grpc.ServerStream) *operateStream {
	return &operateStream{
		service: s, grpc: g, room: newRoom(s.limits.StreamOperations, s.limits.StreamBytes),
		drained: make(chan struct{}, 1), out: stream.NewOutbox(s.limits.MessageBytes),
	}
}

// serve sends results until the stream is to end, and says why.
func (o *operateStream) serve(received <-chan error) error {
	var ending bool // once all is answered
	var end error
	stopped := o.service.ended
	for {
		if err := o.flush(); err != nil {
			return err
		}
		if ending && o.idle() {
			return end
		}
		select {
		case <-o.out.Woken():
			runtime.Gosched() // other results may be about to come
		case err := <-received:
			if err != io.EOF {
				return err
			}
			ending, received = true, nil
		case <-stopped:
			o.stop()
			ending, end, stopped = true, status.Error(codes.Unavailable, "the node is stopping"), nil
		case <-o.grpc.Context().Done():
			return status.FromContextError(o.grpc.Context().Err()).Err()
		}
	}
}

// flush sends what has gathered.
func (o *operateStream) flush() error {
	for {
		o.mu.Lock()
		f, ok := o.out.Take()
		o.mu.Unlock()
		if !ok {
			return nil
		}
		if err := o.grpc.SendMsg(f); err != nil {
			return err
		}
		select {
		case o.drained <- struct{}{}:
		default:
		}
	}
}

func (o *operateStream) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.underWay == 0 && o.out.Bytes() == 0
}

func (o *operateStream) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopping = true
}

// receive submits the operations that come in.
func (o *operateStream) receive() error {
	ctx := o.grpc.Context()
	var ops []wire.Operation
	for {
		if err := o.wait(ctx); err != nil {
			return err
		}
		var f wire.Frame
		err := o.grpc.RecvMsg(&f)
		if err != nil {
			return err
		}
		if ops, err = wire.DecodeOperations(ops[:0], f.Bytes); err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		for i := range ops {
			if err := o.admit(ctx, &ops[i]); err != nil {
				return err
			}
		}
		o.submit()
		clear(ops) // they would keep the frame in memory
	}
}

// wait waits while too many results wait for a client that does not read them.
func (o *operateStream) wait(ctx context.Context) error {
	for {
		o.mu.Lock()
		waiting := o.out.Bytes()
		o.mu.Unlock()
		if waiting <= o.service.limits.StreamBytes {
			return nil
		}
		select {
		case <-o.drained:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// admit adds one operation to those that go to the store together, or answers why not. An error ends the stream.
func (o *operateStream) admit(ctx context.Context, op *wire.Operation) error {
	s, id, forwarded, bytes := o.service, op.ID, op.Hops > 0, int64(len(op.Key)+len(op.Value))
	if refusal, ok := op.Check(s.checks()); !ok {
		o.answer(id, refusal)
		return nil
	}
	if forwarded && !s.forwarded.try(bytes) {
		o.answer(id, shard.Result{Status: shard.Overloaded, Reason: fmt.Sprintf(
			"forwarded operations under way here are at the limit of %d, or of %d bytes", s.limits.Operations, s.limits.Bytes)})
		return nil
	}
	if !forwarded {
		if err := o.acquire(ctx, bytes); err != nil {
			return err
		}
	}
	o.admitted = append(o.admitted, Operation{
		Request: op.Request, Hops: op.Hops, Traceparent: op.Traceparent,
		Answer: func(res shard.Result) {
			o.release(forwarded, bytes)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.underWay--
			o.add(id, res)
		},
	})
	return nil
}

// acquire waits until there is room for an operation. What was admitted may be what takes it, so that goes on first.
func (o *operateStream) acquire(ctx context.Context, bytes int64) error {
	if o.room.try(bytes) {
		if o.service.room.try(bytes) {
			return nil
		}
		o.room.release(bytes)
	}
	o.submit()
	if err := o.room.acquire(ctx, bytes); err != nil {
		return status.FromContextError(err).Err()
	}
	if err := o.service.room.acquire(ctx, bytes); err != nil {
		o.room.release(bytes)
		return status.FromContextError(err).Err()
	}
	return nil
}

func (o *operateStream) release(forwarded bool, bytes int64) {
	if forwarded {
		o.service.forwarded.release(bytes)
		return
	}
	o.service.room.release(bytes)
	o.room.release(bytes)
}

// submit gives the store what was admitted, unless no operation begins any more.
func (o *operateStream) submit() {
	if len(o.admitted) == 0 {
		return
	}
	o.mu.Lock()
	o.underWay += len(o.admitted)
	stopping := o.stopping
	o.mu.Unlock()
	if !stopping {
		o.service.store.Submit(o.admitted)
	} else {
		for _, op := range o.admitted {
			op.Answer(shard.Result{Status: Unavailable, Reason: "the node is stopping"})
		}
	}
	o.admitted = shard.Emptied(o.admitted) // they would keep the frame in memory
}

// answer puts a result into the outbox.
func (o *operateStream) answer(id uint64, res shard.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(id, res)
}

func (o *operateStream) add(id uint64, res shard.Result) {
	if o.out.Add(func(b []byte) []byte { return wire.AppendResult(b, id, &res) }) {
		return
	}
	// A value from before the limits were lowered, or a very long chain, which is a hint.
	if n := len(res.Value); n > 0 {
		res = shard.Result{Status: TooLarge, Reason: fmt.Sprintf("value of %d bytes, the limit of a message is %d", n, o.service.limits.MessageBytes)}
	}
	res.Chain = nil
	o.out.Add(func(b []byte) []byte { return wire.AppendResult(b, id, &res) })
}
