package shard

import (
	"slices"

	"github.com/ringward/ringward/shard/mutant"
)

// Learn takes in decided configurations, from whomever. A successor above the promise wedges the
// replica: from here on it does nothing in a lower epoch. It reports whether it was one.
func (r *Replica) Learn(chain Chain) bool {
	if r.err != nil || len(chain) == 0 || chain[0].Shard != r.conf.Shard {
		return false
	}
	merged, err := r.stored.Chain.Merge(chain)
	if err != nil {
		r.broken("%v", err)
		return false
	}
	if e := chain.Newest().Epoch; e < r.conf.Epoch || e == r.conf.Epoch && !mutant.On(mutant.WedgedAgain) {
		return false
	}
	from := View{r.conf.Epoch, r.last()}
	r.conf = merged.Newest()
	if mutant.On(mutant.OldPromise) && r.State() == Immutable {
		r.stored.Chain, r.promised = merged, r.conf.Epoch
	} else {
		r.write(Record{Kind: RecordPromise, Chain: merged})
	}
	r.down, r.inheriting = downstream{}, nil
	r.learner, r.followers, r.recollection = learner{}, nil, recollection{}
	r.fillOn()
	if !mutant.On(mutant.WedgedDrains) {
		r.up = upstream{}
	}
	r.synced, r.floor, r.told = false, 0, r.commit
	r.fenceAsks = map[NodeID]Number{}
	r.refuseWaiting()
	r.out.Events = append(r.out.Events, Event{Kind: EventWedged, Shard: r.conf.Shard, From: from, Configuration: r.conf})
	return true
}

func (r *Replica) onWedge(m Message) {
	a := wedgeAsk{from: m.From, number: m.Number}
	if r.promised == r.conf.Epoch || mutant.On(mutant.WedgeAnsweredEarly) {
		r.answerWedge(a)
	} else if !slices.Contains(r.wedgeAsks, a) {
		r.wedgeAsks = append(r.withoutOldAsk(m.From), a)
	}
}

// asksPerNode is how many unanswered wedges of one node are remembered: a node may ask as head of the new
// configuration and as one that sequences it. What is older, and still wanted, will be asked again.
const asksPerNode = 2

// withoutOldAsk makes room for a wedge of a node.
func (r *Replica) withoutOldAsk(from NodeID) []wedgeAsk {
	its := func(a wedgeAsk) bool { return a.from == from }
	count := 0
	for _, a := range r.wedgeAsks {
		if its(a) {
			count++
		}
	}
	if count < asksPerNode {
		return r.wedgeAsks
	}
	oldest := slices.IndexFunc(r.wedgeAsks, its)
	return slices.Delete(r.wedgeAsks, oldest, oldest+1)
}

// answerWedge describes the replica from what is durable. It is called when the promise is: then so
// is all that was accepted before, because the log keeps their order.
func (r *Replica) answerWedge(a wedgeAsk) {
	active := r.active
	if n := len(r.stored.Lineage); n > 0 && mutant.On(mutant.LearnerIsSource) {
		active = max(active, r.stored.Lineage[n-1].Epoch)
	}
	if mutant.On(mutant.PendingAnswersActive) {
		for _, c := range r.stored.Chain {
			if c.Epoch < r.conf.Epoch && c.Has(r.opt.Self) {
				active = max(active, c.Epoch)
			}
		}
	}
	r.send(Message{
		Kind: MsgWedged, To: a.from, Number: a.number, State: r.State(), Active: active,
		Last: r.durable, Lineage: r.stored.Lineage, Chain: r.stored.Chain, Ruling: r.stored.openRuling(),
	})
}

// onFetch serves the head of the new configuration the entries it lacks, while the promise is the
// one this replica answered with and its history therefore stands still.
func (r *Replica) onFetch(m Message) {
	if m.Epoch != r.conf.Epoch || r.promised != m.Epoch || r.stored.Active == m.Epoch || m.Cut > r.last() {
		r.send(Message{Kind: MsgRefuse, To: m.From, Chain: r.stored.Chain})
		return
	}
	if m.Cut < r.stored.Start {
		r.recollect(m.Cut, m)
		return
	}
	for next := m.Cut + 1; next <= r.last(); {
		entries := r.entries(next, r.last())
		next += Seqno(len(entries))
		r.send(Message{Kind: MsgFetched, To: m.From, Number: m.Number, Cut: m.Cut, Last: r.last(), Entries: entries})
	}
}

// Inheritance is the history with which a head begins its epoch.
type Inheritance struct {
	Lineage Lineage // of the owner
	Cut     Seqno   // the longest prefix on which the owner and the head agree
	Entries []Entry // of the owner, above Cut
}

