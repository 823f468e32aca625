package sim

import (
	"math/rand/v2"

	"github.com/ringward/ringward/shard"
)

// faults make things go wrong, each kind at its own rate, until it is the time for calm.
type faults struct {
	w *world
	// random is the source of the occurrence that is being made up.
	random *rand.Rand
	// healing holds what takes back each cut of the network; nil where that was done.
	healing []func()

	occurrences int           // so far
	counts      [Families]int // of those that took place
	happened    []Fault
	telling     int // which of them the notes of step tellingAt are about
	tellingAt   int
	skip        Occurrences // do not take place
}

func newFaults(w *world, skip Occurrences) *faults {
	return &faults{w: w, skip: skip, random: w.random.faults}
}

// begin plans the first of each kind that comes at random times.
func (f *faults) begin() {
	for _, k := range []struct {
		kind   Family
		happen func()
	}{
		{Crash, f.crash}, {CrashLoop, f.crashLoop}, {CrashAll, f.crashAll},
		{Pause, f.pause}, {SlowNode, f.slowNode}, {ClockJump, f.clockJump},
		{Partition, f.partition}, {OneWay, f.oneWay}, {OneLink, f.oneLink}, {CutSequencer, f.cutSequencer}, {LeaveBehind, f.leaveBehind},
		{Clog, f.clog}, {SlowWay, f.slowWay}, {Reset, f.reset}, {Replay, f.replay},
		{StallDisk, f.stallDisk}, {SlowDisk, f.slowDisk}, {DiskError, f.diskError}, {Torn, f.torn}, {DiskFull, f.diskFull}, {BitFlip, f.bitFlip}, {Wipe, f.wipe},
		{FalseReport, f.falseReport}, {AccuseAll, f.accuseAll}, {Deaf, f.deaf}, {TwoProposers, f.twoProposers},
		{Amnesia, f.amnesia}, {Divergence, f.divergence}, {HandOver, f.handOver}, {Drain, f.drain},
	} {
		f.repeat(f.w.plan.faults[k.kind], k.happen)
	}
	f.setClocks()
}

// usualEnd is when most runs have their last fault.
const usualEnd = 200 * tick

// repeat lets a fault happen at random times, perThousand in a thousand ticks on average.
func (f *faults) repeat(perThousand float64, happen func()) {
	if perThousand == 0 {
		return
	}
	// A long run has not more of them, only more time between.
	mean := 1000 * float64(tick) / perThousand * max(1, float64(f.w.plan.faultsEnd)/float64(usualEnd))
	var again func()
	again = func() {
		if f.w.calm {
			return
		}
		next := f.w.random.faults.ExpFloat64() * mean
		f.apart()
		happen()
		f.w.after(moment(next), again)
	}
	f.w.after(moment(f.w.random.faults.ExpFloat64()*mean), again)
}

// someNode picks one.
func (f *faults) someNode() *node { return f.w.nodes[f.random.IntN(len(f.w.nodes))] }

func (f *faults) someShard() shard.ID {
	return f.w.genesis.Initial[f.random.IntN(len(f.w.genesis.Initial))].Shard
}

// while is how long a fault lasts: mostly a few ticks, sometimes many.
func (f *faults) while() moment {
	return between{tick / 2, oneOf(f.random, 3*tick, 10*tick, 10*tick, 60*tick)}.pick(f.random)
}

// downtime is how long a crashed node stays down: as good as no time, a while, or until the faults end.
func (f *faults) downtime() moment {
	down := f.while()
	switch p := f.random.Float64(); {
	case p < 0.3:
		return tick / 50
	case p < 0.35:
		return forEver
	}
	return down
}

func (f *faults) crash() {
	n, down := f.someNode(), f.downtime()
	if f.happens(Crash, n.up) {
		f.crashNode(n, down)
	}
}

// crashNode crashes a node that is up, and lets it come back.
func (f *faults) crashNode(n *node, down moment) {
	if !n.up || f.w.calm {
		return // a crash that was planned for later may come after the faults have ended
	}
	n.crash()
	if down < forEver {
		f.w.after(down, func() { f.restart(n) })
	}
}

func (f *faults) restart(n *node) {
	if !n.up && !n.lost {
		n.boot()
	}
}

// crashLoop crashes a node again and again, each time soon after it came up: while it recovers, or is PENDING.
func (f *faults) crashLoop() {
	if n := f.someNode(); f.happens(CrashLoop, n.up) {
		f.crashAgain(n, 2+f.random.IntN(7), f.random)
	}
}

func (f *faults) crashAgain(n *node, times int, r *rand.Rand) {
	if times == 0 || f.w.calm {
		return
	}
	down := oneOf(r, tick/50, tick)
	f.crashNode(n, down)
	up := between{0, oneOf(r, tick/5, tick, 4*tick)}.pick(r)
	f.w.after(down+up, func() { f.crashAgain(n, times-1, r) })
}

func (f *faults) crashAll() {
	if !f.happens(CrashAll, true) {
		return
	}
	for _, n := range f.w.nodes {
		f.crashNode(n, f.downtime())
	}
}

