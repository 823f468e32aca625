package gossip

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/ringward/ringward/shard"
)

// Options say who a node is and how it takes part.
type Options struct {
	Node    shard.NodeID
	Boot    uint64
	Name    string
	Zone    string         // empty: unknown
	Address string         // at which others reach the node's gRPC
	Cluster string         // empty before the node has a genesis
	Drains  bool           // see SetDrains
	Removed []shard.NodeID // see Remove

	Bind      string   // host:port to gossip on; port 0 is any free one
	Advertise string   // host:port at which others reach Bind; empty: Bind itself
	Join      []string // gossip addresses of others, tried until each has answered
	Key       []byte   // shared by the cluster: 16, 24 or 32 bytes; empty: none
	Insecure  bool     // allow Bind beyond loopback without a Key

	// Connect makes the TCP connections to others; nil: directly. Packets (UDP) are always sent directly.
	Connect func(ctx context.Context, address string) (net.Conn, error)

	// OnHint is told what other nodes say of a shard, joined with what was known: always the
	// newest chain so far, except that two calls at once may come in either order. It must
	// not wait, nor call Close. It may be called before Open returns, never after Close has.
	OnHint func(shard.Chain)
	// OnTwin is told that others know of a higher boot count of this node: its data directory is not the newest
	// of its id. It must not wait. It may be called more than once, and before Open returns.
	OnTwin func(boot uint64)
	// OnRemoved is told of nodes that others know as removed, this one perhaps among them. It must not wait. It may be called
	// before Open returns.
	OnRemoved func([]shard.NodeID)
	Logger    *slog.Logger
}

// Gossip is one node's part in the spreading of addresses and hints.
type Gossip struct {
	log       *slog.Logger
	table     *table
	list      *memberlist.Memberlist
	queue     memberlist.TransmitLimitedQueue
	seeds     []string
	onHint    func(shard.Chain)
	onTwin    func(boot uint64)
	onRemoved func([]shard.NodeID)

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	announce  chan struct{} // holds one token while the node's meta is to be told anew
	joining   sync.WaitGroup
	closeOnce sync.Once

	delivery sync.RWMutex // held for writing only by Close
	closed   bool         // under delivery

	pace pace
}

// pace is how often the background does its work.
type pace struct {
	seek   time.Duration // before the second attempt to find others; doubles up to
	reseek time.Duration // the time between attempts in the long run
	leave  time.Duration // to send the farewell, or news of this node
	list   *memberlist.Config
}

// lan suits one site or one machine. Hints should be everywhere within a few round trips; what is lost
// should be repaired within seconds; nothing waits for memberlist's opinion of who is alive.
func lan() pace {
	c := memberlist.DefaultLANConfig()
	c.GossipInterval = 50 * time.Millisecond
	c.PushPullInterval = 5 * time.Second
	c.TCPTimeout = 2 * time.Second // also bounds how long Close may take
	c.EnableCompression = false    // messages are short and binary
	return pace{seek: 100 * time.Millisecond, reseek: 5 * time.Second, leave: time.Second, list: c}
}

// Open begins to gossip. Others are looked for in the background.
func Open(o Options) (*Gossip, error) { return open(o, lan()) }

func open(o Options, p pace) (*Gossip, error) {
	self := Node{ID: o.Node, Boot: o.Boot, Name: o.Name, Zone: o.Zone, Address: o.Address, Cluster: o.Cluster, Drains: o.Drains, Alive: true}
	if err := self.valid(); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	config, err := o.memberlist(p.list)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g := &Gossip{
		log: o.Logger.With("component", "gossip"), table: newTable(self), seeds: o.Join, onHint: o.OnHint, onTwin: o.OnTwin, onRemoved: o.OnRemoved,
		announce: make(chan struct{}, 1), pace: p,
	}
	if _, err := g.table.remove(o.Removed...); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.queue.RetransmitMult = config.RetransmitMult
	g.queue.NumNodes = g.table.count

	d := delegate{g}
	config.Delegate, config.Alive, config.Merge, config.Events, config.Conflict = d, d, d, d, d
	config.Logger = log.New(listLog{g.log}, "", 0)
	if o.Connect != nil {
		if config.Transport, err = newTransport(g.ctx, config, o.Connect); err != nil {
			g.cancel()
			return nil, fmt.Errorf("gossip on %s: %w", o.Bind, err)
		}
	}
	if g.list, err = memberlist.Create(config); err != nil {
		g.cancel()
		if config.Transport != nil {
			err = errors.Join(err, config.Transport.Shutdown())
		}
		return nil, fmt.Errorf("gossip on %s: %w", o.Bind, err)
	}
	g.table.setGossip(g.list.LocalNode().Address())
	g.joining.Go(g.keepJoining)
	return g, nil
}

