package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

// prepare writes a file ahead of the log, and returns in how many steps.
func prepare(t *testing.T, d *store.Disk) (steps int) {
	t.Helper()
	for ; d.Unprepared(); steps++ {
		if check(t, d.Prepare()); steps == 100 {
			t.Fatal("preparing has no end")
		}
	}
	return steps
}

// counted is a file system that counts what is done to the files that are prepared, and may let it fail.
type counted struct {
	*vfs.MemFS
	made, fresh atomic.Int64 // how many files were made to be prepared, and how many for segments in use
	fault       func(errorfs.Op) error
}

func (c *counted) before(op errorfs.Op) error {
	switch path := strings.TrimPrefix(op.Path, dir+"/log/"); {
	case op.Kind == errorfs.OpCreate && path == "next":
		c.fresh.Add(1)
	case path == "spare":
		if op.Kind == errorfs.OpCreate {
			c.made.Add(1)
		}
		if c.fault != nil {
			return c.fault(op)
		}
	}
	return nil
}

// newPreparing is a directory with a log that is long enough for a file to be prepared.
func newPreparing(t *testing.T, o store.Options) (*logged, *counted) {
	t.Helper()
	l := &logged{mem: vfs.NewCrashableMem()}
	c := &counted{MemFS: l.mem}
	var err error
	l.d, err = store.Open(errorfs.Wrap(l.mem, errorfs.InjectorFunc(c.before)), dir, o)
	check(t, err)
	t.Cleanup(func() { l.d.Close() })
	g := storetest.Genesis("test", 1, l.d.Node())
	if l.d.Unprepared() {
		t.Fatal("a file is to be prepared before there is a log")
	}
	check(t, l.d.Prepare())
	check(t, l.d.Init(g))
	l.h = storetest.NewHistory(g.Initial[0])
	l.states = []*storetest.History{l.h.Clone()}
	l.use(t)
	return l, c
}

// use writes until a file is to be prepared.
func (l *logged) use(t *testing.T) {
	t.Helper()
	for n := 0; !l.d.Unprepared(); n++ {
		if n == 1000 {
			t.Fatal("no file is to be prepared, although much was written")
		}
		l.put(t, 1)
		check(t, l.d.Sync())
	}
}

// segments lists the files of the log with their sizes.
func (l *logged) segments(t *testing.T) (names []string) {
	t.Helper()
	all := files(t, l.mem)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if name, ok := strings.CutPrefix(path, dir+"/log/"); ok {
			names = append(names, fmt.Sprint(strings.TrimLeft(name, "0"), " ", len(all[path])))
		}
	}
	return names
}

// checkCrash checks that what was synced is there after a crash.
func (l *logged) checkCrash(t *testing.T) {
	t.Helper()
	left := l.mem.CrashClone(vfs.CrashCloneCfg{})
	d, err := store.Open(left, dir, small)
	check(t, err)
	check(t, storetest.CheckStored(d.Replicas()[1], l.h))
	for _, name := range []string{"next", "spare"} {
		if _, err := left.Stat(dir + "/log/" + name); err == nil {
			t.Errorf("after a crash and an open there is a file %s", name)
		}
	}
	check(t, d.Close())
}

// TestPrepare: once the log is in use a file is filled ahead, once, and taken at the next Append: the one in use was new. The one after that is used up
// first. None of it counts as log.
func TestPrepare(t *testing.T) {
	l, c := newPreparing(t, small)
	full := int(small.SegmentSize)
	for number := 1; number < 5; number++ {
		used := l.d.LogBytes()
		if steps := prepare(t, l.d); steps < 2 {
			t.Fatalf("%d bytes were written in %d steps, want some", full, steps)
		}
		check(t, l.d.Prepare())
		if made := c.made.Load(); made != int64(number) || l.d.LogBytes() != used {
			t.Fatalf("%d files were prepared, want %d; the log has %d bytes, want %d as before", made, number, l.d.LogBytes(), used)
		}
		if got, want := l.segments(t), fmt.Sprint("spare ", full); got[len(got)-1] != want {
			t.Fatalf("there are %q, want %q at the end", got, want)
		}
		l.checkCrash(t)
		l.use(t)
		if got, want := l.segments(t), fmt.Sprintf("%d.log %d", number+1, full); got[len(got)-1] != want {
			t.Fatalf("there are %q, want the file that was prepared in use, %q", got, want)
		}
		l.checkCrash(t)
		if used = l.d.LogBytes() - used; number == 1 && used > int64(full)/2 || number > 1 && used < int64(full)/2 {
			t.Fatalf("the prepared file %d was in use after %d bytes: want the first at once, and others when the one before was full", number, used)
		}
	}
	if c.fresh.Load() != 1 {
		t.Errorf("%d segments begin in a new file, want the first", c.fresh.Load())
	}
}

