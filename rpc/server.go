package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// ServerOptions say where and what a server serves.
type ServerOptions struct {
	Address  string // host:port; port 0 is any free one
	Insecure bool   // allow Address beyond loopback, where anyone could read and write
	Self     shard.NodeID
	Cluster  func() string // empty while the node belongs to none
	Limits   Limits
	// Failed reports whether the server stops because the node has failed. Then it does not tell other nodes that it stops in
	// good order, and they need not wait for it. Nil: it never does.
	Failed func() bool
	Logger *slog.Logger
}

// Server is a node's gRPC server: the public services KV and Admin, the service of other
// nodes, gRPC health and reflection.
type Server struct {
	listener net.Listener
	grpc     *grpc.Server
	health   *health.Server
	// ended is closed when the server stops: streams have no end of their own.
	ended chan struct{}
	end   sync.Once
}

// Listen binds the address; calls are served once Serve is called.
func Listen(opt ServerOptions, b Backends) (*Server, error) {
	if err := opt.Limits.valid(); err != nil {
		return nil, err
	}
	address, err := resolve(opt.Address, opt.Insecure)
	if err != nil {
		return nil, err
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", opt.Address, err)
	}
	s := &Server{listener: listener, health: health.NewServer(), ended: make(chan struct{})}
	s.grpc = grpc.NewServer(
		grpc.ForceServerCodecV2(wire.NewCodec()),
		grpc.MaxRecvMsgSize(opt.Limits.MessageBytes),
		grpc.MaxSendMsgSize(opt.Limits.MessageBytes),
		grpc.MaxHeaderListSize(headerBytes),
		grpc.MaxConcurrentStreams(uint32(opt.Limits.Streams)),
		grpc.InitialWindowSize(stream.WindowBytes),
		grpc.InitialConnWindowSize(stream.ConnWindowBytes),
		grpc.ReadBufferSize(stream.BufferBytes),
		grpc.WriteBufferSize(stream.BufferBytes),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: stream.KeepaliveTime, Timeout: stream.KeepaliveTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: stream.KeepaliveTime / 2, PermitWithoutStream: true}),
	)
	kvpb.RegisterKVServer(s.grpc, newKVService(opt.Limits, b.Store, s.ended))
	adminpb.RegisterAdminServer(s.grpc, &adminService{admin: b.Admin})
	peerpb.RegisterPeerServer(s.grpc, newPeerService(opt, b.Receiver, s.ended))
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.SetServing(false)
	return s, nil
}

const (
	// connectionTimeout bounds the handshake of a new connection.
	connectionTimeout = 5 * time.Second
	// headerBytes bounds the metadata of a call.
	headerBytes = 16 << 10
)

// resolve refuses addresses at which strangers could read and write.
func resolve(address string, insecure bool) (*net.TCPAddr, error) {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("address %q: want host:port: %w", address, err)
	}
	if !insecure && !resolved.IP.IsLoopback() {
		return nil, fmt.Errorf("address %q is beyond loopback, and this version has no TLS: want a loopback address, or insecure set, which lets anyone who reaches it read and write", address)
	}
	return resolved, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve serves until Stop.
func (s *Server) Serve() error {
	if err := s.grpc.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// SetServing says by gRPC health whether the node serves operations.
func (s *Server) SetServing(serving bool) {
	state := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if serving {
		state = grpc_health_v1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", state)
	s.health.SetServingStatus(kvpb.KV_ServiceDesc.ServiceName, state)
}

// Stop takes no new calls and ends the streams; what was submitted on them is answered before, as far as
// ctx lasts.
func (s *Server) Stop(ctx context.Context) {
	s.end.Do(func() { close(s.ended) })
	stopped := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		s.grpc.Stop()
		<-stopped
	}
	s.listener.Close() // where Serve was never called
}

// adminService is the Admin service over its backend.
type adminService struct {
	adminpb.UnimplementedAdminServer
	admin Admin
}

func (s *adminService) Identity(context.Context, *adminpb.IdentityRequest) (*adminpb.IdentityResponse, error) {
	return s.admin.Identity(), nil
}

func (s *adminService) Init(ctx context.Context, in *adminpb.InitRequest) (*adminpb.InitResponse, error) {
	g, err := GenesisFromProto(in.GetGenesis())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &adminpb.InitResponse{}, refusal(s.admin.Init(ctx, g))
}

func (s *adminService) Drain(_ context.Context, r *adminpb.DrainRequest) (*adminpb.DrainResponse, error) {
	return &adminpb.DrainResponse{}, refusal(s.admin.Drain(r.GetDrains()))
}

func (s *adminService) Remove(_ context.Context, r *adminpb.RemoveRequest) (*adminpb.RemoveResponse, error) {
	if r.GetNode() == 0 {
		return nil, status.Error(codes.InvalidArgument, "node 0: want the id of a node")
	}
	return &adminpb.RemoveResponse{}, refusal(s.admin.Remove(shard.NodeID(r.GetNode())))
}

// refusal is the status of an error.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrPrecondition), errors.Is(err, ErrNoCluster), errors.Is(err, ErrOtherGenesis):
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}

func (s *adminService) Status(_ context.Context, r *adminpb.StatusRequest) (*adminpb.StatusResponse, error) {
	st := s.admin.Status()
	if of := r.GetHistoryOf(); of != 0 {
		st.Decisions = s.admin.History(shard.ID(of))
	}
	return st, nil
}
