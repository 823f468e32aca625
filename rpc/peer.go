package rpc

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// lane names one stream between two nodes, from the side of either.
type lane struct {
	peer    shard.NodeID
	traffic shard.Traffic
}

// peerService takes the streams of other nodes.
type peerService struct {
	peerpb.UnimplementedPeerServer
	opt      ServerOptions
	receiver Receiver
	ended    context.Context // done when the server stops

	mu      sync.Mutex
	present map[lane]*incoming
}

// incoming is the stream that a lane has now: a newer one ends it.
type incoming struct{ end context.CancelCauseFunc }

func newPeerService(opt ServerOptions, r Receiver, ended context.Context) *peerService {
	return &peerService{opt: opt, receiver: r, ended: ended, present: map[lane]*incoming{}}
}

// Stream takes one kind of traffic from one node until either side ends it.
func (s *peerService) Stream(g grpc.ClientStreamingServer[peerpb.PeerBatch, peerpb.PeerClosed]) error {
	l, err := s.hello(g)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(g.Context())
	defer end(nil)
	stop := context.AfterFunc(s.ended, func() { end(status.Error(codes.Unavailable, "the node is stopping")) })
	defer stop()
	mine := &incoming{end: end}
	s.mu.Lock()
	older := s.present[l]
	s.present[l] = mine
	s.mu.Unlock()
	if older != nil {
		older.end(status.Error(codes.Aborted, "a newer stream of the same node has come"))
	}
	s.receiver.Opened(l.peer, l.traffic)
	defer func() {
		s.mu.Lock()
		if s.present[l] == mine {
			delete(s.present, l)
		}
		s.mu.Unlock()
		s.receiver.Closed(l.peer, l.traffic)
	}()
	if err := g.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- s.receive(ctx, g, l) }() // ends with the stream at the latest
	select {
	case err := <-received:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *peerService) receive(ctx context.Context, g grpc.ServerStream, l lane) error {
	for {
		var f wire.Frame
		if err := g.RecvMsg(&f); err != nil {
			return err
		}
		batch, err := wire.DecodeBatch(f.Bytes, l.peer, s.opt.Self, l.traffic)
		if err != nil {
			s.opt.Logger.Error("a peer sent what cannot be", "peer", l.peer, "error", err)
			return status.Error(codes.InvalidArgument, err.Error())
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if batch.HasAlive {
			s.receiver.Alive(l.peer, batch.Alive)
		}
		if len(batch.Messages) > 0 {
			s.receiver.Receive(l.peer, batch.Messages)
		}
	}
}

// hello reads the first batch, and accepts only who belongs here.
func (s *peerService) hello(g grpc.ServerStream) (lane, error) {
	refuse := func(code codes.Code, format string, args ...any) (lane, error) {
		return lane{}, status.Errorf(code, format, args...)
	}
	var f wire.Frame
	if err := g.RecvMsg(&f); err != nil {
		return lane{}, err
	}
	var first peerpb.PeerBatch
	if err := proto.Unmarshal(f.Bytes, &first); err != nil {
		return refuse(codes.InvalidArgument, "first batch: %v", err)
	}
	h, cluster := first.GetHello(), s.opt.Cluster()
	switch {
	case h == nil:
		return refuse(codes.InvalidArgument, "the first batch holds no hello")
	case h.GetProtocol() != wire.Protocol:
		return refuse(codes.Unimplemented, "protocol version %d: this node speaks %d", h.GetProtocol(), wire.Protocol)
	case cluster == "":
		return refuse(codes.FailedPrecondition, "node %v belongs to no cluster yet", s.opt.Self)
	case h.GetCluster() != cluster:
		return refuse(codes.FailedPrecondition, "node %v belongs to cluster %s, not to %q", s.opt.Self, cluster, h.GetCluster())
	case shard.NodeID(h.GetTo()) != s.opt.Self:
		return refuse(codes.FailedPrecondition, "this is node %v, not %v", s.opt.Self, shard.NodeID(h.GetTo()))
	case h.GetFrom() == 0 || shard.NodeID(h.GetFrom()) == s.opt.Self:
		return refuse(codes.InvalidArgument, "hello from %v: want another node", shard.NodeID(h.GetFrom()))
	}
	traffic, ok := trafficFromProto(h.GetTraffic())
	if !ok {
		return refuse(codes.InvalidArgument, "hello names traffic %v", h.GetTraffic())
	}
	return lane{peer: shard.NodeID(h.GetFrom()), traffic: traffic}, nil
}

var traffics = map[shard.Traffic]peerpb.Traffic{
	shard.ChainTraffic:    peerpb.Traffic_TRAFFIC_CHAIN,
	shard.ControlTraffic:  peerpb.Traffic_TRAFFIC_CONTROL,
	shard.TransferTraffic: peerpb.Traffic_TRAFFIC_TRANSFER,
}

func trafficFromProto(p peerpb.Traffic) (shard.Traffic, bool) {
	for t, x := range traffics {
		if x == p {
			return t, true
		}
	}
	return 0, false
}

func helloFrame(cluster string, from shard.NodeID, to lane) (*wire.Frame, error) {
	b, err := proto.Marshal(&peerpb.PeerBatch{Hello: &peerpb.Hello{
		Protocol: wire.Protocol, Cluster: cluster, From: uint64(from), To: uint64(to.peer), Traffic: traffics[to.traffic],
	}})
	if err != nil {
		return nil, fmt.Errorf("hello to %v: %w", to.peer, err)
	}
	f := wire.NewFrame()
	f.Bytes = append(f.Bytes, b...)
	return f, nil
}
