package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringward/ringward/bench/internal/network"
	"github.com/ringward/ringward/bench/internal/spawn"
	"github.com/ringward/ringward/bench/internal/volume"
)

// Options say what to start.
type Options struct {
	// Ringward is the executable: a path.
	Ringward string
	Nodes    int
	// Later are further nodes, which come after the others in the list. They are not started: one that is joins the cluster.
	Later    int
	Shards   int
	Replicas int
	// SuspectAfter is the nodes' setting; 0: their default.
	SuspectAfter time.Duration
	// Dir gets the data and the logs, and keeps them; it must be empty or not exist. Empty: a
	// temporary directory, which is removed at the end.
	Dir string

	// Links puts a network between the nodes whose links can be cut: see Cluster.Network.
	Links bool
	// DiskBytes gives each node a disk of its own of this size, which can be filled: see Node.Disk. 0: none. What is on
	// them ends with the cluster, also where Dir is kept.
	DiskBytes int64
	// SlowDisks shows each node its directory through a file system whose syncs can be made to take long: see Node.SlowDisk. Not with DiskBytes.
	SlowDisks bool
	// Settings are further flags of the nodes, such as --log-segment 1MiB.
	Settings []string
	// Mutant is the deliberate bug that the nodes have, by its name in package mutant. Their executable is one that knows
	// it: built with the tag mutants. Empty: none.
	Mutant string
}

// The limits of Options.
const (
	MaxNodes  = 99
	MaxShards = 4096
	minHold   = time.Millisecond
)

// Valid reports what is wrong with o, if anything.
func (o *Options) Valid() error {
	switch {
	case o.Nodes < 1 || o.Nodes > MaxNodes:
		return fmt.Errorf("nodes %d: want 1 to %d", o.Nodes, MaxNodes)
	case o.Later < 0 || o.Nodes+o.Later > MaxNodes:
		return fmt.Errorf("%d nodes and %d later: want at most %d together", o.Nodes, o.Later, MaxNodes)
	case o.Shards < 1 || o.Shards > MaxShards:
		return fmt.Errorf("shards %d: want 1 to %d", o.Shards, MaxShards)
	case o.Replicas < 1 || o.Replicas > o.Nodes:
		return fmt.Errorf("replicas %d: want 1 to %d, since a node holds at most one replica of a shard", o.Replicas, o.Nodes)
	case o.DiskBytes < 0:
		return fmt.Errorf("disks of %d bytes: want 0 or more", o.DiskBytes)
	case o.DiskBytes > 0 && o.SlowDisks:
		return fmt.Errorf("disks of %d bytes that can be slow: want one of both", o.DiskBytes)
	case o.SuspectAfter != 0 && o.SuspectAfter < minHold:
		return fmt.Errorf("suspect-after %v: want %v or more", o.SuspectAfter, minHold)
	}
	return nil
}

// initTime is how long the cluster may take until every shard is ACTIVE.
const initTime = time.Minute

// startTries is how often a start is tried whose ports somebody else took meanwhile.
const startTries = 3

// Cluster is a running cluster. Its methods may be called by several goroutines.
type Cluster struct {
	options Options
	dir     string
	version string
	nodes   []*Node
	network *network.Network // nil unless asked for
	spawner *spawn.Spawner
	guard   *spawn.Guard // nil where the directory is kept

	stop    sync.Once
	kept    atomic.Bool
	stopped error
}

// Start starts the nodes and waits until every shard is ACTIVE. When it fails nothing is left.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.Valid(); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		c, err := start(ctx, o)
		if err == nil || try == startTries || !errors.Is(err, errPortTaken) {
			return c, err
		}
	}
}

func start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{options: o, spawner: spawn.New()}
	err := c.bringUp(ctx)
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, errors.Join(err, c.Stop())
}

// bringUp starts everything. What it began is Stop's to end.
func (c *Cluster) bringUp(ctx context.Context) error {
	if err := c.prepareDir(); err != nil {
		return err
	}
	version, err := c.ringward(ctx, "version")
	if err != nil {
		return err
	}
	c.version = strings.TrimSpace(version)
	all := c.options.Nodes + c.options.Later
	ports, err := FreePorts(3 * all)
	if err != nil {
		return err
	}
	address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	for i := range all {
		c.nodes = append(c.nodes, newNode(c, i, address(3*i), address(3*i+1), address(3*i+2)))
	}
	if err := c.furnish(); err != nil {
		return err
	}
	first := c.nodes[:c.options.Nodes]
	for _, n := range first {
		if err := n.launch(); err != nil {
			return err
		}
	}
	for _, n := range first {
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
	}
	_, err = c.ringward(ctx, "init", "--endpoints", strings.Join(c.Endpoints(), ","),
		"--shards", strconv.Itoa(c.options.Shards), "--replicas", strconv.Itoa(c.options.Replicas), "--timeout", initTime.String())
	for _, n := range first {
		// Why a node is gone says more than what init found instead of it.
		if err != nil && !n.Running() {
			return errors.Join(n.died(), err)
		}
	}
	return err
}

