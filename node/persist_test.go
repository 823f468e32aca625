package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/telemetry"
	"github.com/ringward/ringward/shard"
)

// preparing is a node with a client that makes its log long enough for a file to be prepared, which waits for atWrite at each write of such a
// file. The error is of that client.
func preparing(t *testing.T, atWrite func() error) (c *nodes, mem *vfs.MemFS, written chan error) {
	t.Helper()
	mem = vfs.NewMem()
	c = newNodesWith(t, func(cfg *Config) { cfg.DiskTimeout = 3 * time.Second }, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, "/log/spare") {
			return atWrite()
		}
		return nil
	})))
	c.init(c.genesis("test", 1, 1))
	cl := c.open(0)
	written = make(chan error, 1)
	go func() {
		_, err := cl.Put(t.Context(), "long", make([]byte, c.cfgs[0].LogSegment/8))
		written <- err
	}()
	return c, mem, written
}

// TestLogIsPrepared: a node writes a file ahead of the log, and goes on there long before the first one is full.
func TestLogIsPrepared(t *testing.T) {
	c, mem, written := preparing(t, func() error { return nil })
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	n := c.nodes[0]
	await(t, "a file is prepared", func() bool { return !n.store.Unprepared() })
	if _, err := c.open(0).Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if info, err := mem.Stat("data/log/0000000000000002.log"); err != nil || info.Size() != int64(c.cfgs[0].LogSegment) {
		t.Errorf("the log does not go on in a file that was written to its end before: %v, %v", info, err)
	}
	if used := n.store.LogBytes(); used > int64(c.cfgs[0].LogSegment)/4 {
		t.Errorf("the log has %d bytes, want no more than what was put into it", used)
	}
}

// TestPreparingFails: a node whose disk fails where nothing is written yet that counts stops as well.
func TestPreparingFails(t *testing.T) {
	c, _, _ := preparing(t, func() error { return errors.New("injected: the disk is gone") })
	wantStopped(t, c.nodes[0], "prepare a file for the log", "the disk is gone")
	c.nodes[0] = nil
}

// TestPreparingHangs: nobody waits for what is written ahead of the log; and the node stops when it takes too long.
func TestPreparingHangs(t *testing.T) {
	comes, release := make(chan struct{}, 1), make(chan struct{})
	t.Cleanup(func() { close(release) })
	c, _, written := preparing(t, func() error {
		comes <- struct{}{}
		<-release
		return nil
	})
	<-comes
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	cl := c.open(0)
	for i := range 5 {
		if _, err := cl.Put(t.Context(), fmt.Sprint("beside it ", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	wantStopped(t, c.nodes[0], "the disk hangs: write of data/log/spare")
	c.nodes[0] = nil
}

// TestContentsAreFlushed: what is replayed after a crash has a bound, however little is written again and again.
func TestContentsAreFlushed(t *testing.T) {
	mem := vfs.NewCrashableMem()
	c := newNodesWith(t, func(cfg *Config) { cfg.Memtable, cfg.LogRetention = 1<<20, 1<<30 }, mem)
	c.init(c.genesis("test", 1, 1))
	cl := c.open(0)
	value := make([]byte, 64<<10)
	var entries shard.Seqno
	await(t, "the contents of a log of some MiB are mostly flushed", func() bool {
		for range 80 {
			v, err := cl.Put(t.Context(), "the same", value)
			if err != nil {
				t.Fatal(err)
			}
			entries = shard.Seqno(v)
		}
		s, err := store.Open(mem.CrashClone(vfs.CrashCloneCfg{}), "data", store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return len(s.Replicas()[1].Entries) < int(entries)/2
	})
}

// TestCompany: records are expected together once they came together, and until a while of single ones.
func TestCompany(t *testing.T) {
	var c company
	step := func(n int, want bool) {
		t.Helper()
		if c.came(n); c.expected() != want {
			t.Fatalf("after a batch of %d: expected %v, want %v", n, c.expected(), want)
		}
	}
	for range 3 {
		step(1, false)
	}
	step(2, true)
	for range companyLasts - 1 {
		step(1, true)
	}
	step(40, true)
	for range companyLasts - 1 {
		step(1, true)
	}
	step(1, false)
	step(1, false)
}

// counted is a store that tells of each batch how many records it had, once all is done that follows its fsync. Its log has the length that is set.
type counted struct {
	store.Store
	last    int
	batches chan int
	length  atomic.Int64
	ended   <-chan struct{}
}

func (c *counted) Append(records []shard.Record) error {
	c.last = len(records)
	return nil
}

func (*counted) Sync() error { return nil }

func (c *counted) LogBytes() int64 { return c.length.Load() }

func (c *counted) Unprepared() bool {
	select {
	case c.batches <- c.last:
	case <-c.ended:
	}
	return false
}

// persisting runs a persister alone, over a store that is counted, until the test ends.
func persisting(t *testing.T, flushEvery int64, yield func(*persister)) (*persister, *counted) {
	t.Helper()
	c := &counted{batches: make(chan int), ended: t.Context().Done()}
	log, err := telemetry.OpenLog(io.Discard, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	told, err := telemetry.Open(t.Context(), telemetry.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	p := newPersister(c, told.Metrics(), math.MaxInt64, flushEvery, func() time.Duration { return 0 }, func(int) {}, nil, nil)
	p.yield = func() { yield(p) }
	ended := make(chan struct{})
	go func() {
		p.run(t.Context())
		close(ended)
	}()
	t.Cleanup(func() {
		<-ended
		if err := errors.Join(told.Close(context.Background()), log.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return p, c
}

// TestOthersGoFirst: where records came together, one that comes while the persister yields has its part in the fsync; where they
// came one by one it does not wait for another.
func TestOthersGoFirst(t *testing.T) {
	p, c := persisting(t, math.MaxInt64, func(p *persister) { p.records.put(make([]shard.Record, 1)) })
	for _, step := range []struct{ put, want int }{{1, 1}, {1, 1}, {2, 2}, {1, 2}} {
		p.write(make([]shard.Record, step.put))
		if n := <-c.batches; n != step.want {
			t.Fatalf("%d records were written together, want %d", n, step.want)
		}
	}
}

// TestFlushFollowsTheLog: the contents are flushed whenever the log has grown by so much since they were last, or since it was trimmed below that.
func TestFlushFollowsTheLog(t *testing.T) {
	const every = 100
	p, c := persisting(t, every, func(*persister) {})
	for _, step := range []struct {
		length int64
		want   bool
	}{{100, false}, {101, true}, {201, false}, {202, true}, {50, false}, {150, false}, {151, true}} {
		c.length.Store(step.length)
		p.write(make([]shard.Record, 1))
		<-c.batches
		select {
		case <-p.flush:
			if !step.want {
				t.Fatalf("flushed where the log has %d bytes", step.length)
			}
		default:
			if step.want {
				t.Fatalf("not flushed where the log has %d bytes", step.length)
			}
		}
	}
}
