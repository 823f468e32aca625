package sim

import (
	"slices"

	"github.com/ringward/ringward/shard"
)

// follows sees a learner adopt a history, or give up its own.
func (r *rare) follows(n *node, v *replicaView, rec *shard.Record) {
	switch {
	case len(rec.Lineage) == 0:
		if v.conf.Has(n.id) {
			r.saw(snapshotAtMember)
		}
		v.void, v.last, v.commit, v.proposals = true, 0, 0, nil
		return
	case v.void:
		v.commit = rec.Cut
	case rec.Cut < v.last:
		r.saw(learnerCut)
	}
	v.proposals = slices.DeleteFunc(v.proposals, func(s shard.Seqno) bool { return s > rec.Cut })
	v.void, v.last = false, rec.Cut+shard.Seqno(len(rec.Entries))
}

// recalled sees what was read from a log.
func (r *rare) recalled(n *node, x *shard.Recall, entries []shard.Entry) {
	switch {
	case len(entries) > 0 && x.To == n.id:
		r.saw(inheritFromLog)
	case len(entries) > 0:
		r.saw(fedFromLog)
	case x.To != n.id:
		r.saw(logTooShort)
	}
}

// planned sees a proposal that nobody's suspicion calls for.
func (r *rare) planned(c shard.Configuration) {
	_, before := r.w.check.Newest(c.Shard)
	added := slices.DeleteFunc(slices.Clone(c.Members), func(m shard.NodeID) bool { return slices.Contains(before, m) })
	switch {
	case len(added) == 0:
		if len(c.Members) < len(before) {
			r.saw(lowered)
		}
		return
	case len(c.Members) == len(before):
		r.saw(moved)
		for _, m := range before {
			if !c.Has(m) && r.w.node(m).drains && r.memberships(m) == 1 {
				r.saw(drainedOut)
			}
		}
	}
	if r.replica(r.w.node(added[0]), c.Shard).active > 0 {
		r.saw(memberReturns)
	} else {
		r.saw(learnerAppended)
	}
}

// unprovoked reports whether no suspicion was given as the reason of a decision.
func unprovoked(e shard.Entry) bool {
	cmd, err := shard.DecodeCommand(e.Command())
	if err != nil {
		return false
	}
	d := shard.NewDecoder(cmd.Value)
	d.Byte()
	d.Configuration()
	d.Uvarint() // when
	d.Uint64()  // by whom
	d.Uvarint() // how long it stood
	return d.Count(1) == 0
}

// memberships is of how many shards a node is a member.
func (r *rare) memberships(n shard.NodeID) (count int) {
	for _, c := range r.w.genesis.Initial {
		if _, members := r.w.check.Newest(c.Shard); slices.Contains(members, n) {
			count++
		}
	}
	return count
}

// learning sees what a learner and its source tell each other.
func (r *rare) learning(n *node, v *replicaView, m *shard.Message) {
	switch m.Kind {
	case shard.MsgFed:
		if len(m.Lineage) > 0 && m.Commit < v.commit {
			r.saw(learnerPastTail)
		}
		if len(m.Entries) > 0 {
			v.learned = m.Number
		}
	case shard.MsgCompacted:
		switch {
		case v.void:
			r.saw(snapshotGone)
		case m.Number == v.learned:
			r.saw(learnerBehind)
		}
	case shard.MsgPart:
		if len(m.Key) > 0 {
			r.saw(snapshotInParts)
		}
		if m.Number == v.part && m.Epoch > v.partEpoch {
			r.saw(fillGoesOn)
		}
		v.part, v.partEpoch = m.Number, m.Epoch
	}
}
