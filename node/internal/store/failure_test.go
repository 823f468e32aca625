package store_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

// TestErrorAtEveryOperation lets each change of the node's own files fail once, in turn. Then
// the call fails, and what was promised before is there at the next open.
func TestErrorAtEveryOperation(t *testing.T) {
	forEachCrash(t, func(t *testing.T, at int64) bool {
		mem := vfs.NewCrashableMem()
		var count atomic.Int64
		var failed errorfs.Op
		l := &life{dead: new(atomic.Bool)}
		l.fs = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && ownFile(op.Path) && count.Add(1) == at {
				failed = op
				return errorfs.ErrInjected
			}
			return nil
		}))
		err := l.run()
		// Preallocation is a wish; all else must be told.
		if count.Load() >= at && failed.Kind != errorfs.OpFilePreallocate && !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("change %d, %v of %s, failed, and the store says %v", at, failed.Kind, failed.Path, err)
		}
		if l.d != nil {
			stillFails(t, l.d, err)
			l.d.Close()
		}
		if err := l.fork().check(mem.CrashClone(vfs.CrashCloneCfg{})); err != nil {
			t.Fatalf("after change %d, %v of %s, failed, and a crash: %v", at, failed.Kind, failed.Path, err)
		}
		if err := l.fork().check(mem); err != nil {
			t.Fatalf("after change %d, %v of %s, failed: %v", at, failed.Kind, failed.Path, err)
		}
		return count.Load() >= at
	})
}

// stillFails checks that a store which has failed goes on failing.
func stillFails(t *testing.T, d *store.Disk, err error) {
	t.Helper()
	if err == nil {
		return
	}
	c := d.Contents(1)
	_, trimErr := d.Trim()
	_, snapshotErr := d.Snapshot(1)
	_, recallErr := d.Recall(1, 0, 1, shard.Lineage{{Epoch: 1}}, 1)
	_, _, getErr := c.Get([]byte("k"))
	for name, err := range map[string]error{
		"Append": d.Append(nil), "Sync": d.Sync(), "Trim": trimErr, "Get": getErr, "Recall": recallErr,
		"Flush": d.Flush(), "Snapshot": snapshotErr, "Clear": c.Clear(),
		"Set": c.Set([]byte("k"), nil), "Delete": c.Delete([]byte("k")), "Commit": c.Commit(),
		"Scan": c.Scan(nil, func(_, _ []byte) error { return nil }),
	} {
		if err == nil {
			t.Errorf("%s works after an error", name)
		}
	}
}

// TestBackgroundError: an error of Pebble's own work fails the log as well.
func TestBackgroundError(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fail := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return errorfs.ErrInjected
		}
		return nil
	})}
	l := &life{fs: errorfs.Wrap(mem, &fail), dead: new(atomic.Bool)}
	check(t, l.open())
	check(t, l.init())
	check(t, l.write(l.put(1, "a"), l.put(1, "b")))
	check(t, l.sync())
	for len(l.states) < 20 {
		check(t, l.write(l.put(2, strings.Repeat("long", 100))))
	}
	check(t, l.sync())
	check(t, l.apply(1))
	check(t, l.apply(2))
	fail.On()
	if _, err := l.d.Trim(); !errors.Is(err, errorfs.ErrInjected) {
		t.Fatalf("Trim returned %v while the contents cannot be flushed", err)
	}
	stillFails(t, l.d, errorfs.ErrInjected)
	if err := l.d.Sync(); err == nil || !strings.Contains(err.Error(), "contents") {
		t.Errorf("the error is %v, want one that says it was the contents", err)
	}
	fail.Off()
	l.d.Close()
	check(t, l.fork().check(mem.CrashClone(vfs.CrashCloneCfg{})))
	check(t, l.fork().check(mem))
}

// TestProcessDeath: what a process left unsynced in the system's memory is shown by
// the next Open only after it is on disk.
func TestProcessDeath(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fail := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData {
			return errorfs.ErrInjected
		}
		return nil
	})}
	l := &life{fs: errorfs.Wrap(mem, &fail), dead: new(atomic.Bool)}
	check(t, l.open())
	check(t, l.init())
	check(t, l.write(l.put(1, "synced")))
	check(t, l.sync())
	fail.On()
	check(t, l.write(l.put(1, "not synced"), l.put(2, "not synced")))
	if err := l.sync(); err == nil {
		t.Fatal("a sync that failed reports nothing")
	}
	l.d.Close()

	l.fs = mem
	check(t, l.open())
	check(t, l.recover())
	if l.synced != 3 {
		t.Fatalf("after the death of the process the state after record %d is stored, want 3", l.synced)
	}
	check(t, l.fork().check(mem.CrashClone(vfs.CrashCloneCfg{})))
	check(t, l.d.Close())
}

