package crashfs

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var errDisk = errors.New("the disk is broken")

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, f *FS, name string) vfs.File {
	t.Helper()
	h, err := f.Create(name, vfs.WriteCategoryUnspecified)
	check(t, err)
	return h
}

func write(t *testing.T, h vfs.File, b []byte) {
	t.Helper()
	_, err := h.Write(b)
	check(t, err)
}

func syncDir(t *testing.T, f *FS, name string) {
	t.Helper()
	d, err := f.OpenDir(name)
	check(t, err)
	check(t, d.Sync())
}

func read(t *testing.T, f *FS, name string) []byte {
	t.Helper()
	h, err := f.Open(name)
	check(t, err)
	b, err := io.ReadAll(h)
	check(t, err)
	return b
}

// begin makes a file with two sectors that are synced, and two and a half behind them that are not.
func begin(t *testing.T) (f *FS, h vfs.File, synced, all []byte) {
	t.Helper()
	f = New()
	h = create(t, f, "/a")
	synced = bytes.Repeat([]byte("s"), 2*sector)
	write(t, h, synced)
	check(t, h.Sync())
	syncDir(t, f, "/")
	behind := bytes.Repeat([]byte("u"), 2*sector+sector/2)
	write(t, h, behind)
	return f, h, synced, slices.Concat(synced, behind)
}

// TestCrash: what was synced survives, and behind it what each way may keep, with all the kinds of outcome that it has.
func TestCrash(t *testing.T) {
	f, _, synced, all := begin(t)
	outcomes := map[Kept]map[string]bool{}
	for kept := range KeptWays {
		outcomes[kept] = map[string]bool{}
		for seed := range uint64(300) {
			got := read(t, f.Crash(seed, kept), "/a")
			outcomes[kept][string(got)] = true
			if !bytes.HasPrefix(got, synced) {
				t.Fatalf("kept %d, seed %d: what was synced is gone", kept, seed)
			}
			if kept == FirstPart && !bytes.HasPrefix(all, got) {
				t.Fatalf("seed %d kept no first part", seed)
			}
			if again := read(t, f.Crash(seed, kept), "/a"); !bytes.Equal(again, got) {
				t.Fatalf("kept %d, seed %d kept this and that", kept, seed)
			}
		}
	}
	if n := outcomes[Nothing]; len(n) != 1 || !n[string(synced)] {
		t.Error("Nothing kept something")
	}
	if n := outcomes[Everything]; len(n) != 1 || !n[string(all)] {
		t.Error("Everything did not keep everything")
	}
	if n := len(outcomes[FirstPart]); n < 100 {
		t.Errorf("%d first parts were kept, want ones cut anywhere", n)
	}
	hole := slices.Concat(synced, make([]byte, sector), all[3*sector:4*sector])
	if n := outcomes[AnyPart]; len(n) != 8 || !n[string(hole)] {
		t.Errorf("%d parts were kept, want the 8 that three sectors can make, one with a hole", len(n))
	}
	if got := read(t, f.Copy(), "/a"); !bytes.Equal(got, all) {
		t.Error("the death of a process took something from a file")
	}
}

// TestFailedSync: what it did not bring to disk no later sync brings there, until it is written again.
func TestFailedSync(t *testing.T) {
	f, h, synced, all := begin(t)
	lost := 0
	for seed := range uint64(50) {
		c := f.Copy()
		h, err := c.OpenReadWrite("/a", vfs.WriteCategoryUnspecified)
		check(t, err)
		c.Fault(seed, func(op Op, name string) error {
			if op == Sync {
				return errDisk
			}
			return nil
		})
		if err := h.Sync(); !errors.Is(err, errDisk) {
			t.Fatalf("got %v from a sync that fails", err)
		}
		c.Fault(0, nil)
		check(t, h.Sync())
		if got := read(t, c, "/a"); !bytes.Equal(got, all) {
			t.Fatal("reading shows no longer what was written")
		}
		got := read(t, c.Crash(seed, Nothing), "/a")
		if !bytes.HasPrefix(got, synced) || len(got) != len(all) {
			t.Fatal("what was synced before is gone, or the size")
		}
		if !bytes.Equal(got, all) {
			lost++
		}
		_, err = h.WriteAt(slices.Clone(all), 0)
		check(t, err)
		check(t, h.Sync())
		if got := read(t, c.Crash(seed, Nothing), "/a"); !bytes.Equal(got, all) {
			t.Fatal("what was written again and synced is not there")
		}
	}
	if lost == 0 || lost == 50 {
		t.Errorf("of 50 failed syncs %d lost something, want some", lost)
	}
	check(t, h.Sync())
	if got := read(t, f.Crash(1, Nothing), "/a"); !bytes.Equal(got, all) {
		t.Error("a sync that works does not bring to disk what was written")
	}
}

