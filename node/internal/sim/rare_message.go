package sim

import (
	"slices"

	"github.com/ringward/ringward/shard"
)

// sends sees a message leave.
func (r *rare) sends(n *node, m *shard.Message) {
	v := r.replica(n, m.Shard)
	switch m.Kind {
	case shard.MsgConnect:
		v.connect = m.Number
	case shard.MsgInherit:
		if !v.synced {
			r.saw(baseOfUnsynced)
		}
		if len(m.Entries) > 0 && m.Entries[len(m.Entries)-1].Seqno() < m.Last {
			r.saw(inheritInParts)
		}
	case shard.MsgFence:
		v.fence = m.Number
	case shard.MsgFenced:
		v.asked = slices.DeleteFunc(v.asked, func(a fenceAsked) bool {
			mine := a.from == m.To && a.number == m.Number
			if mine && a.at < r.w.now {
				r.saw(fenceLate)
			}
			return mine
		})
	case shard.MsgFetch:
		r.saw(fetch)
		v.fetch = fetching{epoch: m.Epoch, number: m.Number}
	case shard.MsgFetched:
		if m.Entries[len(m.Entries)-1].Seqno() < m.Last {
			r.saw(fetchInParts)
		}
	case shard.MsgReport:
		if v.reported && len(m.Suspects) == 0 {
			r.saw(holdReleased)
		}
		v.reported = len(m.Suspects) > 0
	case shard.MsgRefuse:
		if m.Link != (shard.Link{}) {
			r.saw(oldLinkRefused)
		}
	}
}

// takes sees a message come to the host.
func (r *rare) takes(n *node, m *shard.Message) {
	v := r.replica(n, m.Shard)
	if v.hosted && len(m.Chain) > 0 && m.Chain.Newest().Epoch > v.conf.Epoch {
		switch m.Kind {
		case shard.MsgRefuse:
			r.saw(wedgedByRefusal)
		case shard.MsgConnect:
			r.saw(wedgedByHandshake)
		case shard.MsgWedged:
			r.saw(wedgedByAnswer)
		}
		return
	}
	if m.Kind == shard.MsgReport {
		r.report(n, m)
		return
	}
	if m.Kind == shard.MsgWedge && m.Epoch < v.conf.Epoch {
		r.saw(lateWedge)
	}
	if m.Epoch != v.conf.Epoch {
		return
	}
	r.learning(n, v, m)
	switch m.Kind {
	case shard.MsgConnect:
		if m.From != v.conf.Predecessor(n.id) {
			return
		}
		if m.Number < v.connectTaken {
			r.saw(oldHandshake)
		}
		v.connectTaken = max(v.connectTaken, m.Number)
	case shard.MsgConnected:
		if v.isActive() && m.Link.Ask < v.connect {
			r.saw(oldHandshakeAnswer)
		}
	case shard.MsgHandBack:
		if m.Link.Ask != v.connect || v.synced {
			return
		}
		if v.handedBack == m.Link {
			r.saw(handBackInParts)
		} else if v.conf.Head() != n.id {
			r.saw(memberRecovers)
		}
		v.handedBack = m.Link
	case shard.MsgInherit:
		if v.isActive() || v.activating == v.conf.Epoch {
			return
		}
		if v.inheritedOver != (shard.Link{}) && v.inheritedOver != m.Link {
			r.saw(inheritAgain)
		}
		v.inheritedOver = m.Link
	case shard.MsgFetched:
		if k := len(m.Entries); m.Number == v.fetch.number && k > 0 && m.Entries[k-1].Seqno() == m.Last {
			v.fetch.whole = true
		}
	case shard.MsgFence:
		if !v.isActive() {
			return
		}
		if !v.synced {
			r.saw(unsyncedFence)
		}
		v.asked = append(v.asked, fenceAsked{from: m.From, number: m.Number, at: r.w.now})
	case shard.MsgFenced:
		r.fenced(v, m)
	}
}

func (r *rare) fenced(v *replicaView, m *shard.Message) {
	switch {
	case !v.isActive():
	case m.Number < v.fence:
		r.saw(oldFenceAnswer)
	default:
		v.fencedAt = r.w.now
		if m.From == v.conf.Head() && m.Commit > v.commit {
			r.saw(readBehind)
		}
	}
}

// report sees whom a member accuses.
func (r *rare) report(n *node, m *shard.Message) {
	s := r.shard(m.Shard)
	if office := r.replica(n, r.w.genesis.Ring.Sequencer(m.Shard)); office.hosted && office.isActive() && office.conf.Head() == n.id && slices.Contains(m.Suspects, n.id) {
		r.saw(sequencerSuspected)
	}
	s.reports = slices.DeleteFunc(s.reports, func(o shard.Message) bool { return o.Epoch < m.Epoch || o.From == m.From })
	for _, o := range s.reports {
		if o.Epoch == m.Epoch && slices.Contains(m.Suspects, o.From) && slices.Contains(o.Suspects, m.From) {
			r.saw(accuseEachOther)
		}
	}
	s.reports = append(s.reports, *m)
}

// hint sees a hint about configurations come to the host.
func (r *rare) hint(n *node, chain shard.Chain) {
	if v := r.replica(n, chain.Newest().Shard); v.hosted && chain.Newest().Epoch > v.conf.Epoch {
		r.saw(wedgedByGossip)
	}
}
