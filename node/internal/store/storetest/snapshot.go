package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ringward/ringward/shard"
)

func testClear(f *fixture) {
	f.init(3)
	w, r := f.s.Contents(2), f.s.Contents(2)
	f.check(w.Clear())
	f.check(w.Commit())
	for _, id := range []shard.ID{1, 2, 3} {
		c := f.s.Contents(id)
		for _, key := range []string{"", "a", "b", "\xff\xff"} {
			f.check(c.Set([]byte(key), fmt.Append(nil, id)))
		}
		f.check(c.Commit())
	}
	f.check(w.Set([]byte("c"), []byte("not committed")))
	f.check(w.Clear())
	// Whoever clears sees nothing any more, and what it writes then; others see it with the commit.
	f.wantKeys(w, "", "")
	if _, ok, err := w.Get([]byte("a")); ok || err != nil {
		f.Fatalf("a key after Clear: %v, %v", ok, err)
	}
	f.check(w.Set([]byte("b"), []byte("new")))
	f.check(w.Delete([]byte("never there")))
	f.wantKeys(w, "", `"b"=new`)
	if v, ok, err := w.Get([]byte("b")); !ok || string(v) != "new" || err != nil {
		f.Fatalf("a key set after Clear: %q, %v, %v", v, ok, err)
	}
	f.wantKeys(r, "", `""=2 "a"=2 "b"=2 "\xff\xff"=2`)
	f.check(w.Commit())
	f.wantKeys(r, "", `"b"=new`)
	f.wantKeys(f.s.Contents(1), "", `""=1 "a"=1 "b"=1 "\xff\xff"=1`)
	f.wantKeys(f.s.Contents(3), "", `""=3 "a"=3 "b"=3 "\xff\xff"=3`)
	f.check(w.Clear())
	f.check(w.Set([]byte("z"), nil))
	f.check(w.Clear())
	f.check(w.Commit())
	f.wantKeys(r, "", "")
}

func testClearLastShard(f *fixture) {
	f.init(1)
	c := f.s.Contents(^shard.ID(0))
	f.check(c.Set([]byte("\xff\xff\xff\xff"), nil))
	f.check(c.Commit())
	f.check(c.Set(bytes.Repeat([]byte("\xff"), 100), nil))
	f.check(c.Clear())
	f.check(c.Commit())
	f.wantKeys(c, "", "")
}

func (f *fixture) snapshot(id shard.ID) (from func(above string) string, closeIt func()) {
	f.Helper()
	s, err := f.s.Snapshot(id)
	f.check(err)
	return func(above string) string {
		var all []string
		f.check(s.From([]byte(above), func(key, value []byte) bool {
			have, ok, err := s.Get(key)
			if !ok || err != nil || !bytes.Equal(have, value) {
				f.Errorf("the snapshot has %q as %q, %v, %v, and on a scan as %q", key, have, ok, err, value)
			}
			all = append(all, fmt.Sprintf("%q=%s", key, value))
			return len(all) < 3
		}))
		return strings.Join(all, " ")
	}, func() { f.check(s.Close()) }
}

func testSnapshot(f *fixture) {
	f.init(3)
	for _, id := range []shard.ID{1, 2, 3} {
		c := f.s.Contents(id)
		for _, key := range []string{"a", "a\x00", "b", "b\xff", "\xff\xff"} {
			f.check(c.Set([]byte(key), fmt.Append(nil, id)))
		}
		f.check(c.Commit())
		f.check(c.Set([]byte("c"), []byte("not committed")))
	}
	from, closeIt := f.snapshot(2)
	w := f.s.Contents(2)
	check := func() {
		f.Helper()
		for above, want := range map[string]string{
			"":         `"a"=2 "a\x00"=2 "b"=2`,
			"a":        `"a\x00"=2 "b"=2 "b\xff"=2`,
			"aa":       `"b"=2 "b\xff"=2 "\xff\xff"=2`,
			"b\xff":    `"\xff\xff"=2`,
			"\xff\xff": "",
		} {
			if have := from(above); have != want {
				f.Fatalf("the snapshot holds %s above %q, want %s", have, above, want)
			}
		}
	}
	check()
	f.check(w.Set([]byte("a"), []byte("later")))
	f.check(w.Delete([]byte("b")))
	f.check(w.Commit())
	check()
	f.check(w.Clear())
	f.check(w.Commit())
	check()
	f.check(f.s.Flush())
	check()
	later, closeLater := f.snapshot(2)
	if have := later(""); have != "" {
		f.Fatalf("a snapshot of cleared contents holds %s", have)
	}
	closeLater()
	closeIt()
}

// testSnapshotBesideWrite: a snapshot is one state between two commits, however long it is read.
func testSnapshotBesideWrite(f *fixture) {
	f.init(1)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			s, err := f.s.Snapshot(1)
			if err != nil {
				f.Error(err)
				return
			}
			var seen []string
			for range 3 {
				if err := s.From(nil, func(_, value []byte) bool {
					seen = append(seen, string(value))
					return true
				}); err != nil {
					f.Error(err)
				}
			}
			if err := s.Close(); err != nil || len(slices.Compact(seen)) > 1 {
				f.Errorf("a snapshot beside a writer holds %q, %v", seen, err)
				return
			}
		}
	})
	w := f.s.Contents(1)
	for i := range 200 {
		if i%20 == 0 {
			f.check(w.Clear())
		}
		for _, key := range []string{"k1", "k2", "k3"} {
			f.check(w.Set([]byte(key), fmt.Append(nil, i)))
		}
		f.check(w.Commit())
	}
	close(done)
	wg.Wait()
}

// testFlush: what is flushed needs no replay.
func testFlush(f *fixture) {
	f.init(2)
	for _, h := range f.histories {
		m := f.machine(h.Shard)
		for range 10 {
			f.append(h.Put("key"))
		}
		f.sync()
		f.check(Apply(m, h.Entries))
	}
	f.check(f.s.Flush())
	f.check(f.s.Flush())
	f.crash()
	for id, h := range f.histories {
		if start := f.replicas[id].Start; start != 10 {
			f.Errorf("shard %d: the contents hold the history up to %d after a flush and a crash, want 10", id, start)
		}
		f.checkMachine(h)
	}
	f.checkReplicas()
}