// Inherit makes the head of a new configuration adopt the history that was chosen. It is ACTIVE once that is durable.
func (r *Replica) Inherit(in Inheritance) {
	if r.err != nil || r.State() != Pending || r.stored.Active == r.conf.Epoch || !r.isHead() {
		return
	}
	base := in.Cut + Seqno(len(in.Entries))
	lineage := append(slices.Clone(in.Lineage), View{Epoch: r.conf.Epoch, Seqno: base})
	r.adopt(lineage.newest(r.opt.LineageViews), in.Cut, in.Entries)
}

// offer gives a PENDING successor the inherited history: what it lacks of it, from where the two
// lineages part. Entries after the base follow on the link once it is ACTIVE.
func (r *Replica) offer(m Message) {
	base, _ := r.stored.Lineage.BaseOf(r.conf.Epoch)
	cut := r.stored.Lineage.CommonPrefix(base, m.Lineage, m.Last)
	hash, ok := r.stored.HashAt(cut)
	switch {
	case len(m.Lineage) == 0:
		r.compacted(m)
		return
	case !ok:
		r.recollect(cut, m)
		return
	}
	next := cut + 1
	for {
		var entries []Entry
		if next <= base {
			entries = r.entries(next, base)
			next += Seqno(len(entries))
		}
		r.send(Message{
			Kind: MsgInherit, To: m.From, Link: r.down.link(), Lineage: r.stored.Lineage,
			Cut: cut, Hash: hash, Last: base, Entries: entries, Ruling: r.stored.openRuling(),
		})
		if next > base {
			return
		}
	}
}

func (r *Replica) onInherit(m Message) {
	if m.From != r.conf.Predecessor(r.opt.Self) || r.State() != Pending || r.stored.Active == r.conf.Epoch ||
		r.up.link == (Link{}) || m.Link != r.up.link {
		return
	}
	if h, ok := r.stored.HashAt(m.Cut); !ok || h != m.Hash {
		r.broken("predecessor %v offers a history that differs at %d", m.From, m.Cut)
		return
	}
	if base, ok := m.Lineage.BaseOf(r.conf.Epoch); !ok || base != m.Last {
		r.broken("predecessor %v offers base %d with lineage %v", m.From, m.Last, m.Lineage)
		return
	}
	if len(m.Entries) > 0 && m.Entries[0].Seqno() != m.Cut+Seqno(len(r.inheriting))+1 {
		return // one before it was lost: the next handshake brings all of them
	}
	r.inheriting = append(r.inheriting, m.Entries...)
	switch end := m.Cut + Seqno(len(r.inheriting)); {
	case end < m.Last:
		return
	case end > m.Last:
		r.broken("predecessor %v offers entries up to %d, beyond the base %d", m.From, end, m.Last)
		return
	}
	entries := r.inheriting
	r.inheriting = nil
	r.adopt(m.Lineage, m.Cut, entries)
}

// adopt puts cut, inherited entries and activation into one record.
func (r *Replica) adopt(lineage Lineage, cut Seqno, entries []Entry) {
	hash, ok := r.stored.HashAt(cut)
	if !ok {
		r.broken("inheriting from %d, outside of the history from %d to %d", cut, r.stored.Start, r.last())
		return
	}
	activate := Record{Kind: RecordActivate, Epoch: r.conf.Epoch, Lineage: lineage, Cut: cut, Hash: hash, Entries: entries}
	if mutant.On(mutant.ActivationBeforeData) {
		activate.Entries = nil
		r.write(activate)
		for _, e := range entries {
			r.write(Record{Kind: RecordEntry, Entry: e})
		}
		return
	}
	r.write(activate)
	if mutant.On(mutant.ActiveBeforeDurable) {
		r.activated(r.conf.Epoch)
	}
}

// activated: the activation in epoch e is durable.
func (r *Replica) activated(e Epoch) {
	base, _ := r.stored.Lineage.BaseOf(e)
	from := View{Epoch: r.active}
	if n := len(r.stored.Lineage); n > 1 {
		from = View{Epoch: r.stored.Lineage[n-2].Epoch, Seqno: base}
	}
	r.active = e
	r.out.Events = append(r.out.Events, Event{Kind: EventViewChange, Shard: r.conf.Shard, From: from, To: View{e, base}})
	if !r.isActive() {
		return // wedged again, while the activation was on its way to the disk
	}
	r.floor = base
	r.sync()
	if mutant.On(mutant.FenceBeforeBase) {
		r.floor = 0
	}
	if r.conf.Tail() != r.opt.Self {
		r.connect()
	}
}
