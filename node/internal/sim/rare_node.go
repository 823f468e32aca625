package sim

import (
	"slices"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/shard"
)

// ready sees what a node wants done, before it is done.
func (r *rare) ready(n *node, ready *engine.Ready) {
	for i := range ready.Events {
		r.event(n, &ready.Events[i])
	}
	for i := range ready.Replies {
		if a, ok := ready.Replies[i].Token.(*attempt); ok {
			r.reply(n, a, &ready.Replies[i].Result)
		}
	}
	for i := range ready.Write {
		r.record(n, &ready.Write[i])
	}
	for i := range ready.Send {
		r.sends(n, &ready.Send[i])
	}
	for i := range ready.Work {
		r.works(n, &ready.Work[i])
	}
}

func (r *rare) event(n *node, e *shard.Event) {
	switch e.Kind {
	case shard.EventWedged:
		r.wedged(n, e)
	case shard.EventViewChange:
		v := r.replica(n, e.Shard)
		v.active, v.base = e.To.Epoch, e.To.Seqno
		if !v.isActive() {
			r.saw(activatedLate)
			return
		}
		v.synced, v.connectTaken, v.connect = true, 0, 0
	case shard.EventSynced:
		r.replica(n, e.Shard).synced = true
	case shard.EventReconfigured:
		// The event names the shard that was reconfigured; the register is the one before's.
		if v := r.replica(n, r.w.genesis.Ring.Sequencer(e.Shard)); !v.isActive() {
			r.saw(decisionWhileWedged)
		}
	case shard.EventSuspected:
		r.suspected(n, r.w.node(e.Node))
	}
}

func (r *rare) wedged(n *node, e *shard.Event) {
	v := r.replica(n, e.Shard)
	if v.conf.Has(n.id) {
		switch {
		case v.active < v.conf.Epoch && v.activating == v.conf.Epoch:
			r.saw(wedgeActivating)
		case v.active < v.conf.Epoch:
			r.saw(wedgePending)
		case !v.synced:
			r.saw(wedgeUnsynced)
		}
	}
	if next := r.shard(r.w.genesis.Ring.Next(e.Shard)); next.decided > next.activated && len(r.shards) > 1 {
		r.saw(wedgedSequencer)
	}
	if v.void {
		r.saw(fillWedged)
	}
	v.conf, v.synced, v.reported, v.asked = e.Configuration, false, false, nil
	v.connectTaken, v.connect, v.inheritedOver, v.fence = 0, 0, shard.Link{}, 0
}

func (r *rare) suspected(n, of *node) {
	hung := 0
	if of.disk.since > 0 {
		hung = int((r.w.now - of.disk.since) / tick)
	}
	switch {
	case of.up && hung > r.w.plan.suspectTicks:
		r.saw(hungSuspected)
	case of.up && of.pausedTo < r.w.now && of.disk.since == 0:
		r.saw(healthySuspected)
	}
	if all := n.host.Suspected(); len(all) >= 3 && len(all) == len(n.host.Peers()) {
		r.saw(suspectsAll)
	}
}

// evidence sees a node take evidence that another has failed.
func (r *rare) evidence(n, of *node) {
	if of.up && slices.Contains(n.host.Suspected(), of.id) {
		r.saw(lateEvidence)
	}
}

// reply sees what is answered without the applier: refusals.
func (r *rare) reply(n *node, a *attempt, result *shard.Result) {
	waited := a.arrived < r.w.now
	switch {
	case result.Status == shard.Overloaded:
		r.saw(overload)
	case result.Status == shard.OutcomeUnknown:
		r.saw(doubtAtWedge)
	case result.Status == shard.Refused && waited && a.request.Kind == shard.Get:
		r.saw(readWedged)
	case result.Status == shard.Refused && waited:
		r.saw(heldWedged)
	}
}

