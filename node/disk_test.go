package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// sickDisk is a disk in memory whose operations of a kind hang until the test ends, or fail.
type sickDisk struct {
	vfs.FS
	hangs, fails atomic.Uint64 // bits of errorfs.OpKind
	release      chan struct{}
}

func newSickDisk(t *testing.T) *sickDisk {
	d := &sickDisk{release: make(chan struct{})}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch is := uint64(1) << op.Kind; {
		case d.hangs.Load()&is != 0:
			<-d.release
		case d.fails.Load()&is != 0:
			return errors.New("injected: the disk is gone")
		}
		return nil
	}))
	t.Cleanup(func() { close(d.release) }) // after that of the nodes
	return d
}

func kinds(of ...errorfs.OpKind) (bits uint64) {
	for _, k := range of {
		bits |= 1 << k
	}
	return bits
}

var syncs = kinds(errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo)

// wantStopped waits until a node has stopped by itself, and tells why.
func wantStopped(t *testing.T, n *Node, why ...string) {
	t.Helper()
	select {
	case <-n.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the node goes on")
	}
	wantError(t, n.Err(), why...)
	// It ends though what waits for the disk cannot.
	stopped := make(chan error, 1)
	go func() { stopped <- n.Stop(context.WithoutCancel(t.Context())) }()
	select {
	case err := <-stopped:
		wantError(t, err, why...)
	case <-time.After(30 * time.Second):
		t.Fatal("the node does not end")
	}
}

func wantError(t *testing.T, err error, why ...string) {
	t.Helper()
	for _, w := range why {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v, want one that says %q", err, w)
		}
	}
}

// TestSickDisk: a node whose disk hangs or fails stops and says why. Where it hangs the others have gone on long before.
func TestSickDisk(t *testing.T) {
	for name, c := range map[string]struct {
		get func(*sickDisk)
		why []string
	}{
		"hangs": {func(d *sickDisk) { d.hangs.Store(syncs) }, []string{"the disk hangs: fsync of data/log/0000000000000001.log", "has not returned for", "disk-timeout is 3s"}},
		"fails": {func(d *sickDisk) { d.fails.Store(syncs) }, []string{"sync the log", "the disk is gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			const shards = 4
			sick := newSickDisk(t)
			n := newNodesWith(t, func(cfg *Config) {
				cfg.SuspectAfter, cfg.DiskTimeout, cfg.RegrowAfter = 100*time.Millisecond, 3*time.Second, 100*time.Millisecond
			}, sick, vfs.NewMem(), vfs.NewMem(), vfs.NewMem())
			n.init(n.genesis("test", shards, 2))
			victim := n.nodes[0]
			cl := n.open(1)
			put := func(round string) {
				var all sync.WaitGroup
				for i := range 20 { // of all shards
					all.Go(func() {
						if _, err := cl.Put(t.Context(), fmt.Sprint(round, i), []byte(round)); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			}
			put("before")
			c.get(sick)
			began := time.Now()
			put("after")
			t.Logf("others serve all shards after %v", time.Since(began).Round(time.Millisecond))
			if name == "hangs" && victim.Err() != nil {
				t.Error("the others went on only when it had stopped")
			}
			wantStopped(t, victim, c.why...)
			n.nodes[0] = nil
			n.awaitStrength(shards, 2)
			for _, round := range []string{"before", "after"} {
				for i := range 20 {
					if v, err := cl.Get(t.Context(), fmt.Sprint(round, i)); err != nil || string(v.Data) != round {
						t.Errorf("get %s%d: %q, %v", round, i, v.Data, err)
					}
				}
			}
		})
	}
}

// TestHungDiskAtStart: a node does not wait for ever to open its directory, nor to begin a cluster.
func TestHungDiskAtStart(t *testing.T) {
	sick := newSickDisk(t)
	c := newNodesWith(t, func(cfg *Config) { cfg.DiskTimeout = minDisk }, sick)
	g := c.genesis("test", 1, 1)
	sick.hangs.Store(syncs)
	wantError(t, c.nodes[0].Init(t.Context(), g), "the disk hangs", "fsync of data/")
	wantStopped(t, c.nodes[0], "the disk hangs")

	started := make(chan error, 1)
	go func() {
		other := newSickDisk(t)
		other.hangs.Store(kinds(errorfs.OpFileWrite))
		_, err := start(t.Context(), c.cfgs[0], other)
		started <- err
	}()
	select {
	case err := <-started:
		wantError(t, err, "data directory", "the disk hangs: write of data/RINGWARD", "left behind")
	case <-time.After(30 * time.Second):
		t.Fatal("the start goes on")
	}
}

// TestHungDiskAtStop: a node that is told to stop does so, though its disk hangs.
func TestHungDiskAtStop(t *testing.T) {
	sick := newSickDisk(t)
	c := newNodesWith(t, func(cfg *Config) { cfg.DiskTimeout = minDisk }, sick)
	c.init(c.genesis("test", 1, 1))
	if _, err := c.open(0).Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	sick.hangs.Store(syncs)
	wantError(t, c.nodes[0].Stop(t.Context()), "the disk hangs", "fsync")
	c.nodes[0] = nil
}

// TestWatchedDisk: what returns in time is not accused, whatever is under way beside it.
func TestWatchedDisk(t *testing.T) {
	accused := make(chan error, 1)
	d := watchDisk(vfs.NewMem(), time.Hour, func(err error) { accused <- err })
	defer d.end()
	hangs := d.begin("fsync", nil, "a")
	for range d.patience {
		returns := d.begin("fsync", nil, "b")
		if op := d.look(); op != nil {
			t.Fatalf("%s of %s is accused after %d looks", op.what, op.name, op.looks)
		}
		returns()
	}
	later := d.begin("write", nil, "c")
	if op := d.look(); op == nil || op.name != "a" {
		t.Errorf("accused is %+v, want a", op)
	}
	hangs()
	later()
	if op := d.look(); op != nil || len(d.underWay) > 0 {
		t.Errorf("accused is %+v, though all has returned", op)
	}
	if err := d.waitFor(func() error { return vfs.ErrUnsupported }); !errors.Is(err, vfs.ErrUnsupported) {
		t.Errorf("what returns with an error returns %v", err)
	}
	select {
	case err := <-accused:
		t.Error(err)
	default:
	}
}