// furnish gives the nodes the network and the disks that were asked for.
func (c *Cluster) furnish() (err error) {
	if c.options.Links {
		var places []network.Node
		for _, n := range c.nodes {
			places = append(places, network.Node{Endpoint: n.Endpoint, Gossip: n.Gossip})
		}
		if c.network, err = network.New(places); err != nil {
			return err
		}
	}
	if c.options.DiskBytes == 0 && !c.options.SlowDisks {
		return nil
	}
	for _, n := range c.nodes {
		if err := c.mount(n); err != nil {
			return err
		}
	}
	return nil
}

// mount gives a node a disk of its own.
func (c *Cluster) mount(n *Node) (err error) {
	mount, backing := n.Dir+".disk", n.Dir+".backing"
	if err := os.Mkdir(mount, 0o755); err != nil {
		return err
	}
	var path string
	if c.options.SlowDisks {
		if err := os.Mkdir(backing, 0o755); err != nil {
			return err
		}
		if n.slow, err = volume.NewSlow(mount, backing); err != nil {
			return err
		}
		path = n.slow.Path()
	} else {
		if n.disk, err = volume.New(mount, c.options.DiskBytes); err != nil {
			return err
		}
		path = n.disk.Path()
	}
	// A node syncs the directories above its own, which those of the volume's path do not allow.
	if err := os.Symlink(path, n.Dir); err != nil {
		return err
	}
	n.Dir = filepath.Join(n.Dir, "data")
	return nil
}

// prepareDir makes the directory.
func (c *Cluster) prepareDir() (err error) {
	if c.options.Dir == "" {
		if c.dir, err = os.MkdirTemp("", "ringward-cluster-"); err != nil {
			return err
		}
		if c.guard, err = spawn.NewGuard(c.dir); err != nil {
			return errors.Join(err, os.Remove(c.dir))
		}
		return nil
	}
	if c.dir, err = filepath.Abs(c.options.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s holds %q: want a directory that is empty or does not exist", c.dir, entries[0].Name())
	}
	return nil
}

// ringward runs a verb to its end and returns what it wrote.
func (c *Cluster) ringward(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.options.Ringward, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = c.environment()
	err := c.spawner.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w", filepath.Base(c.options.Ringward), args[0], err)
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
	}
	return stdout.String(), err
}

// Verb runs a verb of the program against the cluster, and returns what it wrote.
func (c *Cluster) Verb(ctx context.Context, args ...string) (string, error) {
	return c.ringward(ctx, append(args, "--endpoints", strings.Join(c.Endpoints(), ","))...)
}

// environmentMutant is the variable that names the bug a node has, in a build that knows it.
const environmentMutant = "RINGWARD_MUTANT"

// environment is this program's, without the settings that a node would take for its own.
func (c *Cluster) environment() []string {
	var env []string
	if c.options.Mutant != "" {
		env = append(env, environmentMutant+"="+c.options.Mutant)
	}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "RINGWARD_") {
			env = append(env, e)
		}
	}
	return env
}

// Endpoints are the addresses for clients, in the order of the nodes, without those that come later.
func (c *Cluster) Endpoints() []string {
	endpoints := make([]string, c.options.Nodes)
	for i, n := range c.nodes[:c.options.Nodes] {
		endpoints[i] = n.Endpoint
	}
	return endpoints
}

// Nodes are all nodes, running or not. The slice is the caller's.
func (c *Cluster) Nodes() []*Node { return append([]*Node(nil), c.nodes...) }

// Network is what lies between the nodes; nil unless Options.Links asked for it. Node i of Nodes is node i there.
func (c *Cluster) Network() *network.Network { return c.network }

// Version is what the executable says of itself.
func (c *Cluster) Version() string { return c.version }

// Dir is where the nodes' directories lie.
func (c *Cluster) Dir() string { return c.dir }

// Keep lets Stop leave the directory, with the nodes' logs: somebody will want to look.
func (c *Cluster) Keep() { c.kept.Store(true) }

// Stop ends all nodes and removes the directory, unless it was given or is to be kept. Later calls do nothing.
func (c *Cluster) Stop() error {
	c.stop.Do(func() {
		var all sync.WaitGroup
		errs := make([]error, len(c.nodes))
		for i, n := range c.nodes {
			all.Go(func() { errs[i] = n.Stop() })
		}
		all.Wait()
		c.spawner.Close()
		if c.network != nil {
			errs = append(errs, c.network.Close())
		}
		for _, n := range c.nodes {
			if n.disk != nil {
				errs = append(errs, n.disk.Close())
			}
			if n.slow != nil {
				errs = append(errs, n.slow.Close())
			}
		}
		switch {
		case c.options.Dir != "" || c.dir == "":
		case c.kept.Load():
			errs = append(errs, c.guard.Release())
		default:
			errs = append(errs, os.RemoveAll(c.dir), c.guard.Dismiss())
		}
		c.stopped = errors.Join(errs...)
	})
	return c.stopped
}
