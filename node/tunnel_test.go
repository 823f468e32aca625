package node

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// httpProxy is a proxy that knows CONNECT, and remembers for whom.
type httpProxy struct {
	*httptest.Server
	mu   sync.Mutex
	sent []string
}

func newHTTPProxy(t *testing.T) *httpProxy {
	p := &httpProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *httpProxy) address() string { return p.Listener.Addr().String() }

func (p *httpProxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.sent = append(p.sent, r.RequestURI)
	p.mu.Unlock()
	there, err := net.Dial("tcp", r.RequestURI)
	if r.Method != http.MethodConnect || err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	here, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		there.Close()
		return
	}
	io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	pass := func(to, from net.Conn, r io.Reader) {
		io.Copy(to, r)
		to.Close()
		from.Close()
	}
	go pass(there, here, buffered)
	go pass(here, there, there)
}

func (p *httpProxy) passed(address string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.sent, address)
}

// Every connection between nodes goes through the proxy: streams, gossip, and what is forwarded.
func TestThroughAnHTTPProxy(t *testing.T) {
	p := newHTTPProxy(t)
	c := newNodesWith(t, func(cfg *Config) { cfg.HTTPProxy = p.address() }, memory(3)...)
	c.init(c.genesis("test", 3, 2))
	client := c.open(0)
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		if _, err := client.Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range c.nodes {
		if !p.passed(n.address()) {
			t.Errorf("nobody came to node %d at %s through the proxy: %q", i+1, n.address(), p.sent)
		}
	}
	if seed := c.cfgs[1].Join[0]; !p.passed(seed) {
		t.Errorf("nobody gossiped with %s through the proxy: %q", seed, p.sent)
	}
}

func TestTunnel(t *testing.T) {
	// The proxy's answer and the first word of the other node come together.
	answers := func(text string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				io.WriteString(conn, text)
			}
		}()
		return l.Addr().String()
	}
	conn, err := tunnel{answers("HTTP/1.1 200 OK\r\n\r\nhello")}.connect(t.Context(), "node:1")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	word := make([]byte, 5)
	if _, err := io.ReadFull(conn, word); err != nil || string(word) != "hello" {
		t.Errorf("read %q, %v", word, err)
	}

	for answer, want := range map[string]string{
		"HTTP/1.1 403 Forbidden\r\n\r\n": "node:1: 403 Forbidden",
		"SSH-2.0\r\n":                    "malformed HTTP",
	} {
		if _, err := (tunnel{answers(answer)}).connect(t.Context(), "node:1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a proxy that answers %q: error %v, want %q", answer, err, want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	if _, err := (tunnel{answers("")}).connect(ctx, "node:1"); err == nil {
		t.Error("connected after the end of the context")
	}
}
