package sim

import (
	"fmt"

	"github.com/ringward/ringward/shard"
)

// faults make things go wrong, each kind at its own rate, until it is the time for calm.
type faults struct {
	w *world
}

func newFaults(w *world) *faults { return &faults{w: w} }

// begin plans the first of each kind.
func (f *faults) begin() {
	rates := f.w.plan.faults
	f.repeat(rates.crash, f.crash)
	f.repeat(rates.crashAll, f.crashAll)
	f.repeat(rates.pause, f.pause)
	f.repeat(rates.partition, f.partition)
	f.repeat(rates.oneWay, f.oneWay)
	f.repeat(rates.slowWay, f.slowWay)
	f.repeat(rates.reset, f.reset)
	f.repeat(rates.stallDisk, f.stallDisk)
	f.repeat(rates.falseReport, f.falseReport)
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

// while is how long a fault lasts: mostly a few ticks, sometimes many.
func (f *faults) while() moment {
	r := f.w.random.faults
	return between{tick / 2, oneOf(r, 3*tick, 10*tick, 10*tick, 60*tick)}.pick(r)
}

func (f *faults) crash() { f.crashNode(f.someNode()) }

// crashNode crashes a node; it comes up again after a while, or at once.
func (f *faults) crashNode(n *node) {
	if !n.up {
		return
	}
	n.crash()
	down := f.while()
	if chance(f.w.random.faults, 0.3) {
		down = tick / 50
	}
	f.w.after(down, func() { f.restart(n) })
}

// turning: a node writes a promise or an activation. Around such a moment a crash is most telling.
func (f *faults) turning(n *node) {
	if f.w.calm || !chance(f.w.random.faults, f.w.plan.faults.crashAtTurn) {
		return
	}
	life := n.life
	f.w.after(between{0, 2 * f.w.plan.fsync.most}.pick(f.w.random.faults), func() {
		if n.life == life {
			f.crashNode(n)
		}
	})
}

func (f *faults) restart(n *node) {
	if !n.up {
		n.boot()
	}
}

func (f *faults) crashAll() {
	for _, n := range f.w.nodes {
		f.crashNode(n)
	}
}

func (f *faults) pause() {
	if n := f.someNode(); n.up {
		n.pausedTo = f.w.now + f.while()
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
	f.w.trace.note(nil, 0, fmt.Sprintf("parts the nodes: %v", side))
	for _, a := range f.w.nodes {
		for _, b := range f.w.nodes {
			if side[a.id] != side[b.id] {
				f.w.network.part(a.id, b.id)
			}
		}
	}
	f.w.after(f.while(), f.heal)
}

// oneWay cuts one direction between two nodes.
func (f *faults) oneWay() {
	a, b := f.someNode(), f.someNode()
	if a == b {
		return
	}
	f.w.trace.note(a, 0, fmt.Sprintf("is not heard by node %d", b.id))
	f.w.network.part(a.id, b.id)
	f.w.after(f.while(), f.heal)
}

// slowWay makes one direction between two nodes slow.
func (f *faults) slowWay() {
	a, b := f.someNode(), f.someNode()
	if a == b {
		return
	}
	until, extra := f.w.now+2*f.while(), between{0, oneOf[moment](f.w.random.faults, 1, 5, 20) * tick}
	f.w.trace.note(a, 0, fmt.Sprintf("takes up to %v more to node %d until %v", extra.most, b.id, until))
	f.w.network.slow[[2]shard.NodeID{a.id, b.id}] = slowness{until: until, extra: extra}
}

func (f *faults) heal() {
	f.w.trace.note(nil, 0, "heals the network")
	f.w.network.heal()
}

func (f *faults) reset() {
	if all := f.w.network.sorted(); len(all) > 0 {
		l := all[f.w.random.faults.IntN(len(all))]
		f.w.trace.note(f.w.node(l.from), 0, fmt.Sprintf("loses its connection %d to node %d", l.traffic, l.to))
		f.w.network.reset(l)
	}
}

func (f *faults) stallDisk() {
	if n := f.someNode(); n.up {
		n.disk.stalledTo = f.w.now + f.while()
		f.w.trace.note(n, 0, fmt.Sprintf("has a disk that stalls until %v", n.disk.stalledTo))
	}
}

// falseReport accuses members of a shard that are well; sometimes again and again, so that decisions
// come faster than they can be carried out.
func (f *faults) falseReport() {
	r := f.w.random.faults
	id := f.w.genesis.Initial[r.IntN(len(f.w.genesis.Initial))].Shard
	f.accuse(id)
	if chance(r, 0.3) {
		at := moment(0)
		for range 1 + r.IntN(6) {
			at += between{tick / 10, oneOf(r, tick/2, 3*tick)}.pick(r)
			f.w.after(at, func() { f.accuse(id) })
		}
	}
}

// accuse reports some members of a shard in the name of one.
func (f *faults) accuse(id shard.ID) {
	if f.w.calm {
		return
	}
	r := f.w.random.faults
	epoch, members := f.w.check.Newest(id)
	var suspects []shard.NodeID
	for _, m := range members {
		if chance(r, 0.4) {
			suspects = append(suspects, m)
		}
	}
	_, sequencers := f.w.check.Newest(f.w.genesis.Ring.Sequencer(id))
	report := shard.Message{Kind: shard.MsgReport, Shard: id, Epoch: epoch, From: members[r.IntN(len(members))], Suspects: suspects}
	for _, s := range sequencers {
		if n := f.w.node(s); n.up {
			m := report
			m.To = s
			n.take(func() { n.step(m) })
		}
	}
}

// end repairs everything. Some nodes come back later than others.
func (f *faults) end() {
	f.w.trace.note(nil, 0, "the faults end")
	f.w.calm = true
	f.w.network.heal()
	f.w.calmAt = f.w.now
	for _, n := range f.w.nodes {
		n.pausedTo, n.disk.stalledTo = f.w.now, 0
		if n.up {
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
