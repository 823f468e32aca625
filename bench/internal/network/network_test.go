package network

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// silence is how long nothing must come before it counts as kept back. Where that is too short, a test that should fail
// passes; never the other way round.
const silence = 50 * time.Millisecond

// patience is how long something may take that must come.
const patience = 20 * time.Second

// node stands for a node: it accepts connections, and has a socket for packets.
type node struct {
	t        *testing.T
	listener net.Listener
	accepted chan net.Conn
	packets  *net.UDPConn
}

func newNode(t *testing.T) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, listener: l, packets: u, accepted: make(chan net.Conn, 16)}
	t.Cleanup(func() {
		l.Close()
		u.Close()
	})
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			n.accepted <- c
		}
	}()
	return n
}

func start(t *testing.T, count int) (*Network, []*node) {
	t.Helper()
	var nodes []*node
	var places []Node
	for range count {
		n := newNode(t)
		nodes = append(nodes, n)
		places = append(places, Node{Endpoint: n.listener.Addr().String(), Gossip: n.packets.LocalAddr().String()})
	}
	network, err := New(places)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	return network, nodes
}

// ask asks node i's proxy for a connection, and returns what is to be read from it.
func ask(t *testing.T, n *Network, i int, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", n.Proxy(i))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", address)
	return c, bufio.NewReader(c)
}

// answer is the proxy's.
func answer(t *testing.T, c net.Conn, r *bufio.Reader) int {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// dial connects node i with node j.
func dial(t *testing.T, n *Network, nodes []*node, i, j int) (here, there net.Conn) {
	t.Helper()
	c, r := ask(t, n, i, nodes[j].listener.Addr().String())
	if code := answer(t, c, r); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	return c, nodes[j].accept()
}

func (n *node) accept() net.Conn {
	n.t.Helper()
	select {
	case c := <-n.accepted:
		n.t.Cleanup(func() { c.Close() })
		return c
	case <-time.After(patience):
		n.t.Fatal("nobody connects")
		return nil
	}
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Fatalf("heard %q, %v; want %q", b, err, text)
	}
}

func hearNothing(t *testing.T, c net.Conn) {
	t.Helper()
	b := make([]byte, 100)
	c.SetReadDeadline(time.Now().Add(silence))
	if k, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %q, %v; want nothing", b[:k], err)
	}
}

func TestConnectionsArePassedOn(t *testing.T) {
	n, nodes := start(t, 2)
	here, there := dial(t, n, nodes, 0, 1)
	say(t, here, "hello")
	hear(t, there, "hello")
	say(t, there, "yes?")
	hear(t, here, "yes?")
	// An end goes its way as well, and what was said before it comes first.
	large := strings.Repeat("x", 3*pieceBytes)
	go func() {
		io.WriteString(here, large)
		here.(*net.TCPConn).CloseWrite()
	}()
	if b, err := io.ReadAll(there); err != nil || string(b) != large {
		t.Errorf("read %d bytes, %v; want %d", len(b), err, len(large))
	}
	say(t, there, "bye")
	there.Close()
	if b, err := io.ReadAll(here); err != nil || string(b) != "bye" {
		t.Errorf("read %q, %v", b, err)
	}
}

// Where one direction is cut, the other works. What was said meanwhile comes late, and in order.
func TestOneWay(t *testing.T) {
	n, nodes := start(t, 3)
	here, there := dial(t, n, nodes, 0, 1)
	other, otherThere := dial(t, n, nodes, 2, 1)
	mend := n.Cut(0, 1)
	say(t, here, "one ")
	hearNothing(t, there)
	say(t, there, "two")
	hear(t, here, "two")
	say(t, other, "three")
	hear(t, otherThere, "three")
	// A second cut of the same link needs a mending of its own.
	mendAgain := n.Cut(0, 1)
	mend()
	mend()
	say(t, here, "four")
	hearNothing(t, there)
	mendAgain()
	hear(t, there, "one four")
}

// What a node said before it died arrives after the link is mended; until then nobody learns of the death.
func TestLateWordsOfTheDead(t *testing.T) {
	n, nodes := start(t, 2)
	here, there := dial(t, n, nodes, 0, 1)
	mend := n.Cut(0, 1)
	say(t, here, "last words")
	here.Close()
	hearNothing(t, there)
	mend()
	hear(t, there, "last words")
	if _, err := there.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the last words: %v, want the end", err)
	}
}

