package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

const dir = "data/node"

// small makes everything happen that takes gigabytes otherwise.
var small = store.Options{SegmentSize: 8 << 10, MemTableSize: 64 << 10, CacheSize: 1 << 20}

// memory is a directory in a file system that can crash.
type memory struct {
	t    *testing.T
	fs   *vfs.MemFS
	dead []store.Store
	open store.Store
}

func (m *memory) Open() (store.Store, error) {
	d, err := store.Open(m.fs, dir, small)
	if err != nil {
		return nil, err
	}
	m.open = d
	return d, nil
}

func (m *memory) Crash() {
	m.dead = append(m.dead, m.open)
	m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{})
}

func TestConformanceInMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Directory {
		m := &memory{t: t, fs: vfs.NewCrashableMem()}
		t.Cleanup(func() {
			for _, s := range m.dead {
				s.Close()
			}
		})
		return m
	})
}

// onDisk is a directory of the real file system, where a crash is that of the process alone.
type onDisk struct {
	path string
	open *store.Disk
}

func (o *onDisk) Open() (store.Store, error) {
	d, err := store.Open(vfs.Default, o.path, small)
	if err != nil {
		return nil, err
	}
	o.open = d
	return d, nil
}

// Crash closes the store, since the lock of a process lasts as long as itself.
func (o *onDisk) Crash() { o.open.Close() }

func TestConformanceOnDisk(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Directory {
		return &onDisk{path: t.TempDir() + "/new/node"}
	})
}

// TestStandingIsKept: that a node drains, and whom it knows as removed, is known after a crash.
func TestStandingIsKept(t *testing.T) {
	mem := vfs.NewCrashableMem()
	d, err := store.Open(mem, dir, small)
	check(t, err)
	check(t, d.SetDrains(true))
	for _, n := range []shard.NodeID{7, 3, 7} {
		check(t, d.Remove(n))
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	check(t, d.Close())
	d, err = store.Open(left, dir, small)
	check(t, err)
	if got := d.Removed(); !d.Drains() || !slices.Equal(got, []shard.NodeID{7, 3}) {
		t.Errorf("drains: %v; removed %v", d.Drains(), got)
	}
	check(t, d.SetDrains(false))
	check(t, d.Close())
	d, err = store.Open(left, dir, small)
	check(t, err)
	if d.Drains() {
		t.Error("it still drains")
	}
	check(t, d.Close())
}

// TestRetired: what is retired is not opened again, also after a crash, and says why.
func TestRetired(t *testing.T) {
	mem := vfs.NewCrashableMem()
	d, err := store.Open(mem, dir, small)
	check(t, err)
	check(t, d.Retire("it was put back"))
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	check(t, d.Close())
	for name, fs := range map[string]vfs.FS{"closed": mem, "crashed": left} {
		d, err := store.Open(fs, dir, small)
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "is retired: it was put back") {
			t.Errorf("%s: Open returned %v, want the reason why it is retired", name, err)
		}
	}
}