// turning: a node writes a promise or an activation. Around such a moment a crash is most telling.
func (f *faults) turning(n *node) {
	if !f.due(CrashAtTurn) {
		return
	}
	life := n.life
	at, down := between{0, 2 * f.w.plan.fsync.most}.pick(f.random), f.downtime()
	if !f.happens(CrashAtTurn, true) {
		return
	}
	f.w.after(at, func() {
		if n.life == life {
			f.crashNode(n, down)
		}
	})
}

// due draws whether a fault that waits for some moment takes this one.
func (f *faults) due(kind Family) bool {
	if f.w.calm || f.w.plan.faults[kind] == 0 || !chance(f.w.random.faults, f.w.plan.faults[kind]) {
		return false
	}
	f.apart()
	return true
}

// crashPoint decides, when a node is about to write and to send what it is asked to, whether it crashes on the way, and
// where: at 0 before it writes, at 1+k after it wrote and sent k messages; -1: nowhere.
func (f *faults) crashPoint(n *node, writes, sends int) int {
	if writes+sends == 0 || !f.due(CrashPoint) {
		return -1
	}
	at := f.random.IntN(sends + 2)
	if !f.happens(CrashPoint, true) {
		return -1
	}
	return at
}

// synced: what a node wrote is durable, and it does not know yet. It may never: the crash comes first.
func (f *faults) synced(n *node) {
	if !f.due(CrashPoint) {
		return
	}
	down, life := f.downtime(), n.life
	if f.happens(CrashPoint, true) {
		f.w.after(0, func() {
			if n.life == life {
				f.crashNode(n, down)
			}
		})
	}
}

func (f *faults) stallDisk() {
	n, lasts := f.someNode(), f.while()
	if f.happens(StallDisk, n.up) {
		f.stall(n, lasts)
	}
}

// end repairs everything but what is lost for good. Some nodes come back later than others.
func (f *faults) end() {
	f.w.trace.note(nil, 0, "the faults end")
	f.w.calm = true
	f.random = f.w.random.faults
	for i, heal := range f.healing {
		if heal != nil {
			f.healing[i] = nil
			heal()
		}
	}
	f.w.calmAt = f.w.now
	f.lose()
	f.ruin()
	for _, n := range f.w.nodes {
		n.repair()
		if n.up && n.leaving && !n.lost {
			f.depart(n)
		}
		if n.up || n.lost {
			continue
		}
		late := between{0, 20 * tick}.pick(f.random)
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
	r := f.random
	if !chance(r, f.w.plan.faults[Lose]) {
		return
	}
	for _, i := range r.Perm(len(f.w.nodes)) {
		n := f.w.nodes[i]
		goes, how := chance(r, 0.5), r.IntN(3)
		if !goes || n.lost {
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
				f.w.network.part(bothWays(n.id, o.id))
			}
		}
	}
}

// ruin takes more nodes away for good, in some of the runs: each shard keeps a member, and perhaps none keeps all. An operator
// says so, and acts.
func (f *faults) ruin() {
	r := f.random
	if !chance(r, f.w.plan.faults[Ruin]) {
		return
	}
	for _, i := range r.Perm(len(f.w.nodes)) {
		n := f.w.nodes[i]
		goes, cut := chance(r, 0.7), chance(r, 0.3)
		if !goes || n.lost {
			continue
		}
		n.lost = true
		survives, _ := f.left()
		if n.lost = f.happens(Ruin, survives); !n.lost {
			continue
		}
		if cut {
			f.w.trace.note(n, 0, "is cut off for good")
			for _, o := range f.w.nodes {
				f.w.network.part(bothWays(n.id, o.id))
			}
			continue
		}
		f.w.trace.note(n, 0, "is lost")
		if n.up {
			n.crash()
		}
	}
	for _, n := range f.w.nodes {
		if n.lost && n.up && n.disk.stalledTo == forEver {
			n.crash() // he switches it off: it must not be heard of
		}
	}
	f.w.operator = &operator{w: f.w, random: rand.New(rand.NewPCG(r.Uint64(), 0))}
	f.w.operator.begin()
}

// forEver is later than any run ends.
const forEver moment = 1 << 60

// repairable reports whether the ring can go on without the lost nodes: every shard has a member left in its newest
// configuration, and somebody who has its history, and one shard has all, to begin the repair with. A decision does not count that nobody left knows of: it
// may be persistent, and the one whose word would show it lost.
func (f *faults) repairable() bool {
	survives, whole := f.left()
	return survives && whole
}

// left says whether every shard has somebody left who has its history, and whether one shard has all its members.
func (f *faults) left() (survives, whole bool) {
	for _, c := range f.w.genesis.Initial {
		epoch, members := f.w.check.Newest(c.Shard)
		left, known := 0, false
		for _, m := range members {
			if !f.w.node(m).lost {
				left++
				known = known || f.w.check.Promised(m, c.Shard) == epoch
			}
		}
		if left == 0 || !f.w.check.Held(c.Shard, func(n shard.NodeID) bool { return !f.w.node(n).lost }) {
			return false, false
		}
		whole = whole || left == len(members) && known
	}
	return true, whole
}
