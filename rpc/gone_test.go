package rpc

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/shard"
)

// relay stands before a server, and can break its connections.
type relay struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	conns    []net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to}
	t.Cleanup(func() {
		l.Close()
		r.reset()
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near, far)
			r.mu.Unlock()
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					_, _ = io.Copy(way[0], way[1]) // until either end is closed
					way[0].Close()
				}()
			}
		}
	}()
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// reset breaks all connections.
func (r *relay) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// TestGone: only who broke off without a word, and where nobody listens any more, is gone.
func TestGone(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*PeersOptions)
		failed bool // the node, before it stops
		end    func(*Server, *relay)
		gone   bool
	}{
		"killed": {end: func(s *Server, r *relay) { // as a kernel ends a process: first nobody listens
			r.listener.Close()
			r.reset()
		}, gone: true},
		"broken first": {end: func(s *Server, r *relay) {
			r.reset()
			r.listener.Close()
			r.reset()
		}, gone: true},
		"stops in good order": {end: func(s *Server, r *relay) {
			r.listener.Close()
			s.Stop(t.Context())
		}},
		"stops because it failed": {failed: true, end: func(s *Server, r *relay) {
			r.listener.Close()
			s.Stop(t.Context())
		}, gone: true},
		"behind a proxy": {
			change: func(o *PeersOptions) { o.Connect = stream.Direct },
			end: func(s *Server, r *relay) {
				r.listener.Close()
				r.reset()
			},
		},
		"reset": {end: func(s *Server, r *relay) { r.reset() }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend()
			s := serve(t, b, func(o *ServerOptions) { o.Failed = func() bool { return test.failed } })
			r := newRelay(t, s.Addr().String())
			gone := make(chan shard.NodeID, 1<<10)
			p, down := peers(t, func(shard.NodeID) (string, bool) { return r.address(), true }, func(o *PeersOptions) {
				o.Gone = func(peer shard.NodeID) { gone <- peer }
				if test.change != nil {
					test.change(o)
				}
			})
			p.Send([]shard.Message{ack(1)})
			collect(t, b, 1)
			if p.Gone(bob) {
				t.Error("gone, and a stream to it is open")
			}
			test.end(s, r)
			if test.gone {
				if got := await(t, gone); got != bob || !p.Gone(bob) {
					t.Errorf("gone is %v, and it says %v of bob", got, p.Gone(bob))
				}
				p.Nudge(bob)
				// An attempt may have been under way. If it was refused once more that is told once more.
				for p.Gone(bob) {
					await(t, gone)
					p.Nudge(bob)
				}
				return
			}
			await(t, down)
			for n := range 3 { // three more attempts at the least, of which none is evidence
				p.Send([]shard.Message{ack(n + 2)})
				p.Nudge(bob)
				if name != "reset" {
					await(t, down)
				}
			}
			if len(gone) > 0 || p.Gone(bob) {
				t.Errorf("gone is told %d times", len(gone))
			}
		})
	}
}

// TestGoneElsewhere: that nobody listens at an address at which the peer never was says nothing of it, nor where it was never
// reached at all.
func TestGoneElsewhere(t *testing.T) {
	b := newBackend()
	s := serve(t, b, nil)
	var mu sync.Mutex
	address := s.Addr().String()
	p, down := peers(t, func(id shard.NodeID) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		if id != bob {
			return "127.0.0.1:1", true
		}
		return address, true
	}, func(o *PeersOptions) { o.Gone = func(peer shard.NodeID) { t.Errorf("%v is gone", peer) } })
	stranger := ack(1)
	stranger.To = shard.NodeID(7)
	p.Send([]shard.Message{ack(1), stranger})
	collect(t, b, 1)
	await(t, down) // of the stranger
	mu.Lock()
	address = "127.0.0.1:1"
	mu.Unlock()
	s.grpc.Stop()
	await(t, down)
	p.Send([]shard.Message{ack(2)})
	await(t, down)
}

// TestServerEndsWithoutAWord: a server whose process ends without Stop has said nothing.
func TestServerEndsWithoutAWord(t *testing.T) {
	b := newBackend()
	s := serve(t, b, nil)
	gone := make(chan shard.NodeID, 1<<10)
	p, _ := peers(t, at(s), func(o *PeersOptions) { o.Gone = func(peer shard.NodeID) { gone <- peer } })
	p.Send([]shard.Message{ack(1)})
	collect(t, b, 1)
	s.grpc.Stop()
	await(t, gone)
}