// record sees what goes to the log.
func (r *rare) record(n *node, rec *shard.Record) {
	v := r.replica(n, rec.Shard)
	switch rec.Kind {
	case shard.RecordEntry:
		r.entry(n, v, rec)
	case shard.RecordPromise:
		if !v.hosted {
			v.hosted, v.conf = true, rec.Chain.Newest()
		}
		if len(rec.Chain) > 3 {
			r.saw(threeDecisions)
		}
	case shard.RecordActivate:
		r.activation(n, v, rec)
	case shard.RecordFollow:
		r.follows(n, v, rec)
	}
}

func (r *rare) entry(n *node, v *replicaView, rec *shard.Record) {
	seqno, head := rec.Entry.Seqno(), v.conf.Head() == n.id
	v.last = seqno
	switch {
	case seqno > v.numbered:
		v.numbered = seqno
		if head && v.commit < v.base {
			r.saw(numberedOverBase)
		}
	case head:
		r.saw(headRecovers)
	}
	if kind, c, ok := registerCommand(rec.Entry.Command()); ok && kind == recruits && n.host != nil {
		if at := r.w.standing(n, rec.Shard); at != nil && at.Register.Learner != 0 {
			r.saw(learnerGivenUp)
		}
	} else if ok && kind == reconfigures {
		v.proposals = append(v.proposals, seqno)
		s := r.shard(c.Shard)
		if s.proposedEpoch == c.Epoch && !s.proposals[proposal{c.Epoch, rec.Entry.Hash()}] {
			r.saw(twoProposals)
		}
		if unprovoked(rec.Entry) {
			r.planned(c)
		}
		s.proposedEpoch = max(s.proposedEpoch, c.Epoch)
		s.proposals[proposal{c.Epoch, rec.Entry.Hash()}] = true
	}
}

func (r *rare) activation(n *node, v *replicaView, rec *shard.Record) {
	if rec.Epoch == v.activating {
		if v.conf.Epoch > rec.Epoch {
			r.saw(rewriteWedged)
		}
		return
	}
	if v.fetch.epoch == rec.Epoch && !v.fetch.whole {
		r.saw(fetchAgain)
	}
	if rec.Cut < v.last {
		r.saw(voidCut)
	}
	if i := slices.IndexFunc(v.proposals, func(s shard.Seqno) bool { return s > rec.Cut }); i >= 0 {
		// It may come back with what is inherited: then it is not lost.
		for _, s := range v.proposals[i:] {
			if at := int(s - rec.Cut - 1); at >= len(rec.Entries) || !isProposal(rec.Entries[at]) {
				r.saw(lostProposal)
			}
		}
		v.proposals = v.proposals[:i]
	}
	if k := len(rec.Lineage); k > 1 && v.conf.Head() == n.id {
		switch skipped := rec.Epoch - rec.Lineage[k-2].Epoch - 1; {
		case skipped > 1:
			r.saw(walkBackFar)
			fallthrough
		case skipped == 1:
			r.saw(walkBack)
		}
	}
	v.activating = rec.Epoch
	v.last = rec.Cut + shard.Seqno(len(rec.Entries))
	v.numbered = v.last
}

func isProposal(e shard.Entry) bool {
	kind, _, ok := registerCommand(e.Command())
	return ok && kind == reconfigures
}

// works sees what goes to the applier.
func (r *rare) works(n *node, w *shard.Work) {
	v := r.replica(n, w.Shard)
	if w.Entry != nil {
		v.commit = w.Entry.Seqno()
		return
	}
	a, ok := w.Token.(*attempt)
	if !ok {
		return
	}
	switch {
	case a.request.Stale:
		if !v.isActive() {
			r.saw(staleWedged)
		}
	case len(v.conf.Members) == 1:
		if v.conf.Epoch > 1 {
			r.saw(chainOfOne)
		}
	case v.conf.Head() == n.id && v.fencedAt <= a.arrived:
		r.saw(readPassed)
	}
}
