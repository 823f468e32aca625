package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/gossip"
	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/telemetry"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Version names the program, as its builders may set it with -ldflags.
var Version = "dev"

// Node is one running process of a cluster.
type Node struct {
	cfg       Config
	log       *slog.Logger // of the lines that logs takes
	logs      *telemetry.Log
	began     time.Time
	disk      *watchedDisk
	store     *store.Disk
	telemetry *telemetry.Telemetry
	metrics   *telemetry.Metrics
	server    *rpc.Server
	peers     *rpc.Peers
	forwarder *rpc.Forwarder
	gossip    *gossip.Gossip
	incoming  streams // of other nodes

	// member is what a node of a cluster has beside that: nil until the genesis is known.
	member atomic.Pointer[member]
	init   sync.Mutex // one Init at a time

	ctx     context.Context // of the goroutines
	cancel  context.CancelFunc
	running sync.WaitGroup

	// stopping: the node accuses nobody any more. Where a whole cluster is stopped, others are gone already.
	stopping atomic.Bool

	failure sync.Once
	err     error
	done    chan struct{} // closed when the node has failed or was stopped
	stop    sync.Once
}

// Start opens the data directory of cfg, which must be valid, and serves. The node runs until Stop, or until
// its disk fails or hangs, or it sees an invariant broken: then Done is closed, and Err says why.
func Start(ctx context.Context, cfg Config) (*Node, error) { return start(ctx, cfg, vfs.Default) }

// start is Start on any disk.
func start(ctx context.Context, cfg Config, disk vfs.FS) (_ *Node, err error) {
	if err := cfg.Valid(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, began: time.Now(), done: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			n.close(ctx)
		}
	}()
	// Logs and metrics first: everything after may have something to say.
	if err := n.startTelemetry(ctx); err != nil {
		return nil, err
	}
	// The disk before the network: what it holds decides who this is.
	n.disk = watchDisk(disk, cfg.DiskTimeout, n.fail)
	if err := n.openStore(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", absolute(cfg.Dir), err)
	}
	n.log = n.log.With("node", n.store.Node())
	if err := n.startNetwork(); err != nil {
		return nil, err
	}
	if g := n.store.Genesis(); g != nil {
		if err := n.disk.waitFor(func() error { return n.join(g) }); err != nil {
			return nil, err
		}
	} else if len(cfg.Join) > 0 {
		n.goroutine(func() { newAdopter(n).run(n.ctx) })
	}
	n.goroutine(func() {
		if err := n.server.Serve(); err != nil {
			n.fail(fmt.Errorf("serving on %s: %w", n.server.Addr(), err))
		}
	})
	n.log.Info("node is up", "name", cfg.Name, "address", n.address(), "dir", absolute(cfg.Dir), "boot", n.store.Boot(), "cluster", n.cluster())
	return n, nil
}

// openStore opens the data directory.
func (n *Node) openStore() error {
	opened := make(chan *store.Disk, 1)
	err := n.disk.waitFor(func() error {
		s, err := store.Open(n.disk, n.cfg.Dir, store.Options{
			SegmentSize: int64(n.cfg.LogSegment), LogKeep: int64(n.cfg.LogKeep), LogHold: holdTimes * int64(n.cfg.LogKeep+n.cfg.LogRetention), LogSpare: int64(n.cfg.LogRetention),
			MemTableSize: uint64(n.cfg.Memtable), CacheSize: int64(n.cfg.Cache), Logger: n.log,
		})
		opened <- s
		return err
	})
	if err == nil {
		n.store = <-opened
	}
	return err
}

// startNetwork binds the addresses. Nothing is served before Serve.
func (n *Node) startNetwork() (err error) {
	self := n.store.Node()
	limits := rpc.DefaultLimits()
	limits.KeyBytes, limits.ValueBytes = int(n.cfg.MaxKey), int(n.cfg.MaxValue)
	limits.MessageBytes = int(n.cfg.MaxMessage)
	limits.Operations = n.cfg.MaxInFlightOps
	if n.server, err = rpc.Listen(rpc.ServerOptions{
		Address: n.cfg.Listen, Insecure: n.cfg.Insecure, Self: self, Cluster: n.cluster, Limits: limits,
		Failed: func() bool { return n.Err() != nil }, Logger: n.log,
	}, rpc.Backends{Store: n, Admin: n, Receiver: n}); err != nil {
		return err
	}
	if n.gossip, err = gossip.Open(gossip.Options{
		Node: self, Boot: n.store.Boot(), Name: n.cfg.Name, Zone: n.cfg.Zone, Address: n.address(), Cluster: n.cluster(),
		Bind: n.cfg.Gossip, Advertise: n.cfg.GossipAdvertise, Join: n.cfg.Join, Key: n.cfg.Secret(), Insecure: n.cfg.Insecure,
		Drains: n.store.Drains(), Removed: n.store.Removed(), Connect: n.cfg.connect(), OnHint: n.hint, OnTwin: n.retire, OnRemoved: n.onRemoved, Logger: n.log,
	}); err != nil {
		return err
	}
	n.peers = rpc.NewPeers(rpc.PeersOptions{
		Self: self, Boot: n.store.Boot(), Cluster: n.cluster, Resolve: n.gossip.Address, Down: n.down, Gone: n.gone,
		MessageBytes: int(n.cfg.MaxMessage), Connect: n.cfg.connect(), Logger: n.log,
	})
	n.forwarder = rpc.NewForwarder(rpc.ForwarderOptions{
		Resolve: n.gossip.Address, MessageBytes: int(n.cfg.MaxMessage), Connect: n.cfg.connect(),
	})
	return nil
}

