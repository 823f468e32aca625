package shard

import (
	"slices"

	"github.com/ringward/ringward/shard/mutant"
)

// learner is how a replica follows a configuration that it is no member of, so that it can become one. The order of its
// durable steps:
//
//	promise of the epoch ──► the history cut where it disagrees with the tail's ──► committed entries, as they come
//
// It has no say in commit. What it holds counts for nothing until it is a member, and its answer to a wedge
// names the epoch in which it was ACTIVE last, so that nobody inherits from it. The tail is ACTIVE in the epoch, and so are all
// before it in the chain: what was persistent before is safe with them, and the learner's older history is needed by nobody.
type learner struct {
	until  int    // the tick until which the sequencer wants it to learn
	number Number // of its latest MsgFollow; 0: it has to ask
	fed    bool   // the tail has answered that
	// heardAt is when the tail was heard, or asked, last; wait the ticks that its silence may last. It doubles until the tail
	// answers: it must be able to outgrow any round trip.
	heardAt, wait int
	acked         Seqno
	reack         bool
}

const (
	// recruitTicks is for how long a word of the sequencer holds; it comes again much sooner.
	recruitTicks = 64
	// followPatience is the first of the waits for the tail.
	followPatience = 16
	// lagEntries is how far a learner may be behind the tail's commit to be caught up.
	lagEntries = 64
)

// NewLearner is the replica of a node that held none of the shard: it writes the promise of the chain first.
func NewLearner(opt Options, chain Chain) (*Replica, error) {
	if err := chain.Valid(); err != nil {
		return nil, err
	}
	r := newReplica(opt, Stored{})
	r.conf = chain.Newest()
	r.write(Record{Kind: RecordPromise, Chain: slices.Clone(chain)})
	return r, nil
}

// Recruit tells that the sequencer wants this replica to learn, in the configuration that it knows as the newest.
func (r *Replica) Recruit() {
	if r.err == nil && r.State() == Immutable {
		r.learner.until = r.ticks + recruitTicks
	}
}

// Learns reports whether the sequencer wants this replica to learn.
func (r *Replica) Learns() bool { return r.learner.until > r.ticks }

// CaughtUp reports whether a learner has nearly all that is committed.
func (r *Replica) CaughtUp() bool {
	l := &r.learner
	return r.State() == Immutable && (l.fed && r.told <= r.commit+lagEntries && r.ticks-l.heardAt <= followPatience ||
		mutant.On(mutant.LearnerAtOnce) && r.promised == r.conf.Epoch)
}

// Progress is how far a learner is: up to where its history is durable, and how many bytes of a snapshot it has taken in.
func (r *Replica) Progress() (durable Seqno, taken Seqno) {
	return r.durable, min(r.fill.taken, MaxSeqno)
}

func (r *Replica) tickLearner() {
	l := &r.learner
	switch {
	case l.until <= r.ticks:
		r.learner = learner{}
	case r.State() != Immutable || r.fill.source != 0:
	case r.promised != r.conf.Epoch && !mutant.On(mutant.LearnerUnpromised):
	case l.number == 0 || r.ticks-l.heardAt > max(l.wait, followPatience):
		r.follow()
	}
}

// follow asks the tail for what is committed, from where the two histories part.
func (r *Replica) follow() {
	l := &r.learner
	*l = learner{until: l.until, number: r.opt.Numbers.Next(), heardAt: r.ticks, wait: min(max(2*l.wait, followPatience), maxWait)}
	r.send(Message{Kind: MsgFollow, To: r.conf.Tail(), Number: l.number, Last: r.last(), Lineage: r.stored.Lineage})
}

func (r *Replica) onFed(m Message) {
	l := &r.learner
	if r.State() != Immutable || l.number == 0 || m.Number != l.number || m.From != r.conf.Tail() || r.fill.source != 0 {
		return
	}
	l.heardAt = r.ticks
	if !l.fed {
		if len(m.Lineage) == 0 {
			return // the answer itself was lost: it is asked for again
		}
		if !r.agree(m) {
			return
		}
		l.fed, l.wait, l.acked = true, 0, 0
	}
	for _, e := range m.Entries {
		switch next := r.last() + 1; {
		case e.Seqno() < next:
			continue
		case e.Seqno() > next:
			r.follow() // one before it was lost
			return
		case !r.stored.Lineage.allows(e) || !e.Follows(r.lastHash()):
			r.broken("tail %v brings entry %d of epoch %d, which does not continue the history up to %d", m.From, e.Seqno(), e.Epoch(), r.last())
			return
		}
		if r.write(Record{Kind: RecordEntry, Entry: e}); r.err != nil {
			return
		}
	}
	if m.Last > r.last() {
		r.follow() // what was before it was lost, and nothing else is under way
		return
	}
	l.reack = l.reack || len(m.Entries) == 0
	r.told = max(r.told, m.Commit)
}

// agree cuts the history where it disagrees with the tail's, and adopts the tail's lineage. Nothing that is committed here can be
// void there: the tail holds all that was ever persistent.
func (r *Replica) agree(m Message) bool {
	hash, ok := r.stored.HashAt(m.Cut)
	if !ok || m.Cut < r.commit {
		if m.Lineage[0] != r.stored.Lineage[0] {
			r.Fill(m.From) // one of the two does not reach back to where they part
			return false
		}
		r.broken("tail %v agrees up to %d with a history that is committed up to %d and ends at %d", m.From, m.Cut, r.commit, r.last())
		return false
	}
	if m.Cut < r.last() || !slices.Equal(m.Lineage, r.stored.Lineage) {
		r.write(Record{Kind: RecordFollow, Lineage: m.Lineage, Cut: m.Cut, Hash: hash})
	}
	return r.err == nil
}

// acknowledgeFed tells the tail what is durable here. Who falls behind with applying makes it wait.
func (r *Replica) acknowledgeFed() {
	l := &r.learner
	if r.applyingBytes > r.opt.InFlightBytes || r.durable == l.acked && !l.reack {
		return
	}
	l.acked, l.reack = r.durable, false
	r.send(Message{Kind: MsgFollowed, To: r.conf.Tail(), Number: l.number, Last: r.durable})
}
