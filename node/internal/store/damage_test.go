package store_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

// logged is a directory whose log holds the states of one shard's history.
type logged struct {
	mem    *vfs.MemFS
	d      *store.Disk
	h      *storetest.History
	states []*storetest.History // after each record
}

func newLogged(t *testing.T, o store.Options) *logged {
	t.Helper()
	l := &logged{mem: vfs.NewCrashableMem()}
	l.open(t, o)
	g := storetest.Genesis("test", 1, l.d.Node())
	check(t, l.d.Init(g))
	l.h = storetest.NewHistory(g.Initial[0])
	l.states = []*storetest.History{l.h.Clone()}
	return l
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (l *logged) open(t *testing.T, o store.Options) {
	t.Helper()
	var err error
	l.d, err = store.Open(l.mem, dir, o)
	check(t, err)
	t.Cleanup(func() { l.d.Close() })
}

func (l *logged) put(t *testing.T, n int) {
	t.Helper()
	for range n {
		r := l.h.Put("key")
		l.states = append(l.states, l.h.Clone())
		check(t, l.d.Append([]shard.Record{r}))
	}
}

// files reads all that is in the log and the identity.
func files(t *testing.T, fs vfs.FS) map[string][]byte {
	t.Helper()
	names, err := fs.List(dir + "/log")
	check(t, err)
	all := map[string][]byte{}
	for _, name := range append(names, "../RINGWARD") {
		path := fs.PathJoin(dir, "log", name)
		f, err := fs.Open(path)
		check(t, err)
		all[path], err = io.ReadAll(f)
		check(t, err)
		check(t, f.Close())
	}
	return all
}

// fileSystem holds copies of the files.
func fileSystem(t *testing.T, files map[string][]byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	for path, b := range files {
		check(t, fs.MkdirAll(fs.PathDir(path), 0o755))
		writeFile(t, fs, path, b)
	}
	return fs
}

func writeFile(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	check(t, err)
	_, err = f.Write(slices.Clone(b))
	check(t, errors.Join(err, f.Sync(), f.Close()))
}

// flipEverywhere damages each byte of the log in turn. What is stored then must be one of the
// states; it may be an older one than the last only if so many records are still there as least tells,
// or else be refused as damage at that place or before it.
func (l *logged) flipEverywhere(t *testing.T, least func(path string, at int) int) (refused, shorter int) {
	t.Helper()
	good := files(t, l.mem)
	for path := range good {
		if !strings.Contains(path, "/log/") {
			continue
		}
		for at := range good[path] {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := slices.Clone(good[path])
				bad[at] ^= flip
				fs := fileSystem(t, good)
				writeFile(t, fs, path, bad)
				replicas, err := store.ReplayLog(fs, dir)
				if err != nil {
					var damage *store.DamageError
					if !errors.As(err, &damage) || damage.File != path || damage.Offset > int64(at) || damage.Reason == "" {
						t.Fatalf("%s, byte %d changed by %02x: %v: want damage at that place or before", path, at, flip, err)
					}
					refused++
					continue
				}
				i := slices.IndexFunc(l.states, func(h *storetest.History) bool { return storetest.CheckStored(replicas[1], h) == nil })
				if i < least(path, at) {
					t.Fatalf("%s, byte %d changed by %02x: state %d of %d is stored, want at least %d", path, at, flip, i, len(l.states)-1, least(path, at))
				}
				if i < len(l.states)-1 {
					shorter++
				}
			}
		}
	}
	return refused, shorter
}

// TestDamageAfterClose: a log that was closed vouches for all it holds.
func TestDamageAfterClose(t *testing.T) {
	l := newLogged(t, store.Options{SegmentSize: 500})
	for range 4 {
		l.put(t, 2)
		check(t, l.d.Sync())
	}
	check(t, l.d.Close())
	all := len(l.states) - 1
	refused, _ := l.flipEverywhere(t, func(string, int) int { return all })
	if refused == 0 {
		t.Fatal("no damage was found")
	}
}