// address is where others reach the gRPC services.
func (n *Node) address() string {
	if n.cfg.Advertise != "" {
		return n.cfg.Advertise
	}
	return n.server.Addr().String()
}

// cluster is the cluster's id, empty while the node belongs to none.
func (n *Node) cluster() string {
	if g := n.store.Genesis(); g != nil {
		return g.Cluster
	}
	return ""
}

// Addr is the address the node serves on.
func (n *Node) Addr() net.Addr { return n.server.Addr() }

// ID is the node's identity, as old as its data directory.
func (n *Node) ID() shard.NodeID { return n.store.Node() }

// Done is closed when the node has failed or was stopped.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err says why the node failed, once Done is closed; nil if it was stopped.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// fail stops the protocol at once: after a failed fsync or a broken invariant nothing this node says could be
// relied on. Whoever runs it sees Done, and calls Stop.
func (n *Node) fail(err error) {
	n.failure.Do(func() {
		n.err = err
		n.log.Error("node stops", "error", err)
		n.cancel()
		close(n.done)
	})
}

// Stop ends the node: it answers what it can until ctx ends, then breaks off. What waits for a disk that hangs is left behind. It returns Err.
func (n *Node) Stop(ctx context.Context) error {
	n.stop.Do(func() {
		n.log.Info("node is stopping")
		n.stopping.Store(true)
		n.close(ctx)
		n.failure.Do(func() { close(n.done) })
	})
	return n.Err()
}

// answerTime is how long a node that stops waits for what it has begun to be answered. Where all nodes of a cluster
// stop together some of it never will be; and the longer the first is gone before the last, the
// likelier is a reconfiguration that nobody needs.
const answerTime = 500 * time.Millisecond

// close takes down what Start has built, in the opposite order, as far as it came.
func (n *Node) close(ctx context.Context) {
	var errs []error
	if n.server != nil {
		n.server.SetServing(false)
		answering, cancel := context.WithTimeout(ctx, answerTime)
		n.server.Stop(answering)
		cancel()
	}
	n.cancel()
	if n.forwarder != nil {
		n.forwarder.Close()
	}
	if n.peers != nil {
		n.peers.Close()
	}
	switch {
	case n.gossip == nil:
	case n.Err() != nil:
		errs = append(errs, n.gossip.Abandon()) // one that has failed says nothing any more
	default:
		errs = append(errs, n.gossip.Close())
	}
	if n.disk != nil {
		errs = append(errs, n.disk.waitFor(n.closeStore))
		n.disk.end()
	}
	if n.telemetry != nil {
		errs = append(errs, n.telemetry.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil && n.log != nil {
		n.log.Warn("while stopping", "error", err)
	}
	if n.logs != nil {
		// What cannot be logged any more has nowhere to go.
		_ = n.logs.Close(ctx)
	}
}

// closeStore ends the goroutines, and then what they work on.
func (n *Node) closeStore() error {
	n.running.Wait()
	if n.store == nil {
		return nil
	}
	return n.store.Close()
}

// goroutine runs f until the node is closed.
func (n *Node) goroutine(f func()) {
	n.running.Add(1)
	go func() {
		defer n.running.Done()
		f()
	}()
}

// Init makes the node part of the cluster that g begins.
func (n *Node) Init(_ context.Context, g *sequencer.Genesis) error {
	n.init.Lock()
	defer n.init.Unlock()
	if has := n.store.Genesis(); has != nil && has.Cluster != g.Cluster {
		return fmt.Errorf("%w: this node belongs to cluster %s, and cannot begin cluster %s", rpc.ErrOtherGenesis, has.Cluster, g.Cluster)
	}
	return n.disk.waitFor(func() error {
		if err := n.store.Init(g); err != nil {
			return err
		}
		if n.member.Load() != nil {
			return nil
		}
		return n.join(g)
	})
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
