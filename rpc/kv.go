package rpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// kvService is the KV service over its backend.
type kvService struct {
	kvpb.UnimplementedKVServer
	store  Store
	limits Limits
	// room is for what clients ask of this node, forwarded for what other nodes pass on.
	room, forwarded room
	ended           <-chan struct{} // closed when the server stops
}

func newKVService(limits Limits, store Store, ended <-chan struct{}) *kvService {
	return &kvService{
		store: store, limits: limits, ended: ended,
		room: newRoom(limits.Operations, limits.Bytes), forwarded: newRoom(limits.Operations, limits.Bytes),
	}
}

func (s *kvService) checks() wire.Limits {
	return wire.Limits{KeyBytes: s.limits.KeyBytes, ValueBytes: s.limits.ValueBytes}
}

// call carries out one operation of a unary method.
func (s *kvService) call(ctx context.Context, q shard.Request) (shard.Result, error) {
	op := wire.Operation{Request: q}
	if refused, ok := op.Check(s.checks()); !ok {
		return refused, wire.GRPC(refused)
	}
	bytes := int64(len(q.Key) + len(q.Value))
	if err := s.room.acquire(ctx, bytes); err != nil {
		return shard.Result{}, status.FromContextError(err).Err()
	}
	answer := make(chan shard.Result, 1)
	s.store.Submit([]Operation{{Request: q, Traceparent: traceparent(ctx), Answer: func(res shard.Result) {
		s.room.release(bytes)
		answer <- res
	}}})
	select {
	case res := <-answer:
		return res, wire.GRPC(res)
	case <-ctx.Done():
		// A write may still be applied: gRPC's codes for this promise nothing either.
		return shard.Result{}, status.FromContextError(ctx.Err()).Err()
	}
}

// traceparent is the W3C trace context in the metadata of a call, if there is one.
func traceparent(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(values) == 1 {
		return wire.Traceparent(values[0])
	}
	return ""
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
