package stream

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/ringward/ringward/rpc/internal/wire"
)

const (
	// DefaultMessageBytes bounds a gRPC message where nothing else is set.
	DefaultMessageBytes = 16 << 20

	// WindowBytes is the flow-control window of one stream, ConnWindowBytes of a
	// connection. They are fixed, so that gRPC does not spend pings on measuring them.
	WindowBytes     = 4 << 20
	ConnWindowBytes = 8 << 20

	// BufferBytes is what is written to and read from a socket at once.
	BufferBytes = 64 << 10

	// ConnectTimeout bounds one attempt at a connection.
	ConnectTimeout = 2 * time.Second

	// FirstRetry and LastRetry are the pauses between attempts at a connection, from the
	// first on twice as long each time.
	FirstRetry = 10 * time.Millisecond
	LastRetry  = 200 * time.Millisecond
	// QuickRetry takes the place of FirstRetry where a stream broke that had lasted, after one
	// attempt at once.
	QuickRetry = time.Millisecond

	// KeepaliveTime is after how long without a word a connection with work on it is
	// tried, KeepaliveTimeout how long the answer may take.
	KeepaliveTime    = 10 * time.Second
	KeepaliveTimeout = 5 * time.Second
)

// Connect makes a TCP connection to host:port.
type Connect func(ctx context.Context, address string) (net.Conn, error)

// Direct connects without anybody between.
func Direct(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// Dial prepares a connection to a node; it is made when it is first used. Messages are bounded by messageBytes both
// ways. A nil connect connects directly.
func Dial(address string, messageBytes int, connect Connect) (*grpc.ClientConn, error) {
	if connect == nil {
		connect = Direct
	}
	// The address goes to the network as it is, and its name is looked up at every attempt.
	dialer := func(ctx context.Context, _ string) (net.Conn, error) { return connect(ctx, address) }
	return grpc.NewClient("passthrough:///node",
		grpc.WithContextDialer(dialer),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: FirstRetry, Multiplier: 2, Jitter: 0.2, MaxDelay: LastRetry},
			MinConnectTimeout: ConnectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: KeepaliveTime, Timeout: KeepaliveTimeout}),
		grpc.WithInitialWindowSize(WindowBytes),
		grpc.WithInitialConnWindowSize(ConnWindowBytes),
		grpc.WithReadBufferSize(BufferBytes),
		grpc.WithWriteBufferSize(BufferBytes),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.NewCodec()),
			grpc.MaxCallRecvMsgSize(messageBytes),
			grpc.MaxCallSendMsgSize(messageBytes),
		),
	)
}
