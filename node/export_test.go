package node

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

// exporting is an exporter over the contents of two shards.
type exporting struct {
	*exporter
	t    *testing.T
	disk *store.Disk
	now  time.Time
}

func newExporting(t *testing.T) *exporting {
	disk, err := store.Open(vfs.NewMem(), "data", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := &exporting{exporter: newExporter(disk, newInbox(), slog.New(slog.DiscardHandler), 100, func(err error) { t.Error(err) }), t: t, disk: disk, now: time.Now()}
	t.Cleanup(func() {
		for a := range x.pinned {
			x.release(a)
		}
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	g := storetest.Genesis("test", 2, disk.Node())
	if err := disk.Init(g); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Initial {
		h := storetest.NewHistory(c)
		m, err := storetest.Machine(g, c.Shard, disk.Contents(c.Shard))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			h.Put(fmt.Sprint("key ", i))
		}
		if err := storetest.Apply(m, h.Entries); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// ask lets it read a part, and returns what it says; told is false where it says nothing.
func (x *exporting) ask(export shard.Export) (p *shard.Part, told bool) {
	x.t.Helper()
	if err := x.one(export, x.now); err != nil {
		x.t.Fatal(err)
	}
	news := x.inbox.take(new(news))
	if len(news.exported) == 0 {
		return nil, false
	}
	return news.exported[0].part, true
}

func (x *exporting) wantPinned(n int) {
	x.t.Helper()
	if len(x.pinned) != n {
		x.t.Fatalf("%d snapshots are pinned, want %d", len(x.pinned), n)
	}
}

func TestExporterPins(t *testing.T) {
	x := newExporting(t)
	first, _ := x.ask(shard.Export{Shard: 1, To: 7, Number: 5})
	if first == nil || first.Done || len(first.Data) < 100 || first.Position != 20 {
		t.Fatalf("the first part is %+v", first)
	}
	if p, _ := x.ask(shard.Export{Shard: 1, To: 7, Number: 5}); p == nil || string(p.Data) != string(first.Data) {
		t.Error("the same asked for again is another")
	}
	x.wantPinned(1)
	// Each shard and each node has its own.
	x.ask(shard.Export{Shard: 2, To: 7, Number: 6})
	x.ask(shard.Export{Shard: 1, To: 8, Number: 5})
	x.wantPinned(3)
	// A newer number begins anew, an older one is not heard any more.
	x.ask(shard.Export{Shard: 1, To: 7, Number: 9})
	x.wantPinned(3)
	if _, told := x.ask(shard.Export{Shard: 1, To: 7, Number: 5, After: []byte("k")}); told {
		t.Error("a late asking is answered")
	}
	// What is not pinned cannot be gone on with.
	if p, told := x.ask(shard.Export{Shard: 1, To: 9, Number: 1, After: []byte("k")}); !told || p != nil {
		t.Errorf("a snapshot that is gone: %+v, told: %v", p, told)
	}
	p, told := x.ask(shard.Export{Shard: 1, To: 7, Number: 9, After: []byte("kkey 9")})
	if !told || p == nil || !p.Done || p.Position != 20 {
		t.Errorf("the last part is %+v, told: %v", p, told)
	}
	x.wantPinned(2)
	// Who is silent for long is forgotten.
	x.now = x.now.Add(pinnedFor)
	x.ask(shard.Export{Shard: 2, To: 7, Number: 6})
	x.releaseIdle(x.now.Add(1))
	x.wantPinned(1)
}

func TestExporterIsBounded(t *testing.T) {
	x := newExporting(t)
	for i := range shard.NodeID(maxPinned + 10) {
		x.ask(shard.Export{Shard: 1, To: i + 1, Number: 1})
	}
	x.wantPinned(maxPinned)
	x.export(make([]shard.Export, maxExports-1))
	x.export(make([]shard.Export, 10))
	x.export(make([]shard.Export, 10))
	if n := x.tasks.len(); n != maxExports {
		t.Errorf("%d parts wait to be read, want at most %d", n, maxExports)
	}
}

// TestHalfSnapshotIsNone: contents that are being filled are not given away.
func TestHalfSnapshotIsNone(t *testing.T) {
	x := newExporting(t)
	c := x.disk.Contents(1)
	if err := c.Clear(); err != nil {
		t.Fatal(err)
	}
	if err := c.Set([]byte("khalf"), []byte("of it")); err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	if p, told := x.ask(shard.Export{Shard: 1, To: 7, Number: 1}); !told || p != nil {
		t.Errorf("half a snapshot: %+v, told: %v", p, told)
	}
	x.wantPinned(0)
}
