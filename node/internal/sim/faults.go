package sim

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// faults make things go wrong, each kind at its own rate, until it is the time for calm.
type faults struct {
	w *world
	// healing holds what takes back each cut of the network; nil where that was done.
	healing []func()

	occurrences int           // so far
	counts      [Families]int // of those that took place
	happened    []Fault
	skip        Occurrences // do not take place
}

func newFaults(w *world, skip Occurrences) *faults { return &faults{w: w, skip: skip} }

// begin plans the first of each kind.
func (f *faults) begin() {
	for _, k := range []struct {
		kind   Family
		happen func()
	}{
		{Crash, f.crash}, {CrashAll, f.crashAll}, {Pause, f.pause}, {Partition, f.partition}, {OneWay, f.oneWay}, {LeaveBehind, f.leaveBehind},
		{SlowWay, f.slowWay}, {Reset, f.reset}, {StallDisk, f.stallDisk}, {FalseReport, f.falseReport},
	} {
		f.repeat(f.w.plan.faults[k.kind], k.happen)
	}
}

// repeat lets a fault happen at random times, perThousand in a thousand ticks on average.
func (f *faults) repeat(perThousand float64, happen func()) {
	if perThousand == 0 {
		return
	}
	mean := 1000 * float64(tick) / perThousand
	var again func()
	again = func() {
		if f.w.calm {
			return
		}
		happen()
		f.w.after(moment(f.w.random.faults.ExpFloat64()*mean), again)
	}
	f.w.after(moment(f.w.random.faults.ExpFloat64()*mean), again)
}

// someNode picks one.
func (f *faults) someNode() *node { return f.w.nodes[f.w.random.faults.IntN(len(f.w.nodes))] }

func (f *faults) someShard() shard.ID {
	return f.w.genesis.Initial[f.w.random.faults.IntN(len(f.w.genesis.Initial))].Shard
}

// while is how long a fault lasts: mostly a few ticks, sometimes many.
func (f *faults) while() moment {
	r := f.w.random.faults
	return between{tick / 2, oneOf(r, 3*tick, 10*tick, 10*tick, 60*tick)}.pick(r)
}

func (f *faults) crash() {
	n, down := f.someNode(), f.downtime()
	if f.happens(Crash, n.up) {
		f.crashNode(n, down)
	}
}

// downtime is how long a crashed node stays down: a while, or as good as no time.
func (f *faults) downtime() moment {
	down := f.while()
	if chance(f.w.random.faults, 0.3) {
		down = tick / 50
	}
	return down
}

func (f *faults) crashNode(n *node, down moment) {
	n.crash()
	f.w.after(down, func() { f.restart(n) })
}

// turning: a node writes a promise or an activation. Around such a moment a crash is most telling.
func (f *faults) turning(n *node) {
	if f.w.calm || !chance(f.w.random.faults, f.w.plan.faults[CrashAtTurn]) {
		return
	}
	life := n.life
	at, down := between{0, 2 * f.w.plan.fsync.most}.pick(f.w.random.faults), f.downtime()
	if !f.happens(CrashAtTurn, true) {
		return
	}
	f.w.after(at, func() {
		if n.life == life {
			f.crashNode(n, down)
		}
	})
}

func (f *faults) restart(n *node) {
	if !n.up && !n.lost {
		n.boot()
	}
}

func (f *faults) crashAll() {
	down := make([]moment, len(f.w.nodes))
	for i := range down {
		down[i] = f.downtime()
	}
	if !f.happens(CrashAll, true) {
		return
	}
	for i, n := range f.w.nodes {
		if n.up {
			f.crashNode(n, down[i])
		}
	}
}

func (f *faults) pause() {
	n, lasts := f.someNode(), f.while()
	if f.happens(Pause, n.up) {
		n.pausedTo = f.w.now + lasts
		f.w.trace.note(n, 0, fmt.Sprintf("pauses until %v", n.pausedTo))
	}
}