// TestDamageAfterCrash: what follows the last proof of a sync may be cut, and nothing else.
func TestDamageAfterCrash(t *testing.T) {
	l := newLogged(t, store.Options{})
	l.put(t, 3)
	check(t, l.d.Sync())
	l.put(t, 3)
	refused, shorter := l.flipEverywhere(t, func(string, int) int { return 3 })
	if refused == 0 || shorter == 0 {
		t.Fatalf("%d changes were refused as damage, and %d taken for a torn end: want some of both", refused, shorter)
	}
}

// TestDamageInPrepared: what follows the log in a file that was prepared changes nothing of that, and does not matter itself.
func TestDamageInPrepared(t *testing.T) {
	o := store.Options{SegmentSize: 1200}
	l := newLogged(t, o)
	l.put(t, 2)
	check(t, l.d.Sync())
	prepare(t, l.d)
	l.put(t, 2)
	check(t, l.d.Sync())
	l.put(t, 3)
	path := dir + "/log/0000000000000002.log"
	if size := len(files(t, l.mem)[path]); size != int(o.SegmentSize) {
		t.Fatalf("the second file has %d bytes, want those of the one that was prepared", size)
	}
	refused, shorter := l.flipEverywhere(t, func(string, int) int { return 4 })
	if refused == 0 || shorter == 0 {
		t.Fatalf("%d changes were refused as damage, and %d taken for a torn end: want some of both", refused, shorter)
	}
	check(t, l.d.Close())
	refused, shorter = l.flipEverywhere(t, func(string, int) int { return 7 })
	if refused == 0 || shorter != 0 {
		t.Fatalf("after Close, %d changes were refused as damage, and %d taken for a torn end", refused, shorter)
	}
}

// TestDamageInStates: the head of a segment was synced before the file got its name, so nothing
// in it is taken for a torn end, although nothing follows it.
func TestDamageInStates(t *testing.T) {
	l := newLogged(t, store.Options{})
	if refused, _ := l.flipEverywhere(t, func(string, int) int { return 0 }); refused == 0 {
		t.Fatal("no damage was found")
	}
}

// TestTornAnywhere: a file that ends anywhere behind the synced part is cut there.
func TestTornAnywhere(t *testing.T) {
	l := newLogged(t, store.Options{})
	l.put(t, 2)
	check(t, l.d.Sync())
	path := dir + "/log/0000000000000001.log"
	synced := len(files(t, l.mem)[path])
	l.put(t, 3)
	good := files(t, l.mem)
	for end := range good[path] {
		torn := fileSystem(t, good)
		writeFile(t, torn, path, good[path][:end])
		replicas, err := store.ReplayLog(torn, dir)
		if end < synced {
			// Nothing behind the cut is left that could prove it; but the opening
			// and the states are never torn.
			continue
		}
		check(t, err)
		if i := slices.IndexFunc(l.states, func(h *storetest.History) bool { return storetest.CheckStored(replicas[1], h) == nil }); i < 2 {
			t.Fatalf("file of %d bytes, synced up to %d: state %d is stored", end, synced, i)
		}
	}
}

// TestStaleFrames: the frames that a recycled file held before do not come back.
func TestStaleFrames(t *testing.T) {
	l := newLogged(t, tiny)
	m, err := storetest.Machine(l.d.Genesis(), 1, l.d.Contents(1))
	check(t, err)
	for range 20 {
		l.put(t, 10)
		check(t, l.d.Sync())
		check(t, storetest.Apply(m, l.h.Entries[len(l.h.Entries)-10:]))
		if _, err := l.d.Trim(); err != nil {
			t.Fatal(err)
		}
		prepare(t, l.d) // what is dropped of a file that was prepared is used again
		crashed := l.mem.CrashClone(vfs.CrashCloneCfg{})
		d, err := store.Open(crashed, dir, tiny)
		check(t, err)
		check(t, storetest.CheckStored(d.Replicas()[1], l.h))
		check(t, d.Close())
	}
}

