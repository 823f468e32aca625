package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func testIdentity(f *fixture) {
	node := f.s.Node()
	if node == 0 || f.s.Boot() != 1 {
		f.Fatalf("first open: node %v, boot %d: want a node and boot 1", node, f.s.Boot())
	}
	for boot := uint64(2); boot < 6; boot++ {
		if boot%2 == 0 {
			f.reopen()
		} else {
			f.crash()
		}
		if f.s.Node() != node || f.s.Boot() != boot {
			f.Fatalf("node %v, boot %d: want %v, %d", f.s.Node(), f.s.Boot(), node, boot)
		}
	}
}

func testGenesis(f *fixture) {
	if g := f.s.Genesis(); g != nil {
		f.Fatalf("a new directory has genesis %v", g)
	}
	if r := f.s.Replicas(); len(r) != 0 {
		f.Fatalf("a new directory has replicas %v", r)
	}
	f.reopen()
	bad := Genesis("bad", 2, f.s.Node())
	bad.Initial[1].Epoch = 2
	if err := f.s.Init(bad); err == nil {
		f.Fatal("an invalid genesis was accepted")
	}

	// Shard 2 is of other nodes.
	f.genesis = Genesis("ours", 3, f.s.Node(), 7)
	f.genesis.Initial[1].Members = []shard.NodeID{7, 8}
	f.check(f.s.Init(f.genesis))
	f.replicas = f.s.Replicas()
	f.histories = map[shard.ID]*History{}
	for _, i := range []int{0, 2} {
		f.histories[f.genesis.Initial[i].Shard] = NewHistory(f.genesis.Initial[i])
	}
	for name, again := range map[string]func(){"open": func() {}, "reopen": f.reopen, "crash": f.crash} {
		again()
		if g := f.s.Genesis(); g == nil || g.Cluster != "ours" || len(g.Ring) != 3 {
			f.Fatalf("after %s: genesis is %v", name, g)
		}
		f.checkReplicas()
		f.check(f.s.Init(Clone(f.genesis)))
		f.checkReplicas()
		if err := f.s.Init(Genesis("theirs", 3, f.s.Node())); err == nil || !strings.Contains(err.Error(), "ours") || !strings.Contains(err.Error(), "theirs") {
			f.Fatalf("after %s: another genesis: %v: want an error that names both clusters", name, err)
		}
		other := Clone(f.genesis)
		other.Initial[0].Members = []shard.NodeID{f.s.Node()}
		if err := f.s.Init(other); err == nil {
			f.Fatalf("after %s: another genesis under the same name was accepted", name)
		}
	}
}

func testAppendBeforeGenesis(f *fixture) {
	h := NewHistory(shard.Configuration{Shard: 1, Epoch: 1, Members: []shard.NodeID{f.s.Node()}})
	if err := f.s.Append([]shard.Record{h.Put("a")}); err == nil {
		f.Fatal("an entry was accepted before a genesis")
	}
	// The refusal is no failure.
	f.init(1)
	f.append(f.histories[1].Put("a"))
	f.sync()
	f.reopen()
	f.checkReplicas()
}

func testRecords(f *fixture) {
	f.init(2)
	a, b, node := f.histories[1], f.histories[2], f.s.Node()
	// A shard that the genesis did not give to the node begins with a promise.
	c := &History{Shard: 9}
	f.histories[9] = c

	f.append(a.Put("x"), b.Put("y"), a.Put("x"), a.Put("z"))
	f.sync()
	f.append(a.Promise(node), c.Promise(node, 3))
	f.append(a.Activate(1, "i", "j"), a.Put("k"))
	f.append(b.Promise(3), b.Promise(3, node))
	f.sync()
	f.append(b.Activate(1))
	f.append()
	f.append(c.Activate(0), c.Put("l"), c.Put("m"))
	f.sync()
	f.sync()
	for range 3 {
		f.reopen()
		f.checkReplicas()
	}
	f.append(a.Put("more"), c.Put("more"))
	f.sync()
	f.crash()
	f.checkReplicas()
}

// durable returns the state, of those that h went through, that is stored, and fails if it is
// older than the one at synced.
func (f *fixture) durable(states []*History, synced int) int {
	f.Helper()
	stored := f.replicas[states[0].Shard]
	for i := len(states) - 1; i >= synced; i-- {
		if CheckStored(stored, states[i]) == nil {
			return i
		}
	}
	f.Fatalf("what is stored is none of the states since the sync:\n%v", CheckStored(stored, states[synced]))
	return 0
}