// partition cuts some nodes off from the others, both ways.
func (f *faults) partition() {
	r := f.w.random.faults
	side := map[shard.NodeID]bool{}
	for _, n := range f.w.nodes {
		side[n.id] = chance(r, 0.4)
	}
	lasts := f.while()
	if !f.happens(Partition, true) {
		return
	}
	f.w.trace.note(nil, 0, fmt.Sprintf("parts the nodes: %v", side))
	var routes []route
	for _, a := range f.w.nodes {
		for _, b := range f.w.nodes {
			if side[a.id] != side[b.id] {
				routes = append(routes, way{a.id, b.id}.all()...)
			}
		}
	}
	f.cut(routes, lasts)
}

// cut makes routes impassable for a time.
func (f *faults) cut(routes []route, lasts moment) {
	f.w.network.part(routes)
	heal := func() { f.w.network.heal(routes) }
	f.healing = append(f.healing, heal)
	i := len(f.healing) - 1
	f.w.after(lasts, func() {
		if f.healing[i] != nil {
			f.healing[i] = nil
			f.w.trace.note(nil, 0, fmt.Sprintf("heals %d routes", len(routes)))
			heal()
		}
	})
}

// oneWay cuts one direction between two nodes.
func (f *faults) oneWay() {
	a, b, lasts := f.someNode(), f.someNode(), f.while()
	if !f.happens(OneWay, a != b) {
		return
	}
	f.w.trace.note(a, 0, fmt.Sprintf("is not heard by node %d", b.id))
	f.cut(way{a.id, b.id}.all(), lasts)
}

// leaveBehind keeps everything from a member of some shard, while the others replace it: it does not know.
func (f *faults) leaveBehind() {
	r := f.w.random.faults
	id := f.someShard()
	_, members := f.w.check.Newest(id)
	behind := members[0]
	if chance(r, 0.3) {
		behind = members[r.IntN(len(members))]
	}
	// Sometimes it can talk and is not talked to; sometimes only news of the others' doings stays away.
	mute, chained := chance(r, 0.5), chance(r, 0.5)
	lasts := between{5 * tick, 40 * tick}.pick(r)
	if !f.happens(LeaveBehind, len(members) > 1) {
		return
	}
	f.w.trace.note(f.w.node(behind), id, fmt.Sprintf("is left behind; mute %v, in the chain %v", mute, chained))
	var routes []route
	for _, n := range f.w.nodes {
		if n.id == behind {
			continue
		}
		for _, r := range append(way{n.id, behind}.all(), way{behind, n.id}.all()...) {
			if (mute || r.to == behind) && (!chained || r.traffic == shard.ControlTraffic) {
				routes = append(routes, r)
			}
		}
	}
	f.cut(routes, lasts)
	f.w.clients.insist(f.w.node(behind), id, lasts)
	accuse := func() { f.accuse(id, []shard.NodeID{behind}) }
	for at := range 3 {
		f.w.after(moment(at)*tick, accuse)
	}
}

// slowWay makes one direction between two nodes slow.
func (f *faults) slowWay() {
	a, b := f.someNode(), f.someNode()
	until, extra := f.w.now+2*f.while(), between{0, oneOf[moment](f.w.random.faults, 1, 5, 20) * tick}
	if !f.happens(SlowWay, a != b) {
		return
	}
	f.w.trace.note(a, 0, fmt.Sprintf("takes up to %v more to node %d until %v", extra.most, b.id, until))
	f.w.network.slow[way{a.id, b.id}] = slowness{until: until, extra: extra}
}

func (f *faults) reset() {
	all := f.w.network.sorted()
	at := f.w.random.faults.IntN(max(len(all), 1))
	if f.happens(Reset, len(all) > 0) {
		l := all[at]
		f.w.trace.note(f.w.node(l.from), 0, fmt.Sprintf("loses its connection %d to node %d", l.traffic, l.to))
		f.w.network.reset(l)
	}
}

func (f *faults) stallDisk() {
	n, lasts := f.someNode(), f.while()
	if f.happens(StallDisk, n.up) {
		n.disk.stalledTo = f.w.now + lasts
		f.w.trace.note(n, 0, fmt.Sprintf("has a disk that stalls until %v", n.disk.stalledTo))
	}
}

