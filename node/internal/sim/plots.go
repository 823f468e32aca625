package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Plots are faults that together lead to one situation which chance alone would seldom make. What of them comes when is left
// to chance.

// amnesia lets the first members of a shard's chain pass entries on that they forget in a crash, and keeps them from
// hearing what their successor has, or their predecessor from hearing that they do not know.
func (f *faults) amnesia() {
	id := f.someShard()
	if _, members := f.w.check.Newest(id); f.happens(Amnesia, len(members) > 1) {
		f.forget(f.random, id, members)
	}
}

func (f *faults) forget(r *rand.Rand, id shard.ID, members []shard.NodeID) {
	forgetful := members[:1+r.IntN(len(members)-1)]
	f.w.trace.note(nil, id, fmt.Sprintf("%v of %v are to forget something", numbers(forgetful), numbers(members)))
	crash := between{tick / 2, 3 * tick}.pick(r)
	for _, m := range forgetful {
		f.stall(f.w.node(m), crash+tick)
	}
	f.writers(r, id, 6, crash)
	deaf := r.IntN(len(forgetful)) // it hears nothing of its successor, those before it do
	held := chance(r, 0.6)
	lasts := between{tick / 2, 6 * tick}.pick(r)
	if chance(r, 0.5) {
		// Something is still under way when the crash comes, and may arrive after the next handshake.
		f.w.network.slow[way{members[deaf], members[deaf+1]}] = slowness{until: f.w.now + crash, extra: between{0, 3 * tick}}
	}
	f.w.after(crash, func() {
		if f.w.calm {
			return
		}
		n, successor := f.w.node(members[deaf]), f.w.node(members[deaf+1])
		if held {
			f.holdTraffic(n, []*node{successor}, shard.ChainTraffic, lasts)
		}
		for _, m := range forgetful {
			f.crashNode(f.w.node(m), between{millisecond, tick / 2}.pick(r))
		}
		f.readers(r, id, f.nodes(members), lasts)
		f.writers(r, id, 4, lasts)
		f.again(r, 2, lasts, func() { f.w.network.replay(f.w.network.link(route{n.id, successor.id, shard.ChainTraffic}), r) })
	})
}

// divergence lets the members of a shard have histories of different lengths when it is reconfigured, and again before that is
// through, while some of them answer late.
func (f *faults) divergence() {
	r := f.random
	id := f.someShard()
	_, members := f.w.check.Newest(id)
	if !f.happens(Divergence, len(members) > 2) {
		return
	}
	f.w.trace.note(nil, id, fmt.Sprintf("%v are to diverge", numbers(members)))
	// Those before the cut have more than those behind.
	behind := 1 + r.IntN(len(members)-1)
	first := between{tick / 2, 3 * tick}.pick(r)
	second := first + between{tick / 5, oneOf(r, 2*tick, 8*tick)}.pick(r)
	f.hold([]route{{members[behind-1], members[behind], shard.ChainTraffic}}, first+tick)
	f.writers(r, id, 8, first)
	if chance(r, 0.3) {
		n, down := f.w.node(oneOf(r, members...)), between{millisecond, tick}.pick(r)
		f.w.after(first, func() { f.crashNode(n, down) })
	}
	gone := oneOf(r, members[0], members[0], oneOf(r, members...))
	slow, takes := f.w.node(oneOf(r, members...)), between{tick / 2, 3 * tick}.pick(r)
	f.w.after(first, func() {
		// Who is slow to promise hears the others before it chooses.
		f.stall(slow, takes)
		f.accuse(r, id, []shard.NodeID{gone})
	})
	f.w.after(first+tick/2, func() { f.writers(r, id, 4, second-first) })
	f.w.after(second, func() {
		if f.w.calm {
			return
		}
		// The next head must hear the others before its own promise is durable, or not hear them at all.
		_, left := f.w.check.Newest(id)
		f.stall(f.w.node(oneOf(r, left[0], oneOf(r, members...))), between{tick / 2, 4 * tick}.pick(r))
		if chance(r, 0.4) {
			f.holdTraffic(f.w.node(oneOf(r, members...)), f.nodes(members), shard.ControlTraffic, between{tick / 2, 6 * tick}.pick(r))
		}
		f.accuse(r, id, []shard.NodeID{oneOf(r, left[len(left)-1], oneOf(r, left...))})
		f.readers(r, id, f.nodes(members), 4*tick)
	})
}