// TestRewriteAfterFailedSync: a system may forget after a failed fsync that data is not on
// disk, so it must be written again before it counts.
func TestRewriteAfterFailedSync(t *testing.T) {
	l := newLogged(t, store.Options{})
	l.put(t, 1)
	check(t, l.d.Sync())
	l.put(t, 2)
	path := dir + "/log/0000000000000001.log"
	left := files(t, l.mem)
	var rewritten []int64
	fs := fileSystem(t, left)
	traced := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWriteAt && op.Path == path {
			rewritten = append(rewritten, op.Offset)
		}
		return nil
	}))
	replicas, err := store.ReplayLog(traced, dir)
	check(t, err)
	check(t, storetest.CheckStored(replicas[1], l.h))
	if len(rewritten) != 1 || rewritten[0] >= int64(len(left[path])) {
		t.Fatalf("writes at %v of the %d bytes that were left, want one of the last ones", rewritten, len(left[path]))
	}
	if after := files(t, fs)[path]; !slices.Equal(after, left[path]) {
		t.Fatal("the rewrite changed the log")
	}
}

// TestLock: one process, and within it one Store, has the directory.
func TestLock(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		t.Run(name, func(t *testing.T) {
			path := fs.PathJoin(t.TempDir(), "node")
			first, err := store.Open(fs, path, small)
			check(t, err)
			if second, err := store.Open(fs, path, small); err == nil {
				second.Close()
				t.Fatal("a directory was opened twice")
			} else if !strings.Contains(err.Error(), "another process") || !strings.Contains(err.Error(), path) {
				t.Errorf("the second Open says %v", err)
			}
			boot := first.Boot()
			check(t, first.Close())
			check(t, first.Close())
			second, err := store.Open(fs, path, small)
			check(t, err)
			defer second.Close()
			if second.Boot() != boot+1 {
				t.Errorf("boot %d came after boot %d", second.Boot(), boot)
			}
		})
	}
}

// TestClosed: a closed store refuses, and does not fall over.
func TestClosed(t *testing.T) {
	l := newLogged(t, small)
	check(t, l.d.Close())
	stillFails(t, l.d, errors.New("closed"))
}

// TestLeftovers: files that a crash leaves in the log go at the next Open, others stay.
func TestLeftovers(t *testing.T) {
	l := newLogged(t, small)
	l.put(t, 1)
	check(t, l.d.Close())
	for _, name := range []string{"next", "spare", "0000000000000007.spare", "notes.txt", "12.log", "7.spare"} {
		writeFile(t, l.mem, dir+"/log/"+name, []byte("left"))
	}
	l.open(t, small)
	check(t, storetest.CheckStored(l.d.Replicas()[1], l.h))
	names, err := l.mem.List(dir + "/log")
	check(t, err)
	slices.Sort(names)
	if want := []string{"0000000000000001.log", "0000000000000002.log", "12.log", "7.spare", "notes.txt"}; !slices.Equal(names, want) {
		t.Errorf("the log has the files %q, want %q", names, want)
	}
}

// TestOptions: what cannot be is refused before anything is made.
func TestOptions(t *testing.T) {
	for name, o := range map[string]store.Options{
		"segment size":    {SegmentSize: 1 << 40},
		"segment size ":   {SegmentSize: -1},
		"memtable size":   {MemTableSize: 1 << 40},
		"recent contents": {RecentBytes: -1},
		"block cache":     {CacheSize: -1},
		"spare files":     {LogSpare: -1},
		"node id":         {Random: strings.NewReader("short")},
	} {
		fs := vfs.NewMem()
		d, err := store.Open(fs, dir, o)
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Zero names no node, so it is drawn again.
	d, err := store.Open(vfs.NewMem(), dir, store.Options{Random: strings.NewReader(strings.Repeat("\x00", 16) + "12345678abcdefgh")})
	check(t, err)
	defer d.Close()
	if want := shard.NodeID(0x3132333435363738); d.Node() != want {
		t.Errorf("the node is %v, want %v", d.Node(), want)
	}
}