// TestDamagedDirectory: a directory with something missing or changed is refused, and says what.
func TestDamagedDirectory(t *testing.T) {
	change := func(path string, from, to string) func(*testing.T, *vfs.MemFS) {
		return func(t *testing.T, fs *vfs.MemFS) {
			f, err := fs.Open(dir + "/" + path)
			check(t, err)
			b, err := io.ReadAll(f)
			check(t, err)
			changed := strings.Replace(string(b), from, to, 1)
			if changed == string(b) {
				t.Fatalf("%s does not hold %q:\n%s", path, from, b)
			}
			writeFile(t, fs, dir+"/"+path, []byte(changed))
		}
	}
	remove := func(paths ...string) func(*testing.T, *vfs.MemFS) {
		return func(t *testing.T, fs *vfs.MemFS) {
			for _, path := range paths {
				check(t, fs.RemoveAll(dir+"/"+path))
			}
		}
	}
	for name, c := range map[string]struct {
		damage    func(*testing.T, *vfs.MemFS)
		want      string
		untouched bool // nothing may be changed
	}{
		"foreign":         {remove("RINGWARD"), "is not a data directory", true},
		"newer":           {change("RINGWARD", "format 1", "format 2"), "format version 2", true},
		"older":           {change("RINGWARD", "format 1", "format 0"), "RINGWARD is damaged", true},
		"other identity":  {change("RINGWARD", `"boot": 1`, `"boot": 7`), "RINGWARD is damaged", true},
		"cut identity":    {change("RINGWARD", "}", ""), "RINGWARD is damaged", true},
		"no identity":     {change("RINGWARD", "ringward", "wingward"), "RINGWARD is damaged", true},
		"genesis changed": {change("genesis", "test", "toast"), "genesis is damaged", false},
		"genesis lost":    {remove("genesis"), "genesis is lost", false},
		"genesis and log": {remove("genesis", "log"), "genesis is lost", false},
		"log lost":        {remove("log"), "the log is lost", false},
		"segment lost":    {remove("log/0000000000000002.log"), "0000000000000002.log is missing", false},
		// The contents reach into the third.
		"first segments lost": {remove("log/0000000000000001.log", "log/0000000000000002.log", "log/0000000000000003.log"),
			"contents hold the history up to 10", false},
		"contents lost, log trimmed": {remove("contents", "log/0000000000000001.log"), "contents hold the history up to 0", false},
		"contents ahead": {func(t *testing.T, fs *vfs.MemFS) {
			for n := 2; n < 10; n++ {
				check(t, fs.RemoveAll(fmt.Sprintf("%s/log/%016d.log", dir, n)))
			}
		}, "contents hold the history up to", false},
		"another's log": {func(t *testing.T, fs *vfs.MemFS) {
			check(t, store.WriteIdentity(fs, dir, 5, 1))
		}, "checksum", false},
		"opened too often": {func(t *testing.T, fs *vfs.MemFS) {
			check(t, store.WriteIdentity(fs, dir, 5, 1<<shard.BootBits-1))
		}, fmt.Sprintf("opened %d times", 1<<shard.BootBits-1), true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogged(t, store.Options{SegmentSize: 600})
			m, err := storetest.Machine(l.d.Genesis(), 1, l.d.Contents(1))
			check(t, err)
			// The contents end in the middle of a log of several segments.
			l.put(t, 20)
			check(t, l.d.Sync())
			check(t, storetest.Apply(m, l.h.Entries[:10]))
			check(t, l.d.Close())
			crashed := l.mem.CrashClone(vfs.CrashCloneCfg{})
			c.damage(t, crashed)
			before := crashed.String()
			d, err := store.Open(crashed, dir, store.Options{})
			if err == nil {
				d.Close()
				t.Fatal("the directory opens")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) && !strings.Contains(err.Error(), "shard 1") {
				t.Errorf("the error is %q, want %q", err, c.want)
			}
			if after := crashed.String(); c.untouched && after != before {
				t.Errorf("the directory was\n%sand was changed to\n%s", before, after)
			}
		})
	}
}
