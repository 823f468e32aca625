package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ringward/ringward/shard"
)

// keys lists what a view of contents holds under a prefix.
func (f *fixture) keys(c shard.Contents, prefix string) string {
	f.Helper()
	var all []string
	f.check(c.Scan([]byte(prefix), func(key, value []byte) error {
		all = append(all, fmt.Sprintf("%q=%s", key, value))
		return nil
	}))
	return strings.Join(all, " ")
}

func (f *fixture) wantKeys(c shard.Contents, prefix, want string) {
	f.Helper()
	if have := f.keys(c, prefix); have != want {
		f.Fatalf("contents under %q are %s, want %s", prefix, have, want)
	}
}

func testContents(f *fixture) {
	f.init(1)
	w, r := f.s.Contents(1), f.s.Contents(1)
	if _, ok, err := w.Get([]byte("a")); ok || err != nil {
		f.Fatalf("a key of new contents: %v, %v", ok, err)
	}
	f.check(w.Commit())
	f.check(w.Set([]byte("a"), []byte("1")))
	f.check(w.Set([]byte("b\x01"), []byte("2")))
	f.check(w.Set([]byte("b\xff\xff"), nil))
	f.check(w.Set([]byte("\xff"), []byte("3")))
	// What was not committed is seen by whoever wrote it, and nobody else.
	f.wantKeys(w, "b", `"b\x01"=2 "b\xff\xff"=`)
	f.wantKeys(r, "", "")
	f.check(w.Commit())
	f.wantKeys(r, "b", `"b\x01"=2 "b\xff\xff"=`)
	f.wantKeys(r, "b\xff", `"b\xff\xff"=`)
	f.wantKeys(r, "\xff", `"\xff"=3`)
	if v, ok, err := r.Get([]byte("b\xff\xff")); !ok || len(v) != 0 || err != nil {
		f.Fatalf("an empty value: %q, %v, %v", v, ok, err)
	}

	f.check(w.Delete([]byte("a")))
	f.check(w.Delete([]byte("never there")))
	f.check(w.Set([]byte("b\x01"), []byte("4")))
	if v, ok, err := w.Get([]byte("b\x01")); !ok || string(v) != "4" || err != nil {
		f.Fatalf("a value before its commit: %q, %v, %v", v, ok, err)
	}
	if v, ok, err := r.Get([]byte("a")); !ok || string(v) != "1" || err != nil {
		f.Fatalf("a key before its delete is committed: %q, %v, %v", v, ok, err)
	}
	f.check(w.Commit())
	f.wantKeys(r, "", `"b\x01"=4 "b\xff\xff"= "\xff"=3`)

	// Keys are the caller's to reuse.
	key := []byte("kk")
	f.check(w.Set(key, []byte("vv")))
	copy(key, "xx")
	f.check(w.Commit())
	f.wantKeys(r, "k", `"kk"=vv`)
	v, _, err := r.Get([]byte("kk"))
	f.check(err)
	copy(v, "zz")
	f.wantKeys(r, "k", `"kk"=vv`)

	stop := fmt.Errorf("stop")
	calls := 0
	if err := r.Scan(nil, func(_, _ []byte) error { calls++; return stop }); err != stop || calls != 1 {
		f.Fatalf("a scan that is stopped: %d calls, %v", calls, err)
	}
	f.check(w.Set([]byte("never committed"), nil))
}

func testContentsOfManyShards(f *fixture) {
	f.init(1)
	ids := []shard.ID{1, 2, 255, 256, 1 << 16, ^shard.ID(0)}
	for _, id := range ids {
		c := f.s.Contents(id)
		f.check(c.Set([]byte("\xff\xff\xff\xff"), fmt.Append(nil, "last of ", id)))
		f.check(c.Set(nil, fmt.Append(nil, "first of ", id)))
		f.check(c.Commit())
	}
	for _, id := range ids {
		f.wantKeys(f.s.Contents(id), "", fmt.Sprintf(`""=first of %d "\xff\xff\xff\xff"=last of %d`, id, id))
	}
	// The node has no log of these shards, so the contents must go before it opens again.
	for _, id := range ids {
		c := f.s.Contents(id)
		f.check(c.Delete([]byte("\xff\xff\xff\xff")))
		f.check(c.Delete(nil))
		f.check(c.Commit())
	}
	f.reopen()
	f.wantKeys(f.s.Contents(255), "", "")
}

// testReadBesideWrite: a reader sees each commit whole.
func testReadBesideWrite(f *fixture) {
	f.init(1)
	const commits = 200
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			c := f.s.Contents(1)
			for {
				select {
				case <-done:
					return
				default:
				}
				var seen []string
				err := c.Scan([]byte("k"), func(_, value []byte) error {
					seen = append(seen, string(value))
					return nil
				})
				if err != nil || len(slices.Compact(seen)) > 1 {
					f.Errorf("a scan beside a writer saw %q, %v", seen, err)
					return
				}
			}
		})
	}
	w := f.s.Contents(1)
	for i := range commits {
		for _, key := range []string{"k1", "k2", "k3"} {
			f.check(w.Set([]byte(key), fmt.Append(nil, i)))
		}
		f.check(w.Commit())
	}
	close(done)
	wg.Wait()
}
