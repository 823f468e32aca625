package node

import (
	"errors"
	"fmt"
	"io"
	"strings"
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

// batches is a store that tells how many records each fsync has.
type batches struct {
	store.Store
	sizes chan int
	ended <-chan struct{}
}

func (b batches) Append(records []shard.Record) error {
	select {
	case b.sizes <- len(records):
	case <-b.ended:
	}
	return nil
}
func (batches) Sync() error      { return nil }
func (batches) LogBytes() int64  { return 0 }
func (batches) Unprepared() bool { return false }

// TestOthersGoFirst: where records came together, one that comes while the persister yields has its part in the fsync; where they
// came one by one it does not wait for another.
func TestOthersGoFirst(t *testing.T) {
	b := batches{sizes: make(chan int), ended: t.Context().Done()}
	log, err := telemetry.OpenLog(io.Discard, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	told, err := telemetry.Open(t.Context(), telemetry.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	p := newPersister(b, told.Metrics(), 0, 0, func() time.Duration { return 0 }, func(int) {}, nil, nil)
	p.yield = func() { p.records.put(make([]shard.Record, 1)) }
	go p.run(t.Context())
	for _, step := range []struct{ put, want int }{{1, 1}, {1, 1}, {2, 2}, {1, 2}} {
		p.write(make([]shard.Record, step.put))
		if n := <-b.sizes; n != step.want {
			t.Fatalf("%d records were written together, want %d", n, step.want)
		}
	}
}
