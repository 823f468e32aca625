package gossip

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/memberlist"
)

// transport is memberlist's own, except for how TCP connections are made.
type transport struct {
	*memberlist.NetTransport
	ctx     context.Context // of the Gossip
	connect func(ctx context.Context, address string) (net.Conn, error)
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(ctx context.Context, c *memberlist.Config, connect func(context.Context, string) (net.Conn, error)) (*transport, error) {
	own, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{c.BindAddr}, BindPort: c.BindPort, Logger: c.Logger, MetricLabels: c.MetricLabels,
	})
	if err != nil {
		return nil, err
	}
	return &transport{own, ctx, connect}, nil
}

// DialTimeout connects to host:port.
func (t *transport) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: address}, timeout)
}

// DialAddressTimeout connects to a member.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	return t.connect(ctx, to.Addr)
}
