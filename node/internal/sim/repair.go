package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Repair is an experiment: of a ring at rest, nodes die at the same moment, and everybody learns so one message later. How long
// does it take until all shards that lost a member are ACTIVE without it? Nothing else goes wrong, and each message and each
// fsync takes as long as any other, so the answer is about the order of steps alone.
type Repair struct {
	Nodes, Shards, Replicas int
	Lost                    int // nodes
	Times                   int // so many choices of them
}

// What messages and fsyncs take there, and how often it is looked.
const (
	repairWay   = 10 * tick / 1000 // 0.5 ms
	repairFsync = 20 * tick / 1000 // 1 ms
	repairLook  = 2 * tick / 1000
	repairMost  = 1000 * tick
)

// RepairFigures are what came of it.
type RepairFigures struct {
	Repair
	Losable int // nodes, whichever they are, that the placement can do without
	// LongestRun is of neighbours in the ring that lost a member, the longest of all times; Damaged is how many shards did, at most.
	LongestRun, Damaged int
	// Median is of the times until the last shard was repaired, Worst the longest.
	Median, Worst time.Duration
}

// Run does it.
func (r Repair) Run() (RepairFigures, error) {
	f := RepairFigures{Repair: r}
	var took []moment
	for i := range r.Times {
		w, err := r.world(uint64(i + 1))
		if err != nil {
			return f, err
		}
		f.Losable = min(r.Replicas-1, sequencer.Cover(w.genesis.Initial))
		if f.Lost == 0 {
			f.Lost, r.Lost = f.Losable, f.Losable
		}
		t, err := r.once(w, &f)
		if err != nil {
			return f, fmt.Errorf("%d nodes, %d shards, %d replicas, %d lost, for the %d. time: %w", r.Nodes, r.Shards, r.Replicas, r.Lost, i+1, err)
		}
		took = append(took, t)
	}
	slices.Sort(took)
	real := func(t moment) time.Duration { return time.Duration(t) * Tick / time.Duration(tick) }
	f.Median, f.Worst = real(took[len(took)/2]), real(took[len(took)-1])
	return f, nil
}

// world is one in which nothing goes wrong by itself.
func (r Repair) world(seed uint64) (*world, error) {
	p := plan{
		nodes: r.Nodes, shards: r.Shards, replicas: r.Replicas, placed: true,
		suspectTicks: 1000, graceTicks: 1000, reportTicks: 100, sessionTicks: 100000,
		messageBytes: 1 << 20, inFlightBytes: 1 << 20, waitingReads: 1000, segmentBytes: 1 << 20, partBytes: 1 << 20, honestTicks: true,
		network: between{repairWay, repairWay}, fsync: between{repairFsync, repairFsync}, apply: between{1, 1}, turn: between{0, 0},
		groupCommit: true, flushEvery: 1000 * tick, keys: 1, pipeline: 1, rest: tick, patience: tick, faultsEnd: forEver, calmWithin: forEver,
	}
	return newWorldOf(p, newSources(seed), Options{Seed: seed})
}

// once lets the nodes die, and returns when the last shard was repaired.
func (r Repair) once(w *world, f *RepairFigures) (moment, error) {
	defer func() {
		for _, n := range w.nodes {
			n.disk.storage.close()
		}
	}()
	for _, n := range w.nodes {
		n.boot()
	}
	w.advance(func() bool { return w.now > 4*tick })
	lost := w.choose(r.Lost, w.random.faults)
	if lost == nil {
		return 0, fmt.Errorf("no such choice leaves the ring a way to repair itself")
	}
	died := w.now
	var damaged []shard.Configuration
	run := 0
	for i := range 2 * r.Shards { // twice around: a run may cross the seam
		c := w.genesis.Initial[i%r.Shards]
		if slices.ContainsFunc(lost, c.Has) {
			run++
			f.LongestRun = max(f.LongestRun, min(run, r.Shards))
			if i < r.Shards {
				damaged = append(damaged, c)
			}
			continue
		}
		run = 0
	}
	f.Damaged = max(f.Damaged, len(damaged))
	for _, id := range lost {
		w.node(id).crash()
	}
	w.after(repairWay, func() {
		for _, n := range w.nodes {
			if n.up {
				n.take(func() { n.host.Lost(lost) })
			}
		}
	})
	var next moment
	w.advance(func() bool {
		if w.now < next {
			return false
		}
		next = w.now + repairLook
		damaged = slices.DeleteFunc(damaged, func(c shard.Configuration) bool { return w.repaired(c.Shard) })
		return len(damaged) == 0 || w.now-died > repairMost
	})
	switch {
	case w.failure != nil:
		return 0, w.failure
	case len(damaged) > 0:
		return 0, fmt.Errorf("shard %d and %d more are not repaired after %v ticks", damaged[0].Shard, len(damaged)-1, repairMost.ticks())
	}
	return w.now - died, nil
}

// advance lives until something is so, or fails.
func (w *world) advance(until func() bool) {
	for w.failure == nil && !until() {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		w.steps++
		e.do()
		if v := w.check.Violation(); v != nil {
			w.fail(v.Invariant, v.Shard, "%s", v.Reason)
		}
	}
}

// repaired reports whether all members of the newest configuration are up, and ACTIVE in it.
func (w *world) repaired(id shard.ID) bool {
	epoch, members := w.check.Newest(id)
	for _, m := range members {
		n := w.node(m)
		if !n.up {
			return false
		}
		if s := w.standing(n, id); s == nil || s.State != shard.Active || s.Configuration.Epoch != epoch {
			return false
		}
	}
	return true
}

// choose picks nodes whose loss leaves the ring a way to repair itself; nil where none was found.
func (w *world) choose(count int, r *rand.Rand) []shard.NodeID {
	for range 1000 {
		var lost []shard.NodeID
		for _, i := range r.Perm(len(w.nodes))[:count] {
			w.nodes[i].lost = true
			lost = append(lost, w.nodes[i].id)
		}
		ok := w.faults.repairable()
		for _, id := range lost {
			w.node(id).lost = false
		}
		if ok {
			return lost
		}
	}
	return nil
}
