package store_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

// kept is a directory with a long history, all of it applied, of whose log so many bytes are kept.
func kept(t *testing.T, keep int64) *logged {
	t.Helper()
	o := small
	o.LogKeep = keep
	return keptWith(t, o)
}

func keptWith(t *testing.T, o store.Options) *logged {
	t.Helper()
	l := newLogged(t, o)
	m, err := storetest.Machine(l.d.Genesis(), 1, l.d.Contents(1))
	check(t, err)
	for range 400 {
		r := l.h.PutValue("key", strings.Repeat("x", 500))
		check(t, l.d.Append([]shard.Record{r}))
		check(t, l.d.Sync())
		check(t, storetest.Apply(m, []shard.Entry{r.Entry}))
	}
	return l
}

// floor is the position above which the log gives back the history.
func (l *logged) floor(t *testing.T) shard.Seqno {
	t.Helper()
	for after := shard.Seqno(0); after < l.h.Last(); after++ {
		entries, err := l.d.Recall(1, after, l.h.Last(), l.h.Lineage, 1)
		check(t, err)
		if len(entries) > 0 {
			return after
		}
	}
	return l.h.Last()
}

// TestLogKeep: so much of the log stays as is to be kept, although the contents hold it, and not a segment more; also where
// the directory is opened anew.
func TestLogKeep(t *testing.T) {
	const keep = 100 << 10
	l := kept(t, keep)
	for range 2 {
		held, err := l.d.Trim()
		if err != nil || len(held) > 0 {
			t.Fatalf("the log is held by %v, %v", held, err)
		}
		if n := l.d.LogBytes(); n < keep || n > keep+small.SegmentSize {
			t.Fatalf("%d bytes of the log are left, want %d and less than a segment more", n, keep)
		}
		if floor := l.floor(t); floor == 0 || floor > 220 {
			t.Fatalf("of 400 entries of 500 bytes those above %d can be read, where %d bytes are kept", floor, keep)
		}
		check(t, l.d.Close())
		o := small
		o.LogKeep = keep
		l.open(t, o)
	}
	check(t, l.d.Close())
	l.open(t, small)
	if n := l.d.LogBytes(); n > 2*small.SegmentSize {
		t.Errorf("%d bytes of the log are left where nothing is to be kept", n)
	}
}

// TestLogHold: what somebody lacks stays as well, up to a bound.
func TestLogHold(t *testing.T) {
	const keep, most = 20 << 10, 150 << 10
	o := small
	o.LogKeep, o.LogHold = keep, most
	l := keptWith(t, o)
	for _, c := range []struct {
		lacking map[shard.ID]shard.Seqno
		least   int64
		floor   shard.Seqno // at most
	}{
		{map[shard.ID]shard.Seqno{1: 0, 2: 7}, most, 140}, // the bound is what counts
		{map[shard.ID]shard.Seqno{1: 200}, 100 << 10, 200},
		{map[shard.ID]shard.Seqno{1: 400}, keep, 370},
	} {
		l.d.Hold(c.lacking)
		_, err := l.d.Trim()
		check(t, err)
		if n := l.d.LogBytes(); n < c.least || n > c.least+2*small.SegmentSize {
			t.Errorf("with %v lacking, %d bytes of the log are left, want %d and little more", c.lacking, n, c.least)
		}
		if floor := l.floor(t); floor > c.floor || floor < c.floor-20 {
			t.Errorf("with %v lacking, what is above %d can be read, want %d or a little less", c.lacking, floor, c.floor)
		}
	}
}

// TestRecallWhatIsSynced: what is not durable is not given to others.
func TestRecallWhatIsSynced(t *testing.T) {
	l := newLogged(t, small)
	l.put(t, 3)
	check(t, l.d.Sync())
	l.put(t, 3)
	for after, want := range map[shard.Seqno]int{0: 3, 3: 0} {
		entries, err := l.d.Recall(1, after, l.h.Last(), l.h.Lineage, 1<<20)
		if err != nil || len(entries) != want {
			t.Errorf("above %d: %d entries, %v; want %d", after, len(entries), err, want)
		}
	}
}

// gate is a file system that stops who opens a file of the log first, once it is armed, until it may go on.
type gate struct {
	vfs.FS
	armed      atomic.Bool
	comes, may chan struct{}
}

func (g *gate) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	if strings.HasSuffix(name, ".log") && g.armed.CompareAndSwap(true, false) {
		g.comes <- struct{}{}
		<-g.may
	}
	return g.FS.Open(name, o...)
}

// TestRecallBesideTrim: a segment that is being read stays until that is done.
func TestRecallBesideTrim(t *testing.T) {
	o := small
	o.LogKeep = 1 << 20
	l := keptWith(t, o)
	check(t, l.d.Close())
	g := &gate{FS: l.mem, comes: make(chan struct{}), may: make(chan struct{})}
	d, err := store.Open(g, dir, o)
	check(t, err)
	defer d.Close()
	d.Forget()
	type result struct {
		entries []shard.Entry
		err     error
	}
	read := make(chan result, 1)
	g.armed.Store(true)
	go func() {
		entries, err := d.Recall(1, 0, l.h.Last(), l.h.Lineage, 1)
		read <- result{entries, err}
	}()
	<-g.comes
	_, err = d.Trim()
	check(t, err)
	close(g.may)
	if r := <-read; r.err != nil || len(r.entries) != 1 {
		t.Fatalf("%d entries, %v", len(r.entries), r.err)
	}
	_, err = d.Trim()
	check(t, err)
	if entries, err := d.Recall(1, 0, l.h.Last(), l.h.Lineage, 1); err != nil || len(entries) > 0 {
		t.Errorf("nobody reads any more, and nothing is to be kept: %d entries, %v", len(entries), err)
	}
}

// TestRecallDamaged: damage in a part of the log that is only read for others is found when it is, and ends the use of the disk.
func TestRecallDamaged(t *testing.T) {
	l := kept(t, 1<<20)
	path := dir + "/log/0000000000000003.log"
	f, err := l.mem.OpenReadWrite(path, "test")
	check(t, err)
	_, err = f.WriteAt([]byte{files(t, l.mem)[path][4000] ^ 1}, 4000)
	check(t, err)
	var damage *store.DamageError
	for after := shard.Seqno(0); after < l.h.Last() && err == nil; after++ {
		_, err = l.d.Recall(1, after, l.h.Last(), l.h.Lineage, 1)
	}
	if !errors.As(err, &damage) || damage.File != path || damage.Offset > 4000 || damage.Offset < 3000 {
		t.Fatalf("got %v, want damage of %s before 4000", err, path)
	}
	stillFails(t, l.d, err)
}
