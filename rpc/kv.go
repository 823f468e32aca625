package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// kvService is the KV service over its backend.
type kvService struct {
	kvpb.UnimplementedKVServer
	store  Store
	limits Limits
	room   room            // of all streams together
	ended  context.Context // done when the server stops
}

// room holds what may still be taken in.
type room struct{ ops, bytes *semaphore.Weighted }

func (r room) acquire(ctx context.Context, bytes int64) error {
	if err := r.ops.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := r.bytes.Acquire(ctx, bytes); err != nil {
		r.ops.Release(1)
		return err
	}
	return nil
}

func (r room) release(bytes int64) {
	r.ops.Release(1)
	r.bytes.Release(bytes)
}

// operateStream is one client's Operate stream. Results gather in the outbox, and its sender sends
// whatever has gathered since its last send.
type operateStream struct {
	service *kvService
	ctx     context.Context
	cancel  context.CancelCauseFunc
	room    room

	mu  sync.Mutex
	out *stream.Outbox

	sending sync.Mutex // gRPC takes one message at a time
}

// Operate serves one stream until the client or the server ends it.
func (s *kvService) Operate(g grpc.BidiStreamingServer[kvpb.OperateRequest, kvpb.OperateResponse]) error {
	ctx, cancel := context.WithCancelCause(g.Context())
	defer cancel(nil)
	o := &operateStream{
		service: s, ctx: ctx, cancel: cancel, out: stream.NewOutbox(),
		room: room{ops: semaphore.NewWeighted(int64(s.limits.StreamOperations)), bytes: semaphore.NewWeighted(int64(s.limits.StreamBytes))},
	}
	stop := context.AfterFunc(s.ended, func() { cancel(status.Error(codes.Unavailable, "the node is stopping")) })
	defer stop()
	var sending sync.WaitGroup
	sending.Go(func() { o.send(g) })
	received := make(chan error, 1)
	go func() { received <- o.receive(g) }() // ends with the stream's context at the latest
	var err error
	select {
	case err = <-received:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == io.EOF || s.ended.Err() != nil {
		// What was submitted is answered before the stream ends.
		if o.room.ops.Acquire(g.Context(), int64(s.limits.StreamOperations)) == nil {
			o.flush(g)
		}
	}
	cancel(err)
	sending.Wait()
	if err == io.EOF {
		return nil
	}
	return err
}

// receive submits the operations that come in.
func (o *operateStream) receive(g grpc.ServerStream) error {
	var ops []wire.Operation
	for {
		var f wire.Frame
		if err := g.RecvMsg(&f); err != nil {
			return err
		}
		var err error
		if ops, err = wire.DecodeOperations(ops[:0], f.Bytes); err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		for i := range ops {
			if err := o.submit(&ops[i]); err != nil {
				return err
			}
		}
		clear(ops)
	}
}

func (o *operateStream) submit(op *wire.Operation) error {
	s, id := o.service, op.ID
	refused, ok := op.Check(wire.Limits{KeyBytes: s.limits.KeyBytes, ValueBytes: s.limits.ValueBytes})
	if !ok {
		o.answer(id, &refused)
		return nil
	}
	bytes := int64(len(op.Key) + len(op.Value))
	if err := o.room.acquire(o.ctx, bytes); err != nil {
		return context.Cause(o.ctx)
	}
	if err := s.room.acquire(o.ctx, bytes); err != nil {
		o.room.release(bytes)
		return context.Cause(o.ctx)
	}
	s.store.Submit(op.Request, op.Hops, op.Traceparent, func(res shard.Result) {
		o.answer(id, &res)
		s.room.release(bytes)
		o.room.release(bytes)
	})
	return nil
}

func (o *operateStream) answer(id uint64, res *shard.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.out.Add(o.service.limits.MessageBytes, func(b []byte) []byte { return wire.AppendResult(b, id, res) })
}

// send sends results until the stream ends.
func (o *operateStream) send(g grpc.ServerStream) {
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-o.out.Woken():
			if err := o.flush(g); err != nil {
				o.cancel(err)
				return
			}
		}
	}
}