// TestNames: a rename is there or not, never half; without a sync of the directory, it may be either.
func TestNames(t *testing.T) {
	f, _, _, _ := begin(t)
	check(t, f.Rename("/a", "/b"))
	create(t, f, "/c")
	got := map[string]int{}
	for kept := range KeptWays {
		for seed := range uint64(100) {
			names, err := f.Crash(seed, kept).List("/")
			check(t, err)
			all := ""
			for _, n := range names {
				all += n
			}
			got[all]++
		}
	}
	// "ac": the later change is kept and the earlier is not.
	for _, want := range []string{"a", "b", "bc", "ac"} {
		if got[want] == 0 {
			t.Errorf("the names %q are never left, want each of a, b, bc and ac: %v", want, got)
		}
		delete(got, want)
	}
	if len(got) > 0 {
		t.Errorf("the names %v are left, and cannot be", got)
	}
	syncDir(t, f, "/")
	if names, _ := f.Crash(1, Nothing).List("/"); !slices.Equal(names, []string{"b", "c"}) {
		t.Errorf("the names %v are left after a sync, want b and c", names)
	}
}

// TestFailedWrite: a first part of it may be there.
func TestFailedWrite(t *testing.T) {
	f, _, _, all := begin(t)
	lengths := map[int]bool{}
	for seed := range uint64(50) {
		c := f.Copy()
		c.Fault(seed, func(op Op, name string) error {
			if op == Write && name == "/a" {
				return errDisk
			}
			return nil
		})
		h, err := c.OpenReadWrite("/a", vfs.WriteCategoryUnspecified)
		check(t, err)
		n, err := h.WriteAt([]byte("0123456789"), int64(len(all)))
		if !errors.Is(err, errDisk) {
			t.Fatalf("got %v from a write that fails", err)
		}
		if got := read(t, c, "/a"); len(got) != len(all)+n {
			t.Fatalf("the write says %d bytes and the file grew by %d", n, len(got)-len(all))
		}
		lengths[n] = true
	}
	if len(lengths) < 5 {
		t.Errorf("failed writes leave %v bytes, want any number up to 10", lengths)
	}
}

// TestFlip: exactly one bit is another, on disk as well.
func TestFlip(t *testing.T) {
	f, h, _, all := begin(t)
	check(t, h.Sync())
	create(t, f, "/empty")
	name, at, ok := f.Flip(rand.New(rand.NewPCG(1, 1)), "/")
	if !ok || name != "/a" {
		t.Fatalf("flipped %q, %v, want /a", name, ok)
	}
	for _, got := range [][]byte{read(t, f, "/a"), read(t, f.Crash(1, Nothing), "/a")} {
		if d := got[at] ^ all[at]; d == 0 || d&(d-1) != 0 {
			t.Errorf("byte %d differs by %08b, want one bit", at, d)
		}
		got[at] = all[at]
		if !bytes.Equal(got, all) {
			t.Error("another byte differs")
		}
	}
	if _, _, ok := f.Flip(rand.New(rand.NewPCG(1, 1)), "/none"); ok {
		t.Error("flipped a bit of a file that is not there")
	}
}
