package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/ringward/ringward/shard"
)

// at is called at a moment at which a fault tells most, for the replica of a shard that it is about. In some of these
// moments something goes wrong right then, or a little later.
func (f *faults) at(kind Family, n *node, id shard.ID) {
	if !f.due(kind) {
		return
	}
	r := f.random
	if !f.happens(kind, true) {
		return
	}
	number := len(f.happened) - 1
	later := between{0, oneOf(r, 0, 0, f.w.plan.network.most, f.w.plan.fsync.most, 2*tick)}.pick(r)
	if kind == AtFetched && chance(r, 0.5) {
		later = 0 // the answer comes at once
	}
	f.w.after(later, func() {
		if f.w.calm {
			return
		}
		f.random = r
		f.tell(number)
		f.w.trace.note(n, id, fmt.Sprintf("is struck, %v", kind))
		f.strike(kind, n, id)
		if chance(r, 0.3) {
			f.strike(kind, n, id)
		}
		if chance(r, 0.5) {
			f.readers(r, id, f.hosts(id), oneOf(r, tick, 5*tick))
		}
	})
}

// ready looks through what a node wants done for moments to aim at.
func (f *faults) ready(n *node, write []shard.Record, send []shard.Message, events []shard.Event) {
	for i := range events {
		switch e := &events[i]; e.Kind {
		case shard.EventViewChange:
			f.at(AtActivated, n, e.Shard)
		case shard.EventReconfigured:
			f.at(AtDecided, n, e.Configuration.Shard)
		case shard.EventWedged:
			if e.Configuration.Has(n.id) {
				f.at(AtPending, n, e.Shard)
			}
		}
	}
	for i := range write {
		if r := &write[i]; r.Kind == shard.RecordEntry && shard.CommandKind(r.Entry.Command()[0]) == shard.CommandRegister {
			f.at(AtProposed, n, r.Shard)
		}
	}
	for i := range send {
		switch m := &send[i]; m.Kind {
		case shard.MsgWedged:
			f.at(AtWedged, n, m.Shard)
		case shard.MsgFetch:
			f.at(AtFetched, f.w.node(m.To), m.Shard)
		case shard.MsgInherit:
			if k := len(m.Entries); k > 0 && m.Entries[k-1].Seqno() < m.Last {
				f.at(AtFetched, n, m.Shard)
			}
		case shard.MsgAck:
			f.at(AtAcked, n, m.Shard)
		case shard.MsgHandBack:
			f.at(AtHandBack, f.w.node(m.To), m.Shard)
		case shard.MsgFenced:
			// Before it is sent, not after.
			if f.due(AtFenced) && f.happens(AtFenced, true) {
				f.lateFence(f.random, n, f.w.node(m.To), m.Shard)
			}
		}
	}
}

// booted looks at a node that came up for replicas that are PENDING, or do not know what they lost.
func (f *faults) booted(n *node) {
	for _, s := range n.host.Standings() {
		switch {
		case s.State == shard.Pending:
			f.at(AtPending, n, s.Configuration.Shard)
		case s.State == shard.Active && !s.Synced:
			f.at(AtUnsynced, n, s.Configuration.Shard)
		}
	}
}