// flush sends what has gathered.
func (o *operateStream) flush(g grpc.ServerStream) error {
	o.sending.Lock()
	defer o.sending.Unlock()
	for {
		o.mu.Lock()
		f, ok := o.out.Take()
		o.mu.Unlock()
		if !ok {
			return nil
		}
		if err := g.SendMsg(f); err != nil {
			return err
		}
	}
}

// call carries out one operation of a unary method.
func (s *kvService) call(ctx context.Context, q shard.Request) (shard.Result, error) {
	op := wire.Operation{Request: q}
	if refused, ok := op.Check(wire.Limits{KeyBytes: s.limits.KeyBytes, ValueBytes: s.limits.ValueBytes}); !ok {
		return refused, wire.GRPC(refused)
	}
	bytes := int64(len(q.Key) + len(q.Value))
	if err := s.room.acquire(ctx, bytes); err != nil {
		return shard.Result{}, status.FromContextError(err).Err()
	}
	answer := make(chan shard.Result, 1)
	s.store.Submit(q, 0, "", func(res shard.Result) {
		s.room.release(bytes)
		answer <- res
	})
	select {
	case res := <-answer:
		return res, wire.GRPC(res)
	case <-ctx.Done():
		// A write may still be applied: gRPC's codes for this promise nothing either.
		return shard.Result{}, status.FromContextError(ctx.Err()).Err()
	}
}

// Get reads a key.
func (s *kvService) Get(ctx context.Context, in *kvpb.GetRequest) (*kvpb.GetResponse, error) {
	res, err := s.call(ctx, shard.Request{Kind: shard.Get, Key: in.GetKey(), Stale: in.GetStale()})
	if err != nil {
		return nil, err
	}
	return &kvpb.GetResponse{Value: res.Value, Version: uint64(res.Version)}, nil
}

// Put sets a key.
func (s *kvService) Put(ctx context.Context, in *kvpb.PutRequest) (*kvpb.PutResponse, error) {
	res, err := s.call(ctx, shard.Request{
		Kind: shard.Put, Key: in.GetKey(), Value: in.GetValue(), If: condition(in.IfVersion),
		Identity: shard.Identity{Session: shard.SessionID(in.GetSession()), Op: in.GetOp(), Oldest: in.GetOldest()},
	})
	if err != nil {
		return nil, err
	}
	return &kvpb.PutResponse{Version: uint64(res.Version)}, nil
}

// Delete removes a key.
func (s *kvService) Delete(ctx context.Context, in *kvpb.DeleteRequest) (*kvpb.DeleteResponse, error) {
	res, err := s.call(ctx, shard.Request{
		Kind: shard.Delete, Key: in.GetKey(), If: condition(in.IfVersion),
		Identity: shard.Identity{Session: shard.SessionID(in.GetSession()), Op: in.GetOp(), Oldest: in.GetOldest()},
	})
	if err != nil {
		return nil, err
	}
	return &kvpb.DeleteResponse{Version: uint64(res.Version)}, nil
}

func condition(version *uint64) shard.Condition {
	if version == nil {
		return shard.Condition{}
	}
	return shard.Condition{Set: true, Version: shard.Seqno(*version)}
}

// OpenSession opens a session on a shard, or on the owner of a key.
func (s *kvService) OpenSession(ctx context.Context, in *kvpb.OpenSessionRequest) (*kvpb.OpenSessionResponse, error) {
	res, err := s.call(ctx, shard.Request{Kind: shard.OpenSession, Shard: shard.ID(in.GetShard()), Key: in.GetKey()})
	if err != nil {
		return nil, err
	}
	return &kvpb.OpenSessionResponse{Session: uint64(res.Version)}, nil
}

// Ring tells the ring as the node knows it.
func (s *kvService) Ring(context.Context, *kvpb.RingRequest) (*kvpb.RingResponse, error) {
	r, err := s.store.Ring()
	switch {
	case errors.Is(err, ErrNoCluster):
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	case err != nil:
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return ringToProto(r), nil
}