// TestPreparedGoRound: as many files as the log takes between two trims go round, and nothing is prepared any more.
func TestPreparedGoRound(t *testing.T) {
	for _, segments := range []int64{1, 4} {
		o := small
		o.LogSpare = segments * o.SegmentSize
		l, c := newPreparing(t, o)
		m, err := storetest.Machine(l.d.Genesis(), 1, l.d.Contents(1))
		check(t, err)
		applied := 0
		var made, fresh int64
		for round := range 10 {
			for end := l.d.LogBytes() + o.LogSpare; l.d.LogBytes() < end; {
				l.put(t, 3)
				check(t, l.d.Sync())
				prepare(t, l.d)
			}
			check(t, storetest.Apply(m, l.h.Entries[applied:]))
			applied = len(l.h.Entries)
			_, err := l.d.Trim()
			check(t, err)
			if round == 3 {
				made, fresh = c.made.Load(), c.fresh.Load()
			}
			l.checkCrash(t)
		}
		if made == 0 || made > segments+2 || c.made.Load() != made || c.fresh.Load() != fresh {
			t.Errorf("%d segments at a time: %d files were prepared at first and %d after that, and %d segments began in a new file; want at most %d, 0 and 0",
				segments, made, c.made.Load()-made, c.fresh.Load()-fresh, segments+2)
		}
		if n := int64(len(l.segments(t))); n > 2*segments+3 {
			t.Errorf("%d segments at a time: there are %d files: %q", segments, n, l.segments(t))
		}
	}
}

// TestSparesAreBounded: of what is dropped no more is kept than was asked for, and nothing that is longer than a segment.
func TestSparesAreBounded(t *testing.T) {
	o := small
	o.LogSpare = 2 * o.SegmentSize
	for long, want := range map[int]int{0: 3, 2 * int(o.SegmentSize): 2} {
		l, _ := newPreparing(t, o)
		m, err := storetest.Machine(l.d.Genesis(), 1, l.d.Contents(1))
		check(t, err)
		for end := 2 * o.SegmentSize; l.d.LogBytes() < end; {
			prepare(t, l.d)
			l.put(t, 1)
			check(t, l.d.Sync())
		}
		check(t, l.d.Append([]shard.Record{l.h.PutValue("long", strings.Repeat("x", long))}))
		l.put(t, 1)
		if long == 0 {
			for range 6 * o.SegmentSize / 100 {
				l.put(t, 1)
			}
		}
		check(t, l.d.Sync())
		check(t, storetest.Apply(m, l.h.Entries))
		_, err = l.d.Trim()
		check(t, err)
		var spares []string
		for _, name := range l.segments(t) {
			if !strings.Contains(name, ".log ") {
				spares = append(spares, name)
			}
		}
		other := func(name string) bool { return !strings.HasSuffix(name, fmt.Sprint(" ", o.SegmentSize)) }
		if len(spares) != want || slices.ContainsFunc(spares, other) {
			t.Errorf("with a record of %d bytes: %q are kept, want %d files of %d bytes", long, spares, want, o.SegmentSize)
		}
		l.checkCrash(t)
	}
}

// TestDroppedWhilePreparing: where a segment is dropped meanwhile its file comes first, and the other is finished when that is taken.
func TestDroppedWhilePreparing(t *testing.T) {
	l, c := newPreparing(t, small)
	prepare(t, l.d)
	l.use(t)
	check(t, l.d.Prepare())
	m, err := storetest.Machine(l.d.Genesis(), 1, l.d.Contents(1))
	check(t, err)
	for range 2 * small.SegmentSize / 100 {
		l.put(t, 1)
	}
	check(t, l.d.Sync())
	check(t, storetest.Apply(m, l.h.Entries))
	_, err = l.d.Trim()
	check(t, err)
	got := l.segments(t)
	if !slices.Contains(got, fmt.Sprint("2.spare ", small.SegmentSize)) || l.d.Unprepared() {
		t.Fatalf("there are %q, and a file is to be prepared: %v; want the second segment's to be used again", got, l.d.Unprepared())
	}
	l.use(t)
	if steps := prepare(t, l.d); steps != 3 || c.made.Load() != 2 {
		t.Errorf("%d files were begun, and the last took %d more steps; want the second finished in 3", c.made.Load(), steps)
	}
	l.checkCrash(t)
}

