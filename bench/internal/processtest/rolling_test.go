package processtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
)

// TestRollingRestart restarts all nodes, one after the other, each once all shards are at their strength again. Nobody who uses
// the cluster meanwhile sees a call fail.
func TestRollingRestart(t *testing.T) {
	c := start(t, cluster.Options{Nodes: 5, Shards: 5, Replicas: 2, SuspectAfter: neverSuspect, Settings: []string{"--regrow-after", "5m"}})
	write(t, c)
	u := newUsers(t, c, 8)
	for _, n := range c.Nodes() {
		u.mark()
		if err := n.Leave(); err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := c.AwaitStrength(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: no call took longer than %v", n.Name, u.mark().Round(ms))
	}
	u.stop()
	for i, e := range epochs(t, c) {
		if e < 4 {
			t.Errorf("shard %d is in epoch %d: want at least 4, since both members left, and came back", i+1, e)
		}
	}
}

// users write and read all the time, each its own key.
type users struct {
	t      *testing.T
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	slowest time.Duration
}

func newUsers(t *testing.T, c *cluster.Cluster, count int) *users {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	u := &users{t: t, cancel: cancel}
	cl, err := client.Open(ctx, c.Endpoints(), client.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		u.stop()
		cl.Close()
	})
	for i := range count {
		u.all.Go(func() { u.use(ctx, cl, fmt.Sprint("user-", i)) })
	}
	return u
}

// use counts up: each write requires the version of the one before, so that one applied twice, or lost, is noticed.
func (u *users) use(ctx context.Context, cl *client.Client, key string) {
	var version client.Version
	for n := 0; ctx.Err() == nil; n++ {
		value := fmt.Append(nil, n)
		begin := time.Now()
		next, err := cl.CompareAndSwap(context.WithoutCancel(ctx), key, version, value)
		if err != nil {
			u.t.Errorf("%s: write %d: %v", key, n, err)
			return
		}
		wrote := time.Now()
		got, err := cl.Get(context.WithoutCancel(ctx), key)
		if err != nil || got.Version != next || !slices.Equal(got.Data, value) {
			u.t.Errorf("%s: read %q, version %d, %v: want %q, version %d", key, got.Data, got.Version, err, value, next)
			return
		}
		version = next
		u.took(max(wrote.Sub(begin), time.Since(wrote)))
	}
}

func (u *users) took(d time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.slowest = max(u.slowest, d)
}

// mark is how long the slowest call took since the last mark.
func (u *users) mark() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	slowest := u.slowest
	u.slowest = 0
	return slowest
}

func (u *users) stop() {
	u.cancel()
	u.all.Wait()
}
