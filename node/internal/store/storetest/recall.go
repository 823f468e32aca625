package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringward/ringward/shard"
)

// recall reads all entries of h above after, in parts of size bytes, and compares them with what they should be. It
// reports whether the log holds them.
func (f *fixture) recall(h *History, after shard.Seqno, size int) bool {
	f.Helper()
	for at := after; at < h.Last(); {
		entries, err := f.s.Recall(h.Shard, at, h.Last(), h.Lineage, size)
		f.check(err)
		if len(entries) == 0 {
			if at > after {
				f.Fatalf("shard %d: the log holds the entries above %d, and not those above %d", h.Shard, after, at)
			}
			return false
		}
		bytes := 0
		for i, e := range entries {
			at++
			if at > h.Last() || !slices.Equal(e, h.Entries[at-h.Start-1]) {
				f.Fatalf("shard %d: the log has %d/%d %x at %d, want %q", h.Shard, e.Epoch(), e.Seqno(), e.Hash(), at, h.Entries[min(at, h.Last())-h.Start-1].Command())
			}
			if bytes += len(e); i > 0 && bytes > size {
				f.Fatalf("shard %d: %d entries of %d bytes come where %d bytes are wanted", h.Shard, len(entries), bytes, size)
			}
		}
	}
	return true
}

// recallable checks what can be read of h, from every position and in parts of every size, and returns the position above which
// all of it can.
func (f *fixture) recallable(h *History) (floor shard.Seqno) {
	f.Helper()
	floor = h.Last()
	for after, gone := h.Last(), false; after > h.Start; {
		after--
		switch holds := f.recall(h, after, []int{1, 700, 1 << 20}[after%3]); {
		case holds && gone:
			f.Fatalf("shard %d: the log holds the entries above %d, and not all of those above %d", h.Shard, after, floor)
		case holds:
			floor = after
		default:
			gone = true
		}
	}
	return floor
}

func (f *fixture) wantRecallable(h *History, floor shard.Seqno) {
	f.Helper()
	if have := f.recallable(h); have != floor {
		f.Fatalf("shard %d: what is above %d can be read, want %d", h.Shard, have, floor)
	}
}

// testRecall: the log gives back the history as it is, and nothing of what was cut, whatever stands in it.
func testRecall(f *fixture) {
	f.init(2)
	a, b := f.histories[1], f.histories[2]
	long := strings.Repeat("long ", 300)
	again := func() {
		f.Helper()
		f.sync()
		f.wantRecallable(a, 0)
		f.wantRecallable(b, 0)
		f.crash()
		f.wantRecallable(a, 0)
		f.wantRecallable(b, 0)
	}
	again()
	for i := range 30 {
		f.append(a.Put(fmt.Sprint(i)), a.PutValue(fmt.Sprint(i), long), b.PutValue("b", long))
	}
	again()
	// Cut in this segment, and in earlier ones; and with entries that are inherited.
	f.append(a.Put("void"), a.Put("void"), a.Promise(f.s.Node()), a.Activate(a.Last()-1))
	for i := range 25 {
		f.append(a.PutValue(fmt.Sprint(i), long))
	}
	again()
	f.append(a.Promise(f.s.Node()), a.Activate(a.Last()-20), a.Put("k"), b.Promise(f.s.Node()), b.Activate(b.Last(), "l", "l"))
	again()
	for range 30 {
		f.append(a.PutValue("m", long), b.Put("n"))
	}
	f.append(a.Follow(a.Last(), "o", "p"), b.Again(b.Last()-3))
	again()
	f.append(a.Put("q"), b.Put("r"))
	again()
}

// testRecallTrimmed: what Trim leaves can be read, and where a history has begun anew, nothing from before.
func testRecallTrimmed(f *fixture) {
	f.initBeside()
	a, h := f.histories[1], f.histories[3]
	m := f.machine(1)
	f.append(h.Put("early"))
	f.sync()
	f.apply(h, h.Last())
	for range 3 {
		f.fill(a, m, trimSize)
		f.trim()
		if floor := f.recallable(a); floor == 0 || floor == a.Last() {
			f.Fatalf("what is above %d of %d can be read after the trimming", floor, a.Last())
		}
		if f.recall(h, 0, 1<<20) {
			f.Fatal("what was trimmed can be read")
		}
		f.crash()
		m = f.checkMachine(a)
	}
	f.append(h.Put("g"), h.Put("h"), h.GiveUp())
	f.sync()
	f.take(1, 3)
	f.check(f.s.Flush())
	f.append(h.Begin(a))
	f.sync()
	begun := h.Last()
	for range 2 {
		f.append(h.Put("after"), h.Put("after"))
		f.sync()
		f.wantRecallable(h, begun)
		if entries, err := f.s.Recall(3, 1, begun, h.Lineage, 1<<20); len(entries) > 0 || err != nil {
			f.Fatalf("of a history that was given up, %d entries can be read, %v", len(entries), err)
		}
		f.crash()
		f.wantRecallable(h, begun)
	}
}

// testRecallBesideTrim reads while others write and trim.
func testRecallBesideTrim(f *fixture) {
	f.init(2)
	a, m := f.histories[1], f.machine(1)
	f.fill(a, m, 1)
	due, stopped := make(chan *History, 1), make(chan error, 1)
	go func() {
		read := 0
		for h := range due {
			read = 0
			for after := shard.Seqno(0); after < h.Last(); after++ {
				entries, err := f.s.Recall(1, after, h.Last(), h.Lineage, 2000)
				if err != nil {
					stopped <- err
					return
				}
				for i, e := range entries {
					if want := h.Entries[int(after)+i]; !slices.Equal(e, want) {
						stopped <- fmt.Errorf("the log has %d/%d at %d", e.Epoch(), e.Seqno(), want.Seqno())
						return
					}
				}
				read += len(entries)
			}
		}
		// The last was read when nobody trimmed any more; all that those before hold may have gone meanwhile.
		if read == 0 {
			stopped <- fmt.Errorf("nothing can be read")
			return
		}
		stopped <- nil
	}()
	for range 10 {
		f.fill(a, m, trimSize/10)
		select {
		case due <- a.Clone():
		default: // it is still busy
		}
		_, err := f.s.Trim()
		f.check(err)
	}
	select {
	case due <- a.Clone():
	case err := <-stopped:
		f.Fatal(err)
	}
	close(due)
	f.check(<-stopped)
}