// TestPrepareFails: no room is no error, and all is as if nothing had been begun, until the next segment. What a disk says that fails is one,
// and so is every sync that fails.
func TestPrepareFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	noRoom := fmt.Errorf("injected: %w", syscall.ENOSPC)
	for _, c := range []struct {
		kind  errorfs.OpKind
		after int // so many of the kind work
		err   error
		fails bool
		stays bool // it cannot even be removed
	}{
		{errorfs.OpCreate, 0, broken, true, false},
		{errorfs.OpCreate, 0, noRoom, false, false},
		{errorfs.OpFilePreallocate, 0, broken, false, false},
		{errorfs.OpFilePreallocate, 0, noRoom, false, false},
		{errorfs.OpFileWrite, 0, noRoom, false, false},
		{errorfs.OpFileWrite, 0, syscall.EDQUOT, false, false},
		{errorfs.OpFileWrite, 2, noRoom, false, false},
		{errorfs.OpFileWrite, 2, noRoom, false, true},
		{errorfs.OpFileWrite, 2, broken, true, false},
		{errorfs.OpFileSyncData, 0, broken, true, false},
		{errorfs.OpFileSyncData, 2, noRoom, true, false},
	} {
		t.Run(fmt.Sprintf("%v %d %v %v", c.kind, c.after, c.err, c.stays), func(t *testing.T) {
			l, fs := newPreparing(t, small)
			count := 0
			fs.fault = func(op errorfs.Op) error {
				if op.Kind == c.kind {
					if count++; count == c.after+1 {
						return c.err
					}
				}
				if op.Kind == errorfs.OpRemove && c.stays {
					return noRoom
				}
				return nil
			}
			var err error
			for err == nil && l.d.Unprepared() {
				err = l.d.Prepare()
			}
			if c.fails {
				if !errors.Is(err, c.err) {
					t.Fatalf("the error is %v, want %v", err, c.err)
				}
				stillFails(t, l.d, err)
				if l.d.Prepare() == nil {
					t.Error("Prepare works after an error")
				}
				l.checkCrash(t)
				return
			}
			check(t, err)
			if got := l.segments(t); (errors.Is(c.err, broken) || c.stays) != (len(got) == 2) {
				t.Errorf("there are %q", got)
			}
			l.use(t)
			prepare(t, l.d)
			l.use(t)
			if got := l.segments(t); len(got) < 2 || !strings.HasSuffix(got[len(got)-1], fmt.Sprint(" ", small.SegmentSize)) {
				t.Errorf("there are %q, want one that was prepared after all", got)
			}
			l.checkCrash(t)
		})
	}
}

// TestPrepareLeavesRoom: a disk that is nearly full is left to what needs it now.
func TestPrepareLeavesRoom(t *testing.T) {
	l, c := newPreparing(t, small)
	l.mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(3 * small.SegmentSize), TotalBytes: 1 << 30})
	check(t, l.d.Prepare())
	if c.made.Load() != 0 || l.d.Unprepared() {
		t.Fatalf("%d files were begun, and one is still to be: %v", c.made.Load(), l.d.Unprepared())
	}
	l.mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(5 * small.SegmentSize), TotalBytes: 1 << 30})
	l.use(t)
	if prepare(t, l.d); c.made.Load() != 1 {
		t.Error("there is room, and nothing was prepared for the next segment")
	}
}

// TestCloseWhilePreparing: what was begun is gone at the next Open, wherever it stood.
func TestCloseWhilePreparing(t *testing.T) {
	for steps := 0; ; steps++ {
		l, _ := newPreparing(t, small)
		for range steps {
			check(t, l.d.Prepare())
		}
		done := !l.d.Unprepared()
		check(t, l.d.Close())
		if l.d.Prepare() == nil {
			t.Error("Prepare works after Close")
		}
		l.checkCrash(t)
		l.open(t, small)
		check(t, storetest.CheckStored(l.d.Replicas()[1], l.h))
		if got := l.segments(t); len(got) != 2 {
			t.Errorf("after %d steps, Close and Open there are %q", steps, got)
		}
		l.use(t)
		prepare(t, l.d)
		l.use(t)
		l.checkCrash(t)
		if done {
			return
		}
	}
}

// TestAppendBesidePrepare: neither an Append nor a Sync nor a new segment waits for what is written ahead.
func TestAppendBesidePrepare(t *testing.T) {
	l, c := newPreparing(t, small)
	comes, may := make(chan struct{}), make(chan struct{})
	c.fault = func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSyncData {
			comes <- struct{}{}
			<-may
		}
		return nil
	}
	prepared := make(chan error, 1)
	go func() {
		for l.d.Unprepared() {
			if err := l.d.Prepare(); err != nil {
				prepared <- err
				return
			}
		}
		prepared <- nil
	}()
	for {
		select {
		case err := <-prepared:
			check(t, err)
			l.use(t)
			if got := l.segments(t); got[len(got)-1] != fmt.Sprintf("%d.log %d", len(got), small.SegmentSize) || len(got) < 5 {
				t.Errorf("there are %q, want the prepared file after some new ones", got)
			}
			l.checkCrash(t)
			return
		case <-comes:
			for end := l.d.LogBytes() + small.SegmentSize; l.d.LogBytes() < end; {
				l.put(t, 1)
				check(t, l.d.Sync())
			}
			may <- struct{}{}
		}
	}
}
