package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/shard"
)

// bothWays are all routes between two nodes.
func bothWays(a, b shard.NodeID) []route { return append(way{a, b}.all(), way{b, a}.all()...) }

// cut makes routes impassable for a time. What waited there then comes through, or is lost with its connection.
func (f *faults) cut(routes []route, lasts moment) { f.block(routes, lasts, false) }

// hold keeps back for a time what is sent over routes, and then lets all of it go.
func (f *faults) hold(routes []route, lasts moment) { f.block(routes, lasts, true) }

func (f *faults) block(routes []route, lasts moment, whole bool) {
	f.w.network.part(routes)
	heal := func() { f.w.network.heal(routes, whole) }
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

// partition cuts some nodes off from the others: both ways, or the first are not heard, or do not hear.
func (f *faults) partition() {
	side := map[shard.NodeID]bool{}
	for _, n := range f.w.nodes {
		side[n.id] = chance(f.random, 0.4)
	}
	there := chance(f.random, 0.7)
	back := !there || chance(f.random, 0.6)
	lasts := f.while()
	if !f.happens(Partition, true) {
		return
	}
	var routes []route
	for _, a := range f.w.nodes {
		for _, b := range f.w.nodes {
			if side[a.id] != side[b.id] && (side[a.id] && there || side[b.id] && back) {
				routes = append(routes, way{a.id, b.id}.all()...)
			}
		}
	}
	f.w.trace.note(nil, 0, fmt.Sprintf("parts the nodes, out %v, in %v: %v", there, back, side))
	f.cut(routes, lasts)
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

// oneLink cuts two nodes off from each other, and from nobody else.
func (f *faults) oneLink() {
	a, b, lasts := f.someNode(), f.someNode(), f.while()
	if !f.happens(OneLink, a != b) {
		return
	}
	f.w.trace.note(a, 0, fmt.Sprintf("and node %d do not reach each other", b.id))
	f.cut(bothWays(a.id, b.id), lasts)
}

// cutSequencer cuts a member of some shard off from those who sequence it, and from nobody else.
func (f *faults) cutSequencer() {
	id, lasts := f.someShard(), f.while()
	_, members := f.w.check.Newest(id)
	n := f.w.node(oneOf(f.random, members...))
	if f.happens(CutSequencer, true) {
		f.cutOff(n, f.sequencers(id), lasts)
	}
}

// sequencers are the members of the newest configuration of the shard that sequences id.
func (f *faults) sequencers(id shard.ID) []shard.NodeID {
	_, members := f.w.check.Newest(f.w.genesis.Ring.Sequencer(id))
	return members
}

func (f *faults) cutOff(n *node, from []shard.NodeID, lasts moment) {
	f.w.trace.note(n, 0, fmt.Sprintf("and nodes %v do not reach each other", numbers(from)))
	var routes []route
	for _, m := range from {
		if m != n.id {
			routes = append(routes, bothWays(n.id, m)...)
		}
	}
	f.cut(routes, lasts)
}

// leaveBehind keeps everything from a member of some shard, while the others replace it: it does not know.
func (f *faults) leaveBehind() {
	id := f.someShard()
	_, members := f.w.check.Newest(id)
	behind := members[0]
	if chance(f.random, 0.3) {
		behind = oneOf(f.random, members...)
	}
	if f.happens(LeaveBehind, len(members) > 1) {
		f.leave(f.w.node(behind), id, f.random)
	}
}

func (f *faults) leave(behind *node, id shard.ID, r *rand.Rand) {
	// Sometimes it can talk and is not talked to; sometimes only news of the others' doings stays away.
	mute, chained := chance(r, 0.5), chance(r, 0.5)
	f.w.trace.note(behind, id, fmt.Sprintf("is left behind; mute %v, in the chain %v", mute, chained))
	var routes []route
	for _, n := range f.w.nodes {
		if n == behind {
			continue
		}
		for _, way := range bothWays(n.id, behind.id) {
			if (mute || way.to == behind.id) && (!chained || way.traffic == shard.ControlTraffic) {
				routes = append(routes, way)
			}
		}
	}
	lasts := between{5 * tick, 40 * tick}.pick(r)
	f.cut(routes, lasts)
	f.w.clients.insist(behind, id, lasts)
	for at := range 3 {
		f.w.after(moment(at)*tick, func() { f.accuse(r, id, []shard.NodeID{behind.id}) })
	}
}

// clog lets a way, or one kind of traffic on it, hold everything back and let it go, in turns.
func (f *faults) clog() {
	a, b := f.someNode(), f.someNode()
	routes := way{a.id, b.id}.all()
	if chance(f.random, 0.3) {
		routes = bothWays(a.id, b.id)
	}
	if t := shard.Traffic(f.random.IntN(int(shard.Traffics))); chance(f.random, 0.5) {
		routes = slices.DeleteFunc(routes, func(r route) bool { return r.traffic != t })
	}
	if f.happens(Clog, a != b) {
		f.clogRoutes(routes, 1+f.random.IntN(6), f.random)
	}
}

func (f *faults) clogRoutes(routes []route, turns int, r *rand.Rand) {
	if turns == 0 || f.w.calm {
		return
	}
	held := between{tick / 10, oneOf(r, tick, 4*tick)}.pick(r)
	f.w.trace.note(f.w.node(routes[0].from), 0, fmt.Sprintf("and node %d: %d routes hold everything back for %v", routes[0].to, len(routes), held))
	f.hold(routes, held)
	f.w.after(held+between{0, 2 * tick}.pick(r), func() { f.clogRoutes(routes, turns-1, r) })
}

// slowWay makes one direction between two nodes slow.
func (f *faults) slowWay() {
	a, b := f.someNode(), f.someNode()
	until, extra := f.w.now+2*f.while(), between{0, oneOf[moment](f.random, 1, 5, 20) * tick}
	if !f.happens(SlowWay, a != b) {
		return
	}
	f.w.trace.note(a, 0, fmt.Sprintf("takes up to %v more to node %d until %v", extra.most, b.id, until))
	f.w.network.slow[way{a.id, b.id}] = slowness{until: until, extra: extra}
}

// reset breaks a connection.
func (f *faults) reset() {
	all := f.w.network.sorted()
	at := f.random.IntN(max(len(all), 1))
	if f.happens(Reset, len(all) > 0) {
		f.resetLink(all[at])
	}
}

func (f *faults) resetLink(l *link) {
	f.w.trace.note(f.w.node(l.from), 0, fmt.Sprintf("loses its connection %d to node %d", l.traffic, l.to))
	f.w.network.reset(l)
}

// replay brings what was under way on connections that are broken, or had come over them, once more: beside
// what comes over the new ones.
func (f *faults) replay() {
	var all []*link
	for _, l := range f.w.network.sorted() {
		if len(l.old) > 0 {
			all = append(all, l)
		}
	}
	at := f.random.IntN(max(len(all), 1))
	if f.happens(Replay, len(all) > 0) {
		f.w.network.replay(all[at], f.random)
	}
}
