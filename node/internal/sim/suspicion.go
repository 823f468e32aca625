package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/shard"
)

// falseReport accuses members of a shard that are well; sometimes again and again, so that decisions
// come faster than they can be carried out.
func (f *faults) falseReport() {
	r := f.random
	id := f.someShard()
	if !f.happens(FalseReport, true) {
		return
	}
	f.accuse(r, id, nil)
	if chance(r, 0.3) {
		f.again(r, 1+r.IntN(6), oneOf(r, tick/2, 3*tick), func() { f.accuse(r, id, nil) })
	}
}

// again repeats something, each time up to some time after the last.
func (f *faults) again(r *rand.Rand, times int, within moment, do func()) {
	at := moment(0)
	for range times {
		at += between{tick / 10, within}.pick(r)
		f.w.after(at, do)
	}
}

// accuse reports members of a shard, some where none are named, in the name of another, to those who sequence it.
func (f *faults) accuse(r *rand.Rand, id shard.ID, suspects []shard.NodeID) {
	epoch, members := f.w.check.Newest(id)
	by := oneOf(r, members...)
	if suspects == nil {
		for _, m := range members {
			if chance(r, 0.4) {
				suspects = append(suspects, m)
			}
		}
	} else if suspects[0] == by {
		by = members[(slices.Index(members, by)+1)%len(members)]
	}
	f.report(id, epoch, by, suspects, f.sequencers(id))
}

// report brings some nodes a report that nobody sent.
func (f *faults) report(id shard.ID, epoch shard.Epoch, by shard.NodeID, suspects, to []shard.NodeID) {
	if f.w.calm {
		return
	}
	for _, s := range to {
		if n := f.w.node(s); n.up {
			m := shard.Message{Kind: shard.MsgReport, Shard: id, Epoch: epoch, From: by, To: s, Suspects: suspects}
			n.take(func() { n.step(m) })
		}
	}
}

// accuseAll lets every member of every shard accuse all others at once; often more than once.
func (f *faults) accuseAll() {
	r := f.random
	if !f.happens(AccuseAll, true) {
		return
	}
	all := func() {
		for _, c := range f.w.genesis.Initial {
			epoch, members := f.w.check.Newest(c.Shard)
			for _, by := range members {
				others := slices.DeleteFunc(slices.Clone(members), func(m shard.NodeID) bool { return m == by })
				f.report(c.Shard, epoch, by, others, f.sequencers(c.Shard))
			}
		}
	}
	f.w.trace.note(nil, 0, "everybody accuses everybody")
	all()
	f.again(r, r.IntN(4), 5*tick, all)
}

// deaf lets a node, or all of them, hear no heartbeats: they suspect the others themselves, and hold requests.
func (f *faults) deaf() {
	n, every, lasts := f.someNode(), chance(f.random, 0.3), f.while()
	if !f.happens(Deaf, true) {
		return
	}
	for _, o := range f.w.nodes {
		if every || o == n {
			o.deafTo = f.w.now + lasts
			f.w.trace.note(o, 0, fmt.Sprintf("hears no heartbeats until %v", o.deafTo))
		}
	}
}

// evidence lets some learn of a crash from their connections, before they miss the node. It may come late, when the node is
// up again.
func (f *faults) evidence(of *node) {
	if f.w.plan.faults[Evidence] == 0 {
		return
	}
	f.w.after(0, func() { // the fault that the crash is part of draws on
		if !f.due(Evidence) || !f.happens(Evidence, true) {
			return
		}
		for _, n := range f.w.nodes {
			late := between{0, oneOf(f.random, tick/50, tick, 10*tick)}.pick(f.random)
			if n != of && chance(f.random, 0.7) {
				f.w.after(late, func() { f.tellOf(of, n) })
			}
		}
	})
}

// tellOf gives a node evidence against another.
func (f *faults) tellOf(of, n *node) {
	if f.w.calm {
		return
	}
	n.take(func() {
		f.w.trace.note(n, 0, fmt.Sprintf("has evidence that node %d failed", of.id))
		n.host.Lost([]shard.NodeID{of.id})
		f.w.rare.evidence(n, of)
	})
}

// twoProposers lets the head of a sequencer shard be replaced without hearing of it, while it and its successor are
// told of different suspects in the shard they both believe to sequence.
func (f *faults) twoProposers() {
	r := f.random
	id := f.someShard()
	sequencers := f.sequencers(id)
	if !f.happens(TwoProposers, len(sequencers) > 1) {
		return
	}
	office, old := f.w.genesis.Ring.Sequencer(id), f.w.node(sequencers[0])
	f.w.trace.note(old, office, fmt.Sprintf("and whoever succeeds it both sequence shard %d", id))
	var routes []route
	for _, n := range f.w.nodes {
		if n != old {
			routes = append(routes, way{n.id, old.id}.all()...)
		}
	}
	lasts := between{2 * tick, 20 * tick}.pick(r)
	if chance(r, 0.5) {
		f.cut(routes, lasts)
	} else {
		f.hold(routes, lasts)
	}
	f.again(r, 2, tick, func() { f.accuse(r, office, []shard.NodeID{old.id}) })
	f.again(r, 4, 2*tick, func() {
		epoch, members := f.w.check.Newest(id)
		for _, to := range [][]shard.NodeID{{old.id}, f.sequencers(id)} {
			if len(members) > 1 {
				by := r.IntN(len(members))
				f.report(id, epoch, members[by], []shard.NodeID{members[(by+1)%len(members)]}, to)
			}
		}
	})
}