// strike does one thing to a replica, or to those around it.
func (f *faults) strike(kind Family, n *node, id shard.ID) {
	r := f.random
	_, members := f.w.check.Newest(id)
	hosts := f.hosts(id)
	other := hosts[r.IntN(len(hosts))]
	soon := between{millisecond, 2 * tick}
	// What is known here and not yet elsewhere is what some moments are about.
	switch p := r.Float64(); {
	case p < 0.3 && (kind == AtAnswered || kind == AtUnsynced):
		f.comeBackBehind(r, n, id)
		return
	case p < 0.6 && kind == AtAnswered:
		f.succession(r, n, id)
		return
	case p < 0.3 && (kind == AtAnswered || kind == AtAcked) && len(members) > 1:
		f.forget(r, id, members)
		return
	case p < 0.3 && kind == AtActivated:
		f.holdTraffic(n, hosts, shard.ChainTraffic, between{tick / 5, 6 * tick}.pick(r))
		return
	}
	if kind == AtFetched && chance(r, 0.8) {
		f.interrupt(r, n, hosts)
		return
	}
	switch r.IntN(17) {
	case 0, 1:
		f.crashNode(n, oneOf(r, soon.pick(r), f.downtime()))
	case 2:
		f.crashNode(other, oneOf(r, soon.pick(r), f.downtime()))
	case 3:
		for _, h := range hosts {
			f.crashNode(h, soon.pick(r))
		}
	case 4:
		f.crashAgain(n, 2+r.IntN(3), r)
	case 5:
		f.pauseNode(n, oneOf(r, soon.pick(r), f.while()))
	case 6:
		f.slowDown(n, f.while())
	case 7:
		f.stall(n, f.while())
	case 8:
		f.cutOff(n, ids(f.w.nodes), f.while())
	case 9:
		f.cutOff(n, []shard.NodeID{other.id}, f.while())
	case 10:
		f.cutOff(n, f.sequencers(id), f.while())
	case 11:
		f.leave(n, id, r)
	case 12:
		f.comeBackBehind(r, n, id)
	case 13:
		f.holdTraffic(n, hosts, shard.Traffic(r.IntN(int(shard.Traffics))), between{tick / 5, 8 * tick}.pick(r))
	case 14:
		f.accuse(r, id, []shard.NodeID{n.id})
		f.again(r, r.IntN(3), tick, func() { f.accuse(r, id, nil) })
	case 15:
		// Those who decide for this shard are replaced meanwhile.
		office := f.w.genesis.Ring.Sequencer(id)
		f.again(r, 1+r.IntN(3), tick, func() { f.accuse(r, office, nil) })
	case 16:
		for _, l := range f.w.network.sorted() {
			if l.from == n.id || l.to == n.id {
				f.resetLink(l)
				f.w.network.replay(l, r)
			}
		}
		f.accuse(r, id, members[:1])
	}
}

// interrupt breaks off what a node hands over: for longer than who waits for it has patience, or with the connection.
func (f *faults) interrupt(r *rand.Rand, n *node, hosts []*node) {
	f.holdTraffic(n, hosts, shard.TransferTraffic, between{20 * tick, 60 * tick}.pick(r))
	if chance(r, 0.5) {
		return
	}
	for _, l := range f.w.network.sorted() {
		if l.from == n.id && l.traffic == shard.ChainTraffic {
			f.resetLink(l)
		}
	}
}

// comeBackBehind crashes a replica and brings it back soon, while nothing of the chain reaches it: it may have lost what
// its successor has, and whoever asks it for a confirmation asks before it knows.
func (f *faults) comeBackBehind(r *rand.Rand, n *node, id shard.ID) {
	hosts, lasts := f.hosts(id), between{tick, 8 * tick}.pick(r)
	f.holdTraffic(n, hosts, shard.ChainTraffic, lasts)
	f.crashNode(n, between{millisecond, tick}.pick(r))
	f.readers(r, id, append(hosts, n), lasts)
	f.again(r, 2, lasts, func() {
		for _, h := range hosts {
			f.w.network.replay(f.w.network.link(route{n.id, h.id, shard.ChainTraffic}), r)
		}
	})
}

// holdTraffic keeps one kind of traffic back between a node and others.
func (f *faults) holdTraffic(n *node, from []*node, t shard.Traffic, lasts moment) {
	var routes []route
	for _, o := range from {
		if o != n {
			routes = append(routes, route{n.id, o.id, t}, route{o.id, n.id, t})
		}
	}
	f.w.trace.note(n, 0, fmt.Sprintf("has its traffic %d of %d routes held back for %v", t, len(routes), lasts))
	f.hold(routes, lasts)
}

// hosts are the nodes that are up and have a replica of the shard, in whatever configuration; the members of the newest, where
// none is up.
func (f *faults) hosts(id shard.ID) []*node {
	var up, all []*node
	for _, n := range f.w.nodes {
		if _, ok := n.machines[id]; ok && n.up {
			up = append(up, n)
		}
	}
	if len(up) > 0 {
		return up
	}
	_, members := f.w.check.Newest(id)
	for _, m := range members {
		all = append(all, f.w.node(m))
	}
	return all
}

func ids(nodes []*node) []shard.NodeID {
	all := make([]shard.NodeID, len(nodes))
	for i, n := range nodes {
		all[i] = n.id
	}
	return all
}
