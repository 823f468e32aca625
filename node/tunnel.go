package node

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// connect is how other nodes are reached: nil, which is directly, or through the HTTP proxy.
func (c *Config) connect() func(ctx context.Context, address string) (net.Conn, error) {
	if c.HTTPProxy == "" {
		return nil
	}
	return tunnel{c.HTTPProxy}.connect
}

// tunnel makes connections through an HTTP proxy, which is asked to CONNECT.
type tunnel struct {
	proxy string // host:port
}

func (t tunnel) connect(ctx context.Context, address string) (_ net.Conn, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	// The end of ctx ends the exchange with the proxy; what it leaves behind is closed here.
	unblock := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		if !unblock() {
			err = context.Cause(ctx)
		}
		if err != nil {
			conn.Close()
		}
	}()
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address}
	if err := ask.Write(conn); err != nil {
		return nil, fmt.Errorf("proxy %s: %w", t.proxy, err)
	}
	// What follows the answer is the other node's: it may be in the buffer already.
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, ask)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", t.proxy, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("proxy %s: %s: %s", t.proxy, address, answer.Status)
	}
	return &tunneled{conn, in}, nil
}

// tunneled is a connection through the proxy.
type tunneled struct {
	net.Conn
	in *bufio.Reader
}

func (c *tunneled) Read(b []byte) (int, error) { return c.in.Read(b) }
