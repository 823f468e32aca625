package rpc

import (
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

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
	ended    <-chan struct{} // closed when the server stops

	mu      sync.Mutex
	present map[lane]*incoming
	boots   map[shard.NodeID]uint64 // the highest that each node was heard in
}

func newPeerService(opt ServerOptions, r Receiver, ended <-chan struct{}) *peerService {
	return &peerService{opt: opt, receiver: r, ended: ended, present: map[lane]*incoming{}, boots: map[shard.NodeID]uint64{}}
}

// incoming is the present stream of a lane, until a newer one replaces it: its sender has given it up by
// then, and its messages may not come after the newer one's.
type incoming struct {
	replaced chan struct{}
	// delivering is held while the receiver takes a batch.
	delivering sync.Mutex
	over       bool // nothing is delivered any more
}

// deliver calls f unless the stream is over.
func (in *incoming) deliver(f func()) bool {
	in.delivering.Lock()
	defer in.delivering.Unlock()
	if in.over {
		return false
	}
	f()
	return true
}

// finish lets nothing be delivered from now on.
func (in *incoming) finish() {
	in.delivering.Lock()
	defer in.delivering.Unlock()
	in.over = true
}

// Stream takes one kind of traffic from one node until either side ends it.
func (s *peerService) Stream(g grpc.ClientStreamingServer[peerpb.PeerBatch, peerpb.PeerClosed]) error {
	l, boot, err := s.hello(g)
	if err != nil {
		return err
	}
	in := s.enter(l)
	s.receiver.Opened(l.peer, l.traffic, boot)
	defer func() {
		s.leave(l, in)
		s.receiver.Closed(l.peer, l.traffic)
	}()
	// The sender begins when it has the headers.
	if err := g.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- s.receive(g, l, in) }() // ends with the stream at the latest
	select {
	case err := <-received:
		return err
	case <-in.replaced:
		return status.Error(codes.Aborted, "a newer stream of the same node has come")
	case <-s.ended:
		if s.opt.Failed != nil && s.opt.Failed() {
			return status.Error(codes.Unavailable, "the node has failed")
		}
		return g.SendAndClose(&peerpb.PeerClosed{})
	}
}

// enter makes a new stream the lane's present one.
func (s *peerService) enter(l lane) *incoming {
	in := &incoming{replaced: make(chan struct{})}
	s.mu.Lock()
	older := s.present[l]
	s.present[l] = in
	s.mu.Unlock()
	if older != nil {
		older.finish()
		close(older.replaced)
	}
	return in
}

func (s *peerService) leave(l lane, in *incoming) {
	in.finish()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present[l] == in {
		delete(s.present, l)
	}
}

func (s *peerService) receive(g grpc.ServerStream, l lane, in *incoming) error {
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
		if !in.deliver(func() {
			if batch.HasAlive {
				s.receiver.Alive(l.peer, batch.Alive)
			}
			if len(batch.Messages) > 0 {
				s.receiver.Receive(l.peer, batch.Messages)
			}
		}) {
			return status.Error(codes.Aborted, "the stream is over")
		}
	}
}

// hello reads the first batch, and accepts only who belongs here. It returns the boot of the sender as well.
func (s *peerService) hello(g grpc.ServerStream) (lane, uint64, error) {
	refuse := func(code codes.Code, format string, args ...any) (lane, uint64, error) {
		return lane{}, 0, status.Errorf(code, format, args...)
	}
	var first peerpb.PeerBatch
	if err := g.RecvMsg(&first); err != nil {
		return lane{}, 0, err
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
	if h.GetBoot() == 0 || h.GetBoot() >= 1<<shard.BootBits {
		return refuse(codes.InvalidArgument, "hello names boot %d: want 1 to %d", h.GetBoot(), 1<<shard.BootBits-1)
	}
	if newest := s.boot(shard.NodeID(h.GetFrom()), h.GetBoot()); newest > h.GetBoot() {
		return refuse(codes.FailedPrecondition, "node %v was here in its boot %d, and comes with boot %d: its data directory is an old one, put back or copied",
			shard.NodeID(h.GetFrom()), newest, h.GetBoot())
	}
	return lane{peer: shard.NodeID(h.GetFrom()), traffic: traffic}, h.GetBoot(), nil
}

// boot notes the boot that a node is heard in, and returns the highest so far.
func (s *peerService) boot(n shard.NodeID, boot uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boots[n] = max(s.boots[n], boot)
	return s.boots[n]
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
