package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ringward/ringward/bench/internal/volume"
)

const (
	// readyTime is how long a node may take to listen, reading its log back included.
	readyTime = time.Minute
	// readyPoll is the pause between two looks whether it does.
	readyPoll = 10 * time.Millisecond
	// stopTime is how long a node may take to end by itself before it is killed: more than
	// the 10s that it gives its callers.
	stopTime = 15 * time.Second
	// tailSize is how much of a log an error quotes, in bytes.
	tailSize = 2000
)

// errPortTaken says that a node could not listen because somebody else does.
var errPortTaken = errors.New("a port was taken meanwhile")

// Node is one node of the cluster, running or not. Its methods may be called by several
// goroutines; Start, Stop and Kill take turns.
type Node struct {
	Name     string
	Endpoint string // for clients and other nodes
	Gossip   string
	Ops      string // for /metrics, /livez and /readyz
	Dir      string // its data lies here
	Log      string // file that its output is appended to

	cluster *Cluster
	place   int            // in the cluster's list
	disk    *volume.Volume // nil: the directory's
	slow    *volume.Slow   // nil: no such file system lies before it
	turn    sync.Mutex     // held while the node is started or ended

	mu      sync.Mutex
	process *process // nil before the first start
}

// process is one life of a node.
type process struct {
	*os.Process
	done chan struct{} // closed when it has ended
	err  error         // how; valid once done is closed
}

func newNode(c *Cluster, i int, endpoint, gossip, ops string) *Node {
	name := "node-" + strconv.Itoa(i+1)
	return &Node{Name: name, Endpoint: endpoint, Gossip: gossip, Ops: ops,
		Dir: filepath.Join(c.dir, name), Log: filepath.Join(c.dir, name+".log"), cluster: c, place: i}
}

// Start starts the node from its data and returns when it accepts connections. It is an error if it runs.
func (n *Node) Start(ctx context.Context) error {
	n.turn.Lock()
	defer n.turn.Unlock()
	if n.Running() {
		return fmt.Errorf("%s: runs already, pid %d", n.Name, n.current().Pid)
	}
	if err := n.launch(); err != nil {
		return err
	}
	if err := n.awaitReady(ctx); err != nil {
		return errors.Join(err, n.end(syscall.SIGKILL))
	}
	return nil
}

// launch starts the process.
func (n *Node) launch() error {
	args := []string{"node", "--name", n.Name, "--dir", n.Dir, "--listen", n.Endpoint, "--gossip", n.Gossip, "--ops", n.Ops}
	var others []string
	network := n.cluster.network
	for i, other := range n.cluster.nodes {
		switch {
		case other == n:
		case network != nil:
			others = append(others, network.Gossip(i))
		default:
			others = append(others, other.Gossip)
		}
	}
	if network != nil {
		args = append(args, "--http-proxy", network.Proxy(n.place), "--gossip-advertise", network.Gossip(n.place))
	}
	if len(others) > 0 {
		args = append(args, "--join", strings.Join(others, ","))
	}
	if d := n.cluster.options.SuspectAfter; d > 0 {
		args = append(args, "--suspect-after", d.String())
	}
	args = append(args, n.cluster.options.Settings...)
	log, err := os.OpenFile(n.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(n.cluster.options.Ringward, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = n.cluster.environment()
	if err := n.cluster.spawner.Start(cmd); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	p := &process{Process: cmd.Process, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process = p
	return nil
}

// awaitReady returns when the node accepts connections, or an error when it does not.
func (n *Node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fmt.Errorf("not within %v", readyTime))
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	p := n.current()
	var dialer net.Dialer
	for {
		if conn, err := dialer.DialContext(ctx, "tcp", n.Endpoint); err == nil {
			return conn.Close()
		}
		select {
		case <-poll.C:
		case <-p.done:
			return n.died()
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w%s", n.Name, n.Endpoint, context.Cause(ctx), n.tail())
		}
	}
}

func (n *Node) current() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// Running reports whether the node's process runs.
func (n *Node) Running() bool {
	p := n.current()
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Pause stops the node's process where it stands (SIGSTOP), until Resume. A node that does not run is left as it is.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume lets a paused node go on, which does not know that it stood still.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) error {
	if !n.Running() {
		return nil
	}
	if err := n.current().Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %v: %w", n.Name, s, err)
	}
	return nil
}

// Disk is the node's disk; nil unless Options.DiskBytes asked for one.
func (n *Node) Disk() *volume.Volume { return n.disk }

// SlowDisk is the file system before the node's directory; nil unless Options.SlowDisks asked for one.
func (n *Node) SlowDisk() *volume.Slow { return n.slow }

// Place is the node's place among the nodes of its cluster, and in its network.
func (n *Node) Place() int { return n.place }

// Leave asks the node to hand over and to end, ends it if it does not, and returns when it has. A node that does not run
// is left as it is.
func (n *Node) Leave() error {
	n.turn.Lock()
	defer n.turn.Unlock()
	return n.end(syscall.SIGTERM)
}

// Stop asks the node to end and to keep its place in its chains; for the rest it is like Leave.
func (n *Node) Stop() error {
	n.turn.Lock()
	defer n.turn.Unlock()
	return n.end(syscall.SIGINT)
}

// Kill ends the node as a crash would, with SIGKILL, and returns when it has ended. A node that
// does not run is left as it is.
func (n *Node) Kill() error {
	n.turn.Lock()
	defer n.turn.Unlock()
	return n.end(syscall.SIGKILL)
}

func (n *Node) end(with syscall.Signal) error {
	p := n.current()
	if !n.Running() {
		return nil
	}
	if err := p.Signal(with); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %v: %w", n.Name, with, err)
	}
	// One that is paused would not hear of it.
	if err := n.signal(syscall.SIGCONT); err != nil {
		return err
	}
	patience := time.NewTimer(stopTime)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
	}
	if err := p.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	<-p.done
	if with == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("%s: did not end within %v of %v, and was killed", n.Name, stopTime, with)
}

// died says why the node ended, as far as its log tells.
func (n *Node) died() error {
	tail := n.tail()
	err := fmt.Errorf("%s ended: %v%s", n.Name, n.current().err, tail)
	if strings.Contains(tail, "address already in use") {
		return fmt.Errorf("%w: %w", errPortTaken, err)
	}
	return err
}

// tail quotes the end of the node's log, for an error.
func (n *Node) tail() string {
	f, err := os.Open(n.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, err = f.Seek(max(0, end-tailSize), io.SeekStart)
		if err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, tailSize))
	if b = bytes.TrimSpace(b); err != nil || len(b) == 0 {
		return ""
	}
	return "; its log ends:\n" + string(b)
}