// succession lets a head go that has just answered a client, and keeps what its successor has inherited from becoming known
// as persistent, while clients read at all who are left.
func (f *faults) succession(r *rand.Rand, n *node, id shard.ID) {
	_, members := f.w.check.Newest(id)
	if len(members) < 2 {
		return
	}
	f.w.trace.note(n, id, "is to be succeeded")
	lasts := between{2 * tick, 10 * tick}.pick(r)
	f.crashNode(n, oneOf(r, tick, 20*tick))
	f.again(r, 2, tick, func() { f.accuse(r, id, []shard.NodeID{n.id}) })
	// What goes up the chain is acknowledgements.
	var up []route
	for i, m := range members[1:] {
		up = append(up, route{m, members[i], shard.ChainTraffic})
	}
	f.w.after(between{0, 3 * tick}.pick(r), func() { f.hold(up, lasts) })
	f.readers(r, id, f.nodes(members), lasts)
	f.readers(r, id, f.nodes(members[1:]), lasts)
}

// lateFence keeps a confirmation under way, while what it did not cover is committed and answered, and reads come to the
// one who waits for it.
func (f *faults) lateFence(r *rand.Rand, n, to *node, id shard.ID) {
	lasts := between{tick / 5, 4 * tick}.pick(r)
	f.w.trace.note(n, id, fmt.Sprintf("confirms a fence to node %d, late by %v", to.id, lasts))
	routes := []route{{n.id, to.id, shard.ControlTraffic}}
	if chance(r, 0.7) {
		routes = append(routes, route{n.id, to.id, shard.ChainTraffic})
	}
	f.hold(routes, lasts)
	f.readers(r, id, []*node{to}, lasts)
	f.writers(r, id, 2, lasts)
}

// stall lets the fsyncs of a node take long.
func (f *faults) stall(n *node, lasts moment) {
	n.disk.stalledTo = max(n.disk.stalledTo, f.w.now+lasts)
	f.w.trace.note(n, 0, fmt.Sprintf("has a disk that stalls until %v", n.disk.stalledTo))
}

func (f *faults) nodes(ids []shard.NodeID) []*node {
	all := make([]*node, len(ids))
	for i, id := range ids {
		all[i] = f.w.node(id)
	}
	return all
}

// readers lets clients read keys of a shard at given nodes, over some time.
func (f *faults) readers(r *rand.Rand, id shard.ID, at []*node, lasts moment) {
	for range 6 {
		n := oneOf(r, at...)
		f.ask(r, id, shard.Get, between{0, lasts}, func() *node { return n })
	}
}

// writers lets clients write keys of a shard at its newest head.
func (f *faults) writers(r *rand.Rand, id shard.ID, writes int, lasts moment) {
	for range writes {
		f.ask(r, id, shard.Put, between{0, lasts}, func() *node {
			_, members := f.w.check.Newest(id)
			return f.w.node(members[0])
		})
	}
}

// ask lets a client ask for one of the keys of a shard, where it has some, and not too many ask for it already.
func (f *faults) ask(r *rand.Rand, id shard.ID, kind shard.RequestKind, when between, at func() *node) {
	keys := slices.DeleteFunc(slices.Clone(f.w.clients.keys), func(key []byte) bool { return f.w.genesis.Ring.Owner(key) != id })
	if len(keys) == 0 {
		return
	}
	key, c := oneOf(r, keys...), oneOf(r, f.w.clients.all...)
	f.w.after(when.pick(r), func() {
		if !c.last && !f.w.clients.crowded(key) {
			c.call(&call{request: shard.Request{Shard: id, Kind: kind, Key: key}, identified: kind == shard.Put, first: at()})
		}
	})
}
