package sim

import (
	"fmt"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// handOver lets a node leave its chains, and ends its process some time later, whether or not it has left them all.
func (f *faults) handOver() {
	n, lasts, down := f.someNode(), f.while(), f.downtime()
	if !f.happens(HandOver, n.up && !n.leaving) {
		return
	}
	life := n.life
	n.leaving = true
	n.take(func() {
		f.w.trace.note(n, 0, "hands over")
		n.host.HandOver()
	})
	f.w.after(lasts, func() {
		if n.life != life || f.w.calm {
			return
		}
		f.depart(n)
		if down < forEver {
			f.w.after(down, func() { f.restart(n) })
		}
	})
}

// depart ends the process of a node that hands over.
func (f *faults) depart(n *node) {
	if n.host.HandedOver() {
		f.w.rare.saw(handedOver)
	}
	n.end(false)
}

// drain lets a node drain for a while, or to the end and beyond.
func (f *faults) drain() {
	r := f.random
	n, lasts, stays := f.someNode(), between{5 * tick, 80 * tick}.pick(r), chance(r, 0.3)
	if !f.happens(Drain, !n.drains) {
		return
	}
	n.drains, n.drained = true, stays
	f.w.trace.note(n, 0, "drains")
	if stays {
		return
	}
	f.w.after(lasts, func() {
		if n.drains && !n.drained {
			f.w.trace.note(n, 0, "drains no more")
			n.drains = false
		}
	})
}

// gossipedAfter is how long others think well of a node that is down.
const gossipedAfter = 10 * tick

// candidates are the nodes that gossip thinks alive.
func (w *world) candidates() (all []sequencer.Candidate) {
	for i, c := range w.plan.candidates() {
		n := w.nodes[i]
		switch hangs := n.disk.stalledTo == forEver; {
		case n.lost && !hangs, !n.up && w.now-n.downSince > gossipedAfter:
		default:
			c.Drains = n.drains
			all = append(all, c)
		}
	}
	return all
}

// unfinished is a shard that is not yet as it should be in the end: that has too few members although there is a node left that
// could be one, or a member that drains although there is one to take its place; 0: there is none.
func (w *world) unfinished() (id shard.ID, why string) {
	// Where a node loses its patience after a tick or two, all are dropped and taken back without end.
	if w.plan.regrowTicks == 0 || w.plan.suspectTicks < steadyTicks {
		return 0, ""
	}
	var left []sequencer.Candidate
	usable := 0
	for i, c := range w.plan.candidates() {
		if n := w.nodes[i]; !n.lost {
			if c.Drains = n.drains; !c.Drains {
				usable++
			}
			left = append(left, c)
		}
	}
	all := make([]shard.Configuration, len(w.genesis.Initial))
	for i, c := range w.genesis.Initial {
		epoch, members := w.check.Newest(c.Shard)
		all[i] = shard.Configuration{Shard: c.Shard, Epoch: epoch, Members: members}
	}
	for i, c := range w.genesis.Initial {
		if want := sequencer.Strength(len(c.Members), len(all), usable, 0); len(all[i].Members) < want {
			if n, ok := sequencer.Spare(all, c.Shard, left, c.Members); ok {
				return c.Shard, fmt.Sprintf("the members of shard %d are %v, and node %d could be one more", c.Shard, numbers(all[i].Members), n)
			}
		}
		if x, ok := sequencer.Exchange(all, c.Shard, left, c.Members); ok && x.Drains {
			return c.Shard, fmt.Sprintf("node %d drains and is a member of shard %d, and node %d could take its place", x.Leaves, c.Shard, x.Joins)
		}
	}
	return 0, ""
}
