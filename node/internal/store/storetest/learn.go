package storetest

import (
	"fmt"

	"github.com/ringward/ringward/shard"
)

// initBeside makes the node a member of shards 1 and 3, of a ring of three.
func (f *fixture) initBeside() {
	f.Helper()
	f.genesis = Genesis("test", 3, f.s.Node())
	f.genesis.Initial[1].Members = []shard.NodeID{7, 8}
	f.check(f.s.Init(f.genesis))
	f.replicas = f.s.Replicas()
	f.histories = map[shard.ID]*History{1: NewHistory(f.genesis.Initial[0]), 3: NewHistory(f.genesis.Initial[2])}
}

// testLearner: a replica that came later is there again, with all that a record may do to it.
func testLearner(f *fixture) {
	f.initBeside()
	a, h := f.histories[1], &History{Shard: 2}
	again := func() {
		f.Helper()
		f.sync()
		for range 2 {
			f.crash()
			f.checkReplicas()
			f.checkMachine(a)
			f.checkMachine(h)
		}
		f.reopen()
		f.checkReplicas()
		f.checkMachine(a)
	}
	for range 20 {
		f.append(a.Put("a"))
	}
	f.sync()
	f.apply(a, a.Last())
	f.append(h.Promise(7, 8))
	f.histories[2] = h
	again()
	f.append(h.GiveUp())
	again()
	f.take(1, 2)
	f.check(f.s.Flush())
	f.append(h.Begin(a))
	again()
	f.append(h.Put("b"), h.Put("c"), h.Put("void"))
	f.append(h.Follow(h.Last()-1, "d", "e"))
	again()
	f.append(h.Promise(7, 8, f.s.Node()), h.Put("f"))
	f.append(h.Activate(h.Last()))
	again()
	f.append(h.Put("g"), h.Promise(7), h.GiveUp())
	again()
}

// take brings what one shard's contents hold into those of another.
func (f *fixture) take(from, to shard.ID) {
	f.Helper()
	s, err := f.s.Snapshot(from)
	f.check(err)
	m := f.machine(to)
	f.check(m.Clear())
	f.check(Take(s, m, 30, func(bool) error { return nil }))
	f.check(s.Close())
}

// testTakeInterrupted crashes after each of the steps in which a replica takes in a snapshot, and goes on from there.
func testTakeInterrupted(f *fixture) {
	f.initBeside()
	donor, h := f.histories[1], f.histories[3]
	for i := range 20 {
		f.append(donor.Put(fmt.Sprint("new ", i%7)), h.Put(fmt.Sprint("old ", i)))
	}
	f.sync()
	f.apply(donor, donor.Last())
	stages := []string{"given up", "cleared", "a part", "all parts", "flushed", "begun", "more"}
	for stage, name := range stages {
		f.apply(h, h.Last())
		f.check(f.s.Flush())
		f.append(h.GiveUp())
		f.sync()
		if stage >= 1 {
			f.check(f.machine(3).Clear())
		}
		if stage >= 2 {
			s, err := f.s.Snapshot(1)
			f.check(err)
			stop := fmt.Errorf("stop")
			m := f.machine(3)
			if err := Take(s, m, 30, func(more bool) error {
				if stage == 2 {
					return stop
				}
				return nil
			}); err != nil && err != stop {
				f.Fatal(err)
			}
			f.check(s.Close())
		}
		if stage >= 4 {
			f.check(f.s.Flush())
		}
		if stage >= 5 {
			f.append(h.Begin(donor))
			f.sync()
		}
		if stage >= 6 {
			f.append(h.Put("more"))
			f.sync()
			f.apply(h, h.Last())
		}
		for range 2 {
			f.crash()
			if void := f.replicas[3].Void(); void != (stage < 5) {
				f.Fatalf("crash with a snapshot that is %s: the replica is void: %v", name, void)
			}
			f.checkReplicas()
			f.checkMachine(donor)
			f.checkMachine(h)
		}
		if h.Void() {
			f.take(1, 3)
			f.check(f.s.Flush())
			f.append(h.Begin(donor))
			f.sync()
		}
		f.append(h.Put(fmt.Sprint("round ", stage)))
		f.sync()
		f.reopen()
		f.checkReplicas()
		f.checkMachine(h)
	}
}

// testTakeBesideTrim: what a replica gave up holds nothing, and Trim takes nothing that is needed, while a snapshot is taken in.
func testTakeBesideTrim(f *fixture) {
	f.initBeside()
	donor, h := f.histories[1], f.histories[3]
	trim := func() {
		f.Helper()
		_, err := f.s.Trim()
		f.check(err)
	}
	fill := func() { f.fill(donor, f.machine(1), trimSize) }
	f.append(h.Put("applied"), h.Put("not applied"))
	f.sync()
	f.apply(h, 1)
	fill()
	f.trim(3)
	f.append(h.GiveUp())
	trim()
	f.sync()
	f.trim()
	f.wantLogBytes(1, trimSize/2)
	fill()
	s, err := f.s.Snapshot(1)
	f.check(err)
	at := donor.Clone()
	m := f.machine(3)
	f.check(m.Clear())
	trim()
	f.check(Take(s, m, 500, func(bool) error {
		f.fill(donor, f.machine(1), trimSize/10)
		trim()
		return nil
	}))
	f.check(s.Close())
	f.check(f.s.Flush())
	f.append(h.Begin(at))
	f.sync()
	fill()
	f.trim()
	f.append(h.Put("more"))
	f.sync()
	fill()
	f.trim(3)
	f.crash()
	f.checkReplicas()
	f.checkMachine(donor)
	f.checkMachine(h)
}

// testTrimHeldByLearner: a replica that was never active frees the log as others do.
func testTrimHeldByLearner(f *fixture) {
	f.initBeside()
	donor, h := f.histories[1], &History{Shard: 2}
	f.append(donor.Put("first"))
	f.sync()
	f.apply(donor, 1)
	f.append(h.Promise(7, 8), h.GiveUp())
	f.histories[2] = h
	f.sync()
	f.take(1, 2)
	f.check(f.s.Flush())
	f.append(h.Begin(donor), h.Put("applied"), h.Put("not applied"))
	f.sync()
	apply := func() { f.check(Apply(f.machine(2), h.Entries[:1])) }
	apply()
	f.fill(donor, f.machine(1), trimSize)
	f.trim(2)
	for range 2 {
		f.append(h.Again(2))
		f.sync()
		_, err := f.s.Trim()
		f.check(err)
		f.fill(donor, f.machine(1), trimSize/4)
	}
	f.append(h.Again(2))
	f.sync()
	_, err := f.s.Trim()
	f.check(err)
	f.wantLogBytes(1, trimSize)
	f.crash()
	f.checkReplicas()
	f.checkMachine(h)
	f.checkMachine(donor)
}
