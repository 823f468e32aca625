package network

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// A connection has room for this much on its way in each direction, beside what the kernel holds.
const (
	pieceBytes = 32 << 10
	pieces     = 64
)

// conn is a connection between two nodes, which is two connections: here from the one that
// dialed, there to the other.
type conn struct {
	from, to    int
	here, there *net.TCPConn
}

// reset breaks both off, as a host does that knows nothing of a connection.
func (c *conn) reset() {
	for _, half := range []*net.TCPConn{c.here, c.there} {
		_ = half.SetLinger(0)
		_ = half.Close()
	}
}

// connect serves a node that wants a connection to another.
func (n *Network) connect(from int, w http.ResponseWriter, r *http.Request) {
	if !n.begin() {
		return
	}
	defer n.all.Done()
	to, known := n.places[r.RequestURI]
	if r.Method != http.MethodConnect || !known {
		http.Error(w, "want CONNECT to a node of this network", http.StatusForbidden)
		return
	}
	// The context ends when the node gives up.
	if err := n.handshake(r.Context(), from, to.node); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	there, err := new(net.Dialer).DialContext(r.Context(), "tcp", to.address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		there.Close()
		return
	}
	c := &conn{from: from, to: to.node, here: here.(*net.TCPConn), there: there.(*net.TCPConn)}
	if !n.enter(c) {
		c.reset()
		return
	}
	defer n.leave(c)
	if _, err := io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		c.reset()
		return
	}
	forth := make(chan struct{})
	go func() {
		defer close(forth)
		n.carry(n.links[from][to.node], c.here, c.there)
	}()
	n.carry(n.links[to.node][from], c.there, c.here)
	<-forth
	c.here.Close()
	c.there.Close()
}

// handshake takes as long as one does: there and back, while both links are open.
func (n *Network) handshake(ctx context.Context, from, to int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.ctx, cancel)()
	for {
		for _, l := range []*link{n.links[from][to], n.links[to][from]} {
			if err := l.pass(ctx, time.Now()); err != nil {
				return err
			}
		}
		if _, open, _ := n.links[from][to].state(); open {
			return nil
		}
	}
}

// begin says that a connection is being made, false once the network is closed.
func (n *Network) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns == nil {
		return false
	}
	n.all.Add(1)
	return true
}

// enter makes a connection one that can be reset, false once the network is closed.
func (n *Network) enter(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns == nil {
		return false
	}
	n.conns[c] = true
	return true
}

func (n *Network) leave(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// piece is something on its way.
type piece struct {
	sent  time.Time
	bytes []byte
	end   error // how the sender's side ended, behind the last bytes
}

// carry brings over a link what one side of a connection sends, and how it ends.
func (n *Network) carry(l *link, from, to *net.TCPConn) {
	way := make(chan piece, pieces)
	go func() {
		defer close(way)
		b := make([]byte, pieceBytes)
		for {
			k, err := from.Read(b)
			way <- piece{sent: time.Now(), bytes: bytes.Clone(b[:k]), end: err}
			if err != nil {
				return
			}
		}
	}()
	for p := range way {
		if l.pass(n.ctx, p.sent) != nil {
			continue // the network is closed: what comes is taken, and gone
		}
		// Where this fails the other side is gone: its own end is under way, on the other link.
		_, _ = to.Write(p.bytes)
		switch {
		case errors.Is(p.end, io.EOF):
			_ = to.CloseWrite()
		case p.end != nil:
			_ = to.SetLinger(0)
			_ = to.Close()
		}
	}
}