// A connection needs both directions to be made.
func TestNoConnectionOverACutLink(t *testing.T) {
	for _, cut := range [][2]int{{0, 1}, {1, 0}} {
		n, nodes := start(t, 2)
		mend := n.Cut(cut[0], cut[1])
		c, r := ask(t, n, 0, nodes[1].listener.Addr().String())
		hearNothing(t, c)
		mend()
		if code := answer(t, c, r); code != http.StatusOK {
			t.Errorf("status %d", code)
		}
		say(t, c, "at last")
		hear(t, nodes[1].accept(), "at last")
	}
}

func TestReset(t *testing.T) {
	n, nodes := start(t, 3)
	here, there := dial(t, n, nodes, 0, 1)
	back, backThere := dial(t, n, nodes, 1, 0)
	kept, keptThere := dial(t, n, nodes, 0, 2)
	n.Reset(0, 1)
	for _, c := range []net.Conn{here, there, back, backThere} {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read after a reset: %v", err)
		}
	}
	say(t, kept, "still here")
	hear(t, keptThere, "still here")
	again, againThere := dial(t, n, nodes, 0, 1)
	say(t, again, "again")
	hear(t, againThere, "again")
}

func TestDelay(t *testing.T) {
	const late = 100 * time.Millisecond
	n, nodes := start(t, 2)
	here, there := dial(t, n, nodes, 0, 1)
	end, endMore := n.Delay(0, 1, late/2), n.Delay(0, 1, late/2)
	begin := time.Now()
	say(t, here, "slow")
	hear(t, there, "slow")
	if took := time.Since(begin); took < late {
		t.Errorf("took %v, want %v or more", took, late)
	}
	begin = time.Now()
	nodes[0].send(n.Gossip(1), "packet")
	nodes[1].receive("packet")
	if took := time.Since(begin); took < late {
		t.Errorf("a packet took %v, want %v or more", took, late)
	}
	end()
	endMore()
	if _, _, delay := n.links[0][1].state(); delay != 0 {
		t.Errorf("delay %v after its end", delay)
	}
}

func (n *node) send(address, text string) {
	n.t.Helper()
	to, err := net.ResolveUDPAddr("udp", address)
	if err == nil {
		_, err = n.packets.WriteTo([]byte(text), to)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) receive(text string) {
	n.t.Helper()
	b := make([]byte, 100)
	n.packets.SetReadDeadline(time.Now().Add(patience))
	if k, err := n.packets.Read(b); err != nil || string(b[:k]) != text {
		n.t.Fatalf("received %q, %v; want %q", b[:k], err, text)
	}
}

func TestPackets(t *testing.T) {
	n, nodes := start(t, 3)
	nodes[0].send(n.Gossip(1), "hello")
	nodes[1].receive("hello")
	mend := n.Cut(0, 1)
	nodes[0].send(n.Gossip(1), "lost")
	nodes[1].send(n.Gossip(0), "back")
	nodes[0].receive("back")
	nodes[2].send(n.Gossip(1), "from elsewhere")
	nodes[1].receive("from elsewhere")
	// The relay has taken what was lost: it came before this.
	mend()
	nodes[0].send(n.Gossip(1), "again")
	nodes[1].receive("again")
	// Strangers have no link.
	stranger := newNode(t)
	stranger.send(n.Gossip(1), "who?")
	nodes[0].send(n.Gossip(1), "known")
	nodes[1].receive("known")
}

func TestRefusals(t *testing.T) {
	n, nodes := start(t, 2)
	nodes[1].listener.Close()
	for _, test := range []struct {
		address string
		code    int
	}{{"127.0.0.1:1", http.StatusForbidden}, {nodes[1].listener.Addr().String(), http.StatusBadGateway}} {
		c, r := ask(t, n, 0, test.address)
		if code := answer(t, c, r); code != test.code {
			t.Errorf("%s: status %d, want %d", test.address, code, test.code)
		}
	}
	if _, err := New([]Node{{Endpoint: "127.0.0.1:1", Gossip: "nowhere"}}); err == nil || !strings.Contains(err.Error(), `node 0 gossips at "nowhere"`) {
		t.Errorf("error %v", err)
	}
}

// Close ends everything, also what waits before cut links.
func TestClose(t *testing.T) {
	n, nodes := start(t, 2)
	here, there := dial(t, n, nodes, 0, 1)
	n.Cut(0, 1)
	say(t, here, "held back")
	waiting, _ := ask(t, n, 1, nodes[0].listener.Addr().String())
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{here, there, waiting} {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection is still open")
		}
	}
	if c, err := net.Dial("tcp", n.Proxy(0)); err == nil {
		c.Close()
		t.Error("a proxy still listens")
	}
}