// falseReport accuses members of a shard that are well; sometimes again and again, so that decisions
// come faster than they can be carried out.
func (f *faults) falseReport() {
	r := f.w.random.faults
	id := f.someShard()
	times := []moment{0}
	if chance(r, 0.3) {
		for range 1 + r.IntN(6) {
			times = append(times, times[len(times)-1]+between{tick / 10, oneOf(r, tick/2, 3*tick)}.pick(r))
		}
	}
	if !f.happens(FalseReport, true) {
		return
	}
	for _, at := range times {
		f.w.after(at, func() { f.accuse(id, nil) })
	}
}

// accuse reports members of a shard, some where none are named, in the name of another.
func (f *faults) accuse(id shard.ID, suspects []shard.NodeID) {
	if f.w.calm {
		return
	}
	r := f.w.random.faults
	epoch, members := f.w.check.Newest(id)
	by := members[r.IntN(len(members))]
	if suspects == nil {
		for _, m := range members {
			if chance(r, 0.4) {
				suspects = append(suspects, m)
			}
		}
	} else if suspects[0] == by {
		by = members[(slices.Index(members, by)+1)%len(members)]
	}
	_, sequencers := f.w.check.Newest(f.w.genesis.Ring.Sequencer(id))
	report := shard.Message{Kind: shard.MsgReport, Shard: id, Epoch: epoch, From: by, Suspects: suspects}
	for _, s := range sequencers {
		if n := f.w.node(s); n.up {
			m := report
			m.To = s
			n.take(func() { n.step(m) })
		}
	}
}

// end repairs everything but what is lost for good. Some nodes come back later than others.
func (f *faults) end() {
	f.w.trace.note(nil, 0, "the faults end")
	f.w.calm = true
	for i, heal := range f.healing {
		if heal != nil {
			f.healing[i] = nil
			heal()
		}
	}
	f.w.calmAt = f.w.now
	f.lose()
	for _, n := range f.w.nodes {
		n.pausedTo = f.w.now
		if !n.lost {
			n.disk.stalledTo = 0
		}
		if n.up || n.lost {
			n.wake()
			continue
		}
		late := between{0, 20 * tick}.pick(f.w.random.faults)
		f.w.calmAt = max(f.w.calmAt, f.w.now+late)
		f.w.after(late, func() { f.restart(n) })
	}
	f.w.after(f.w.calmAt-f.w.now+tick, func() {
		f.w.clients.finish()
		f.w.watch()
	})
}

// lose takes some nodes away for good, in some of the runs: as many as the ring must be able to do
// without. Each shard keeps a member, and some shard keeps all.
func (f *faults) lose() {
	r := f.w.random.faults
	if !chance(r, f.w.plan.faults[Lose]) {
		return
	}
	for _, i := range r.Perm(len(f.w.nodes)) {
		n := f.w.nodes[i]
		goes, how := chance(r, 0.5), r.IntN(3)
		if !goes {
			continue
		}
		n.lost = true
		if n.lost = f.happens(Lose, f.repairable()); !n.lost {
			continue
		}
		switch {
		case how == 0 || !n.up:
			f.w.trace.note(n, 0, "is lost")
			if n.up {
				n.crash()
			}
		case how == 1:
			f.w.trace.note(n, 0, "has a disk that hangs for good")
			n.disk.stalledTo = forEver
		default:
			f.w.trace.note(n, 0, "is cut off for good")
			for _, o := range f.w.nodes {
				f.w.network.part(append(way{n.id, o.id}.all(), way{o.id, n.id}.all()...))
			}
		}
	}
}

// forEver is later than any run ends.
const forEver moment = 1 << 60

// repairable reports whether the ring can go on without the lost nodes: every shard has a member left in its newest
// configuration, and one has all, to begin the repair with. A decision does not count that nobody left knows of: it
// may be persistent, and the one whose word would show it lost.
func (f *faults) repairable() bool {
	whole := false
	for _, c := range f.w.genesis.Initial {
		epoch, members := f.w.check.Newest(c.Shard)
		left, known := 0, false
		for _, m := range members {
			if !f.w.node(m).lost {
				left++
				known = known || f.w.check.Promised(m, c.Shard) == epoch
			}
		}
		if left == 0 {
			return false
		}
		whole = whole || left == len(members) && known
	}
	return whole
}
