package sim

import (
	"slices"

	"github.com/ringward/ringward/shard"
)

// boots sees a node come up, and what it still knows.
func (r *rare) boots(n *node) {
	for _, s := range n.host.Standings() {
		id := s.Configuration.Shard
		before := *r.replica(n, id)
		v := replicaView{
			hosted: true, conf: s.Configuration, activating: s.Active, active: s.Active, synced: s.Synced,
			last: s.Last, commit: s.Commit, numbered: s.Last,
		}
		v.base, _ = s.Lineage.BaseOf(s.Active)
		if before.hosted {
			switch {
			case s.Configuration.Epoch < before.conf.Epoch:
				r.saw(promiseLost)
			case s.State == shard.Pending:
				r.saw(pendingRestart)
			}
			if s.Active < before.activating {
				r.saw(activationLost)
			} else if s.Last < before.last {
				r.saw(entriesLost)
				if before.conf.Head() == n.id && before.isActive() {
					r.saw(headLosesEntries)
				}
			}
			if before.activating == s.Active {
				v.numbered = max(v.numbered, before.numbered)
			}
			v.proposals = slices.DeleteFunc(before.proposals, func(p shard.Seqno) bool { return p > s.Last })
		}
		*r.replica(n, id) = v
	}
}

// crashes sees a node go down.
func (r *rare) crashes(n *node) {
	for i := range r.shards {
		v := &r.replicas[n.id-1][i]
		if v.void {
			r.saw(fillCrash)
		}
		if v.hosted && v.conf.Head() == n.id && v.active < v.conf.Epoch {
			r.saw(pendingHeadCrash)
		}
		if _, members := r.w.check.Newest(r.w.genesis.Initial[i].Shard); len(members) > 1 && slices.Contains(members, n.id) && r.down(members) {
			r.saw(shardDown)
		}
	}
	if !slices.ContainsFunc(r.w.nodes, func(o *node) bool { return o.up }) {
		r.saw(ringDown)
	}
}

func (r *rare) down(members []shard.NodeID) bool {
	return !slices.ContainsFunc(members, func(m shard.NodeID) bool { return r.w.node(m).up })
}

// asks sees a request come to the host.
func (r *rare) asks(n *node, a *attempt) {
	a.arrived = r.w.now
	if k := a.call; k.asked == 0 {
		k.asked = r.replica(n, a.request.Shard).conf.Epoch
	}
}

// applied sees the applier carry out an entry or a read.
func (r *rare) applied(n *node, w *shard.Work, result *shard.Result) {
	if a, ok := w.Token.(*attempt); ok && a.call.course.Attempts() > 1 && result.Status == shard.OK && !a.call.done {
		switch later := r.replica(n, w.Shard).conf.Epoch - a.call.asked; {
		case later > 1:
			r.saw(retryTwo)
		case later == 1:
			r.saw(retryOne)
		}
	}
	s := r.shard(w.Shard)
	if w.Entry == nil || w.Entry.Seqno() <= s.applied {
		return
	}
	s.applied = w.Entry.Seqno()
	c, err := shard.DecodeCommand(w.Entry.Command())
	if err != nil {
		return // who checks will say so
	}
	switch c.Kind {
	case shard.CommandPut, shard.CommandDelete:
		if c.Identity.Session != 0 {
			r.used(s, use{c.Identity.Session, c.Identity.Op}, w.Entry, result)
		}
	case shard.CommandRegister:
		r.registered(w.Entry)
	case shard.CommandExpireSessions:
		for _, open := range n.machines[w.Shard].Sessions() {
			if slices.ContainsFunc(c.Expired, func(e shard.Idle) bool { return e.Session == open.Session }) {
				r.saw(lateExpiry)
			}
		}
	}
}

// used sees a command under an identity, for the first time or again.
func (r *rare) used(s *shardView, u use, e shard.Entry, result *shard.Result) {
	first, again := s.uses[u]
	if !again {
		s.uses[u] = appliedAt{e.Seqno(), e.Epoch()}
	}
	switch {
	case result.Status == shard.OpForgotten:
		r.saw(opForgotten)
	case !again:
	case result.Status == shard.SessionExpired:
		r.saw(expiredRetry)
	default:
		r.saw(duplicate)
		if e.Epoch() > first.epoch {
			r.saw(duplicateLater)
		}
	}
}

// registered sees a command about the configurations of the next shard.
func (r *rare) registered(e shard.Entry) {
	kind, c, ok := registerCommand(e.Command())
	if !ok {
		return
	}
	s := r.shard(c.Shard)
	switch {
	case kind == reconfigures && c.Epoch <= s.decided:
		r.saw(lateProposal)
	case kind == reconfigures:
		s.decided = c.Epoch
		r.together(c.Shard)
	case kind == activates && c.Epoch > s.activated:
		s.activated = c.Epoch
		if c.Epoch < s.decided {
			r.saw(lateActivated)
		}
	}
}

// together looks who else is being reconfigured.
func (r *rare) together(id shard.ID) {
	busy := func(id shard.ID) bool { return r.shard(id).decided > r.shard(id).activated }
	if next := r.w.genesis.Ring.Next(id); next != id && busy(next) {
		r.saw(neighboursTogether)
	} else if before := r.w.genesis.Ring.Sequencer(id); before != id && busy(before) {
		r.saw(neighboursTogether)
	}
	if len(r.shards) >= 3 && !slices.ContainsFunc(r.w.genesis.Initial, func(c shard.Configuration) bool { return !busy(c.Shard) }) {
		r.saw(wholeRing)
	}
}
