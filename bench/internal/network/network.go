package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Node is where a node listens, as host:port with an IP address.
type Node struct {
	Endpoint string // for clients and other nodes
	Gossip   string
}

// Network is the network between the nodes. Its methods may be called by several goroutines.
type Network struct {
	nodes  []Node
	links  [][]*link // from, to
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	proxies []net.Listener
	servers []*http.Server
	relays  []*net.UDPConn
	sources map[netip.AddrPort]int // where packets of gossip come from
	places  map[string]place       // what is dialed

	mu    sync.Mutex
	conns map[*conn]bool // present ones; nil once closed
}

// place is what an address leads to.
type place struct {
	node    int
	address string // where it listens
}

// New makes the network of the nodes, with all links open. What it listens on are free ports of loopback.
func New(nodes []Node) (_ *Network, err error) {
	n := &Network{
		nodes: nodes, sources: map[netip.AddrPort]int{}, places: map[string]place{}, conns: map[*conn]bool{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for i, node := range nodes {
		n.links = append(n.links, make([]*link, len(nodes)))
		for j := range nodes {
			n.links[i][j] = newLink()
		}
		if err := n.listen(i); err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
		source, err := netip.ParseAddrPort(node.Gossip)
		if err != nil {
			return nil, fmt.Errorf("network: node %d gossips at %q: want host:port with an IP address", i, node.Gossip)
		}
		n.sources[source] = i
		n.places[node.Endpoint] = place{i, node.Endpoint}
		n.places[n.Gossip(i)] = place{i, node.Gossip}
	}
	// Served only when all places are known.
	for i, s := range n.servers {
		n.all.Go(func() { _ = s.Serve(n.proxies[i]) })
		n.all.Go(func() { n.relay(i) })
	}
	return n, nil
}

// listen opens the proxy and the relay of one node.
func (n *Network) listen(i int) error {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n.proxies = append(n.proxies, proxy)
	n.servers = append(n.servers, &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.connect(i, w, r) }),
	})
	relay, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return err
	}
	n.relays = append(n.relays, relay)
	return nil
}

// Proxy is what node i dials through.
func (n *Network) Proxy(i int) string { return n.proxies[i].Addr().String() }

// Gossip is the address that node i tells others.
func (n *Network) Gossip(i int) string { return n.relays[i].LocalAddr().String() }

// Nodes is how many there are.
func (n *Network) Nodes() int { return len(n.nodes) }

// Cut keeps all that one node says from another, until mend is called. Where a link was cut several times, all of
// them have to be mended.
func (n *Network) Cut(from, to int) (mend func()) { return n.links[from][to].cut() }

// Delay makes all that one node says to another arrive so much later, beside other delays, until end is called.
func (n *Network) Delay(from, to int, d time.Duration) (end func()) { return n.links[from][to].slow(d) }

// Reset breaks the present connections between two nodes, whoever made them. Those who use them are told.
func (n *Network) Reset(a, b int) {
	n.mu.Lock()
	var between []*conn
	for c := range n.conns {
		if c.from == a && c.to == b || c.from == b && c.to == a {
			between = append(between, c)
		}
	}
	n.mu.Unlock()
	for _, c := range between {
		c.reset()
	}
}

// Close breaks everything off, and returns when nothing of it runs any more.
func (n *Network) Close() error {
	n.cancel()
	var errs []error
	for _, s := range n.servers {
		errs = append(errs, s.Close())
	}
	for _, p := range n.proxies {
		// The server may have closed it.
		if err := p.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, r := range n.relays {
		errs = append(errs, r.Close())
	}
	n.mu.Lock()
	conns := n.conns
	n.conns = nil
	n.mu.Unlock()
	for c := range conns {
		c.reset()
	}
	n.all.Wait()
	return errors.Join(errs...)
}