// memberlist turns the options into memberlist's, and refuses what is not safe.
func (o Options) memberlist(c *memberlist.Config) (*memberlist.Config, error) {
	bind, err := net.ResolveTCPAddr("tcp", o.Bind)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", o.Bind, err)
	}
	switch len(o.Key) {
	case 0, 16, 24, 32:
	default:
		return nil, fmt.Errorf("key of %d bytes: want 16, 24 or 32", len(o.Key))
	}
	if !bind.IP.IsLoopback() && len(o.Key) == 0 && !o.Insecure {
		return nil, fmt.Errorf("address %q is reached from beyond loopback, where anyone could join: want a key, or insecure", o.Bind)
	}
	// Keeps out what speaks memberlist and is no Ringward.
	c.Label = "ringward"
	c.Name = memberName(o.Node, o.Boot)
	c.SecretKey = o.Key
	c.BindAddr, c.BindPort = bind.IP.String(), bind.Port
	if bind.IP == nil {
		c.BindAddr = net.IPv4zero.String()
	}
	c.AdvertiseAddr, c.AdvertisePort = "", 0
	if o.Advertise != "" {
		if bind.Port == 0 {
			return nil, fmt.Errorf("address %q is at any free port, and %q is advertised: want a port", o.Bind, o.Advertise)
		}
		a, err := net.ResolveTCPAddr("tcp", o.Advertise)
		if err != nil || a.IP == nil || a.IP.IsUnspecified() || a.Port == 0 {
			return nil, fmt.Errorf("advertised address %q: want the host and the port at which others reach %s", o.Advertise, o.Bind)
		}
		c.AdvertiseAddr, c.AdvertisePort = a.IP.String(), a.Port
	} else if bind.IP == nil || bind.IP.IsUnspecified() {
		return nil, fmt.Errorf("address %q is every address of the machine: want the one at which others reach it, to advertise", o.Bind)
	}
	return c, nil
}

// Hint spreads the newest decided configurations that this node knows of a shard. One that others
// have spread already costs nothing.
func (g *Gossip) Hint(ch shard.Chain) error {
	if err := ch.Valid(); err != nil {
		return fmt.Errorf("hint: %w", err)
	}
	_, _, err := g.table.hint(ch, g.spread)
	return err
}

// spread queues a hint for broadcast. A longer one has to wait for the next full exchange.
func (g *Gossip) spread(cluster string, ch shard.Chain) {
	if cluster == "" {
		return
	}
	if h := newHint(cluster, ch); len(h.message) <= maxHint {
		g.queue.QueueBroadcast(h)
	}
}

func (g *Gossip) deliver(ch shard.Chain) {
	g.delivery.RLock()
	defer g.delivery.RUnlock()
	if !g.closed {
		g.onHint(ch)
	}
}

// SetCluster makes this node one of a cluster, for good. From then on hints are exchanged, and
// nodes of other clusters are refused.
func (g *Gossip) SetCluster(cluster string) error {
	changed, err := g.table.setCluster(cluster)
	if err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	if changed {
		g.tellAnew()
	}
	return nil
}

// SetDrains tells the others whether this node wants to hold nothing any more.
func (g *Gossip) SetDrains(drains bool) {
	if g.table.drain(drains) {
		g.tellAnew()
	}
}

// tellAnew lets the others know what this node says of itself.
func (g *Gossip) tellAnew() {
	select {
	case g.announce <- struct{}{}:
	default:
	}
}

// Remove forgets a node for good: it is refused wherever this is known, and learns so itself from whomever it meets. It
// spreads with full exchanges, so within seconds. It fails where too many were removed already.
func (g *Gossip) Remove(id shard.NodeID) error {
	_, err := g.table.remove(id)
	return err
}

// Address is the last known gRPC address of a node, alive or not.
func (g *Gossip) Address(id shard.NodeID) (string, bool) {
	n, ok := g.table.node(id)
	return n.Address, ok
}

// Nodes lists all nodes known, this one included, in order of their ids.
func (g *Gossip) Nodes() []Node { return g.table.list() }

// Self is this node, with the gossip address that others are told.
func (g *Gossip) Self() Node { return g.table.me() }

// Changed is closed when there is news about nodes or hints. To wait for something take the
// channel first, look, and wait only then.
func (g *Gossip) Changed() <-chan struct{} { return g.table.news() }

// Close says farewell to the others and ends all background work. It takes a few seconds at most.
func (g *Gossip) Close() error {
	return g.end(func() {
		if err := g.list.Leave(g.pace.leave); err != nil {
			// The others will notice by themselves.
			g.log.Debug("left without a farewell", "reason", err)
		}
	})
}

// Abandon ends all background work, as if the process had died: the others will notice.
func (g *Gossip) Abandon() error { return g.end(func() {}) }

func (g *Gossip) end(farewell func()) error {
	var errs []error
	g.closeOnce.Do(func() {
		g.cancel()
		g.joining.Wait()
		farewell()
		errs = append(errs, g.list.Shutdown())
		g.delivery.Lock()
		g.closed = true
		g.delivery.Unlock()
	})
	return errors.Join(errs...)
}
