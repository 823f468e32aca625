package storetest

import (
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Clone is a copy of a genesis that shares nothing with it.
func Clone(g *sequencer.Genesis) *sequencer.Genesis {
	c := &sequencer.Genesis{Cluster: g.Cluster, Ring: slices.Clone(g.Ring), Initial: slices.Clone(g.Initial)}
	for i := range c.Initial {
		c.Initial[i].Members = slices.Clone(c.Initial[i].Members)
	}
	return c
}

// trimSize is how much the tests of Trim write, in bytes.
const trimSize = 100 << 10

func (f *fixture) trim(held ...shard.ID) {
	f.Helper()
	have, err := f.s.Trim()
	f.check(err)
	if !slices.Equal(have, held) {
		f.Fatalf("the log is held by shards %v, want %v", have, held)
	}
}

func (f *fixture) wantLogBytes(atLeast, below int64) {
	f.Helper()
	if n := f.s.LogBytes(); n < atLeast || n >= below {
		f.Fatalf("the log has %d bytes, want %d to %d", n, atLeast, below)
	}
}

func testTrim(f *fixture) {
	f.trim()
	f.init(2)
	f.trim()
	a, b := f.histories[1], f.histories[2]
	m := f.machine(1)
	for round := range 3 {
		// What is said of a ruling outlasts the segment in which it was said.
		f.append(b.Rule(uint64(round+1), 3, []shard.NodeID{7, 8}[:round%2]...))
		f.fill(a, m, trimSize)
		f.append(b.Put("applied at once"))
		f.sync()
		f.apply(b, b.Last())
		f.wantLogBytes(trimSize, 2*trimSize)
		f.trim()
		f.wantLogBytes(1, trimSize/2)
		f.crash()
		f.checkReplicas()
		f.checkMachine(b)
		m = f.checkMachine(a)
	}
}

// testTrimHeld: a shard that does not apply holds the log until it writes its entries again.
func testTrimHeld(f *fixture) {
	f.init(3)
	a, b := f.histories[1], f.histories[2]
	f.append(b.Put("applied"), b.Put("not applied"), b.Put("not applied either"))
	f.sync()
	f.apply(b, 1)
	f.fill(a, f.machine(1), trimSize)
	f.trim(2)
	f.wantLogBytes(trimSize, 2*trimSize)
	f.crash()
	f.checkReplicas()
	f.checkMachine(a)

	f.apply(b, 1)
	m := f.machine(1)
	f.append(b.Again(1))
	f.sync()
	f.fill(a, m, trimSize)
	f.trim(2)
	f.wantLogBytes(trimSize, 3*trimSize/2)
	f.crash()
	f.checkReplicas()

	// Again and again, with little between: then the log stays short.
	f.checkMachine(a)
	f.apply(b, 1)
	f.append(b.Again(1))
	f.sync()
	_, err := f.s.Trim()
	f.check(err)
	f.wantLogBytes(1, trimSize/2)
	f.crash()
	f.checkReplicas()
	f.checkMachine(b)
}

// testTrimAfterCut: void entries hold nothing, but only once what made them void is durable.
func testTrimAfterCut(f *fixture) {
	f.init(2)
	a, b := f.histories[1], f.histories[2]
	f.append(b.Put("applied"), b.Put("void"), b.Put("void"))
	f.sync()
	f.apply(b, 1)
	f.fill(a, f.machine(1), trimSize)
	before := b.Clone()
	f.append(b.Promise(f.s.Node()), b.Activate(1))
	if _, err := f.s.Trim(); err != nil {
		f.Fatal(err)
	}
	f.crash()
	if stored := f.replicas[2]; CheckStored(stored, b) != nil {
		// The promise may have come through alone.
		if stored.Last() != before.Last() {
			f.Fatalf("void entries went before the cut was durable: the history ends at %d, want %d", stored.Last(), before.Last())
		}
		b = before
		b.Stored.Chain = stored.Chain
		f.histories[2] = b
		if len(stored.Chain) == 1 {
			f.append(b.Promise(f.s.Node()))
		}
		f.append(b.Activate(1))
	}
	f.sync()
	f.apply(b, 1)
	f.fill(a, f.apply(a, a.Last()), trimSize)
	f.trim()
	f.wantLogBytes(1, trimSize/2)
	f.crash()
	f.checkReplicas()
}

// apply brings the contents of h up to a position, from wherever they are: a crash may have
// taken them back.
func (f *fixture) apply(h *History, upTo shard.Seqno) *shard.Machine {
	f.Helper()
	m := f.machine(h.Shard)
	applied, _ := m.Applied()
	f.check(Apply(m, h.Entries[applied-h.Start:max(applied, upTo)-h.Start]))
	return m
}

// testTrimInherited: an activation makes older entries void, and not those that it brings.
func testTrimInherited(f *fixture) {
	f.init(1)
	h := f.histories[1]
	f.append(h.Put("applied"), h.Put("void"), h.Promise(f.s.Node()), h.Activate(1, "i", "j"))
	f.sync()
	f.apply(h, 1)
	for range 3 {
		f.reopen()
		f.checkReplicas()
		_, err := f.s.Trim()
		f.check(err)
	}
	f.checkMachine(h)
}

func testTrimBesideAppend(f *fixture) {
	f.besideAppend(func() error {
		_, err := f.s.Trim()
		return err
	})
}

// testPrepareBesideAppend prepares files while others are taken, and while dropped ones come along.
func testPrepareBesideAppend(f *fixture) {
	f.besideAppend(func() error {
		_, err := f.s.Trim()
		return err
	}, func() error {
		for f.s.Unprepared() {
			if err := f.s.Prepare(); err != nil {
				return err
			}
		}
		return nil
	})
}

// besideAppend calls each of these again and again in a goroutine of its own while the log grows.
func (f *fixture) besideAppend(calls ...func() error) {
	f.Helper()
	f.init(2)
	due, stopped := make(chan struct{}, len(calls)), make(chan error, len(calls))
	for _, call := range calls {
		go func() {
			for range due {
				if err := call(); err != nil {
					stopped <- err
					return
				}
			}
			stopped <- nil
		}()
	}
	a, b := f.histories[1], f.histories[2]
	m := f.machine(1)
	for range 10 {
		f.fill(a, m, trimSize/10)
		f.append(b.Put("applied at the end"))
		for range calls {
			select {
			case due <- struct{}{}:
			default: // they are still busy
			}
		}
	}
	f.sync()
	close(due)
	for range calls {
		f.check(<-stopped)
	}
	f.crash()
	f.checkReplicas()
	f.checkMachine(a)
	f.checkMachine(b)
}
