package processtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/shard"
)

// binary is the ringward executable, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ringward-processtest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ringward")
	out, err := exec.Command("go", "build", "-o", path, "github.com/ringward/ringward/node/cmd/ringward").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building ringward: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

const (
	keys    = 12
	workers = 8
	// patience bounds one call; a shard is without service for suspectAfter and little more.
	patience     = 60 * time.Second
	suspectAfter = 300 * time.Millisecond
)

// load is clients at work on a cluster, and the history of what they saw.
type load struct {
	t        *testing.T
	cluster  *cluster.Cluster
	client   *client.Client
	recorder *history.Recorder
	done     atomic.Int64 // calls that ended well
	stop     context.CancelFunc
	running  sync.WaitGroup
}

func start(t *testing.T) *load {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{
		Ringward: path, Nodes: 5, Shards: 5, Replicas: 2, SuspectAfter: suspectAfter, Dir: filepath.Join(t.TempDir(), "cluster"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	l := &load{t: t, cluster: c, recorder: history.NewRecorder(true)}
	if l.client, err = client.Open(t.Context(), c.Endpoints(), client.WithTimeout(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.client.Close() })
	return l
}

// begin lets the workers work until end.
func (l *load) begin() {
	ctx, stop := context.WithCancel(l.t.Context())
	l.stop = stop
	for w := range workers {
		log := l.recorder.Client()
		random := rand.New(rand.NewPCG(1, uint64(w)))
		l.running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("key-%d", random.IntN(keys))
				value := fmt.Appendf(nil, "%d-%d-%d", w, i, random.Uint64())
				switch random.IntN(4) {
				case 0, 1:
					l.get(log, l.client, key)
				case 2:
					l.write(log, key, value, nil)
				case 3:
					expected := l.get(log, l.client, key)
					l.write(log, key, value, &expected)
				}
			}
		})
	}
}

// end stops the workers once each has had its call answered.
func (l *load) end() {
	l.stop()
	l.running.Wait()
}

func (l *load) get(log *history.Log, c *client.Client, key string) client.Version {
	call := log.Invoke(history.Op{Kind: history.Get, Key: key})
	v, err := c.Get(l.t.Context(), key)
	switch {
	case err == nil:
		log.Return(call, history.OK, uint64(v.Version), history.Of(v.Data))
	case errors.Is(err, client.ErrNotFound):
		log.Return(call, history.NotFound, 0, 0)
	default:
		log.Return(call, history.NotApplied, 0, 0)
		l.t.Errorf("get %s: %v", key, err)
		return 0
	}
	l.done.Add(1)
	return v.Version
}

// write puts, or swaps where a version is expected. Within its patience every call must end well: an error is a failure.
func (l *load) write(log *history.Log, key string, value []byte, expected *client.Version) {
	op := history.Op{Kind: history.Put, Key: key, Value: history.Of(value)}
	var options []client.WriteOption
	if expected != nil {
		op.If, op.Expected = true, uint64(*expected)
		options = append(options, client.IfVersion(*expected))
	}
	call := log.Invoke(op)
	version, err := l.client.Put(l.t.Context(), key, value, options...)
	switch mismatch, ok := errors.AsType[*client.VersionMismatchError](err); {
	case err == nil:
		log.Return(call, history.OK, uint64(version), 0)
	case ok:
		log.Return(call, history.Mismatch, uint64(mismatch.Current), 0)
	default:
		log.Return(call, history.Unknown, 0, 0)
		l.t.Errorf("put %s: %v", key, err)
		return
	}
	l.done.Add(1)
}

// await waits until n more calls have ended well.
func (l *load) await(n int64) {
	l.t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(2 * patience)
	for target := l.done.Load() + n; l.done.Load() < target; {
		select {
		case <-poll.C:
		case <-deadline:
			l.t.Fatalf("%d calls more did not end within %v", target-l.done.Load(), 2*patience)
		}
	}
}

// check reads every key once more, and judges the history.
func (l *load) check() {
	l.t.Helper()
	log := l.recorder.Client()
	for k := range keys {
		l.get(log, l.client, fmt.Sprintf("key-%d", k))
	}
	h := l.recorder.History()
	report := h.Check(time.Minute)
	l.t.Logf("%d calls, %d of unknown outcome", report.Ops, report.Unknown)
	if report.Verdict != history.Linearizable {
		file := filepath.Join(os.TempDir(), "ringward-history-"+l.t.Name()[len("Test"):]+".jsonl")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err == nil {
			err = h.WriteFile(file)
			l.t.Logf("history kept in %s (%v)", file, err)
		}
		l.t.Fatalf("history is not linearizable: %+v", report)
	}
}

// ring returns the members of each shard's configuration in chain order, by the names of the nodes.
func (l *load) ring() (chains map[shard.ID][]*cluster.Node, sequencer map[shard.ID]shard.ID) {
	l.t.Helper()
	r, err := l.client.Ring(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	byEndpoint := map[string]*cluster.Node{}
	for _, n := range l.cluster.Nodes() {
		byEndpoint[n.Endpoint] = n
	}
	nodes := map[shard.NodeID]*cluster.Node{}
	for _, n := range r.Nodes {
		nodes[n.ID] = byEndpoint[n.Address]
	}
	chains, sequencer = map[shard.ID][]*cluster.Node{}, map[shard.ID]shard.ID{}
	for i, s := range r.Shards {
		for _, m := range s.Members {
			chains[s.ID] = append(chains[s.ID], nodes[m])
		}
		sequencer[s.ID] = r.Shards[(i+len(r.Shards)-1)%len(r.Shards)].ID
	}
	return chains, sequencer
}

func TestKillOneNode(t *testing.T) {
	for _, role := range []string{"head", "tail", "sequencer"} {
		t.Run(role, func(t *testing.T) {
			l := start(t)
			chains, sequencer := l.ring()
			victim := map[string]*cluster.Node{
				"head": chains[1][0], "tail": chains[1][1], "sequencer": chains[sequencer[1]][0],
			}[role]
			l.begin()
			l.await(500)
			if err := victim.Kill(); err != nil {
				t.Fatal(err)
			}
			l.await(500)
			if err := victim.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.await(500)
			l.end()
			// The restarted node serves everything, by forwarding.
			through, err := client.Open(t.Context(), []string{victim.Endpoint}, client.WithTimeout(patience))
			if err != nil {
				t.Fatal(err)
			}
			defer through.Close()
			log := l.recorder.Client()
			for k := range keys {
				l.get(log, through, fmt.Sprintf("key-%d", k))
			}
			l.check()
		})
	}
}

func TestKillAllNodesAtOnce(t *testing.T) {
	l := start(t)
	l.begin()
	for range 2 {
		l.await(500)
		l.each(func(n *cluster.Node) error { return n.Kill() })
		l.each(func(n *cluster.Node) error { return n.Start(t.Context()) })
	}
	l.await(500)
	l.end()
	l.check()
}

func TestStopAndStart(t *testing.T) {
	l := start(t)
	l.begin()
	l.await(500)
	l.each(func(n *cluster.Node) error { return n.Stop() })
	l.each(func(n *cluster.Node) error { return n.Start(t.Context()) })
	l.await(500)
	l.end()
	l.check()
}

// each does something to all nodes at the same time.
func (l *load) each(f func(*cluster.Node) error) {
	l.t.Helper()
	var all sync.WaitGroup
	for _, n := range l.cluster.Nodes() {
		all.Go(func() {
			if err := f(n); err != nil {
				l.t.Error(err)
			}
		})
	}
	all.Wait()
}