func testCrash(f *fixture) {
	f.init(1)
	h := f.histories[1]
	states := []*History{h.Clone()}
	for round := range 5 {
		for range 3 {
			f.append(h.Put("synced"))
			states = append(states, h.Clone())
		}
		f.sync()
		synced := len(states) - 1
		for range round {
			f.append(h.Put("not synced"))
			states = append(states, h.Clone())
		}
		f.crash()
		last := f.durable(states, synced)
		states = states[:last+1]
		h = states[last].Clone()
		f.histories[1] = h
	}
}

func testCrashAfterCrash(f *fixture) {
	f.init(1)
	h := f.histories[1]
	f.append(h.Put("synced"))
	f.sync()
	f.append(h.Clone().Put("perhaps lost"))
	f.crash()
	stored := f.replicas[1]
	// What an open has shown once must not go away at the next.
	f.crash()
	again := f.replicas[1]
	if stored.Last() != again.Last() {
		f.Fatalf("the history went up to %d after one crash and to %d after the next", stored.Last(), again.Last())
	}
}

func testBrokenHistory(f *fixture) {
	f.init(2)
	h := f.histories[1]
	f.append(h.Put("a"))
	f.sync()
	for name, make := range map[string]func() shard.Record{
		"gap": func() shard.Record { c := h.Clone(); c.Put("b"); return c.Put("c") },
		"twice": func() shard.Record {
			return shard.Record{Shard: 1, Kind: shard.RecordEntry, Entry: h.Entries[0]}
		},
		"another's":   func() shard.Record { r := f.histories[2].Clone().Promise(5); r.Shard = 1; return r },
		"unknown":     func() shard.Record { r := h.Clone().Put("b"); r.Shard = 5; return r },
		"cut too far": func() shard.Record { r := h.Clone().Again(1); r.Cut = 2; return r },
		"epoch 0":     func() shard.Record { c := h.Clone(); c.Active, c.Lineage = 0, nil; return c.Put("b") },
		"no kind":     func() shard.Record { return shard.Record{Shard: 1} },
	} {
		f.Run(name, func(t *testing.T) {
			if err := f.s.Append([]shard.Record{make()}); err == nil {
				t.Fatal("accepted a record that does not continue the history")
			}
			// What was refused may fail the store, and must not be stored.
			f.dir.Crash()
			f.open()
			f.checkReplicas()
		})
	}
}

func testFailsForGood(f *fixture) {
	f.init(1)
	h := f.histories[1]
	good := h.Clone().Put("good")
	bad := h.Clone()
	bad.Put("left out")
	if err := f.s.Append([]shard.Record{bad.Put("bad")}); err == nil {
		f.Fatal("a gap was accepted")
	}
	if err := f.s.Append([]shard.Record{good}); err == nil {
		f.Error("Append works after a failed Append")
	}
	if err := f.s.Sync(); err == nil {
		f.Error("Sync works after a failed Append")
	}
	if _, err := f.s.Trim(); err == nil {
		f.Error("Trim works after a failed Append")
	}
	if err := f.s.Flush(); err == nil {
		f.Error("Flush works after a failed Append")
	}
	if _, err := f.s.Snapshot(1); err == nil {
		f.Error("Snapshot works after a failed Append")
	}
	f.crash()
	f.append(h.Put("good"))
	f.sync()
	f.reopen()
	f.checkReplicas()
}

// testReplay: what is applied is not stored again, and the rest makes the same contents.
func testReplay(f *fixture) {
	f.init(2)
	for id, h := range f.histories {
		m := f.machine(id)
		for i := range 20 {
			f.append(h.Put(fmt.Sprint("key ", i%7)))
		}
		f.sync()
		f.check(Apply(m, h.Entries[:10+id]))
	}
	f.reopen()
	for id, h := range f.histories {
		if start := f.replicas[id].Start; start != shard.Seqno(10+id) {
			f.Errorf("shard %d: entries are stored from %d on, want from %d, where the contents end", id, start, 10+id)
		}
		f.checkMachine(h)
	}
	f.checkReplicas()
}

func testCrashWhileApplying(f *fixture) {
	f.init(3)
	for round := range 4 {
		for id, h := range f.histories {
			m := f.checkMachine(h)
			from := h.Last()
			for i := range 20 {
				f.append(h.Put(fmt.Sprint("key ", i%5)))
			}
			f.sync()
			f.check(Apply(m, h.Entries[from:from+shard.Seqno(round)*5]))
			if id == 2 {
				_, err := f.s.Trim()
				f.check(err)
			}
		}
		f.crash()
		f.checkReplicas()
	}
	for _, h := range f.histories {
		f.checkMachine(h)
	}
}

var _ testing.TB = (*fixture)(nil)
