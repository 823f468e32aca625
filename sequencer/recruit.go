package sequencer

import (
	"slices"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Recruiter brings a shard that lost members back to its strength: it finds a node, has it recorded in the register as the
// learner, has it learn, and appends it at the tail once it has caught up. It works at the head of the sequencer
// shard. One learner is recorded at a time, so no two race; what counts is the register alone.
//
// Where a member drains, or another node would do better, the learner takes its place, in one decision. And a shard that has more
// members than it should gives one up. Nothing of this hurries.
//
// A node that was dropped may come back at once: it has most of what there is. Another one is looked for only after a
// while, since short outages end. Who is dropped again and again waits ever longer.
type Recruiter struct {
	// Reason is what its decisions are recorded with. The caller keeps the time in it.
	Reason Reason

	opt     RecruiterOptions
	numbers *shard.Numbers
	now     int

	newest shard.Configuration // what follows is about this one
	lacks  int                 // how many members it has too few
	since  int                 // the tick from which that has been so
	// node is the learner, or one that is asked whether it could be; heardAt when it answered last, or was asked first.
	node     shard.NodeID
	number   shard.Number
	turnedAt int // when it was asked first
	heardAt  int
	there    bool // it has answered
	ready    bool // it has caught up
	// last and taken are how far it is, as it said; movedAt is when it said something else before.
	last, taken shard.Seqno
	movedAt     int

	proposed   *Register // the register for which a command was proposed last, and when
	proposedAt int
	resting    map[shard.NodeID]int // until when a node is not asked
	members    map[shard.NodeID]membership
	vain       map[shard.NodeID]vain
}

// membership is what a node was in for, and how that ended.
type membership struct {
	since int // when it became a member, as far as this head knows
	wait  int // for how long it was kept out when it was dropped last; 0: never
}

// vain is a node that was asked, and did not become a member: others have their turn first.
type vain struct{ until, rest int }

// RecruiterOptions are in ticks.
type RecruiterOptions struct {
	Regrow  int // for how long it lacks a member before a node that was none is looked for; 0: nobody is recruited
	Rejoin  int // for how long a member that was dropped for the first time has to wait
	Silence int // after how long without an answer a node is given up
}

const (
	recruitEvery = 2 // ticks between two askings
	// looksPerRegrow is how often in the time of Regrow it is looked whether an exchange would be good.
	looksPerRegrow = 4
	// stuckAfter is after how long without a step forward a learner is given up, in times of Silence; but not before half of
	// Regrow: how long a disk takes has nothing to do with how soon nodes are suspected.
	stuckAfter = 3
	// mostVain bounds the rest of a node that is asked in vain, in times of Silence.
	mostVain = 256
	maxWait  = 6 // bounds the wait of a dropped node, in times of Regrow
	// soundAfter is how much longer than it was kept out a node must have been a member to be as good as any other.
	soundAfter = 4
)

// NewRecruiter knows of no shard yet.
func NewRecruiter(opt RecruiterOptions, numbers *shard.Numbers) *Recruiter {
	return &Recruiter{opt: opt, numbers: numbers, resting: map[shard.NodeID]int{}, members: map[shard.NodeID]membership{}, vain: map[shard.NodeID]vain{}}
}

// Answer takes a MsgRecruited.
func (r *Recruiter) Answer(m shard.Message) {
	if m.From != r.node || m.Number != r.number || m.Epoch > r.newest.Epoch {
		return
	}
	if m.Done {
		r.vain[r.node] = vain{until: r.now + r.opt.Regrow, rest: r.vain[r.node].rest}
		r.turn(0)
		return
	}
	r.heardAt, r.there, r.ready = r.now, true, m.Synced && m.Epoch == r.newest.Epoch
	r.vain[r.node] = vain{rest: r.vain[r.node].rest} // its turn has come again
	if m.Last != r.last || m.Base != r.taken {
		if r.last, r.taken = m.Last, m.Base; !r.ready {
			r.movedAt = r.now // one that has caught up, and may not join, is given up as well
		}
	}
}

// Busy reports whether somebody learns, or is asked.
func (r *Recruiter) Busy() bool { return r.node != 0 }

// View is what a recruiter sees of the ring: hints.
type View interface {
	// Strength is how many members the shard should have.
	Strength() int
	// Spare is the best node to grow onto, of those that may join; one that was a member in the beginning, where home is set.
	Spare(home bool, joins func(shard.NodeID) bool) (shard.NodeID, bool)
	// Exchange is the member that had better go, and the node to take its place, of those that may join.
	Exchange(joins func(shard.NodeID) bool) (Move, bool)
	// Excess is the member that the shard can best do without.
	Excess() (shard.NodeID, bool)
	// Quiet reports whether the ring is at rest, so that improvements may be begun.
	Quiet() bool
}

// Tick passes one unit of time. It returns what to send, and the command to propose, if one is due.
func (r *Recruiter) Tick(reg *Register, v View) ([]shard.Message, *shard.Command) {
	r.now++
	r.enter(reg)
	if r.opt.Regrow == 0 || reg.Activated != r.newest.Epoch && !mutant.On(mutant.LearnerAtOnce) {
		return nil, nil
	}
	if lacks := v.Strength() - len(r.newest.Members); r.since == 0 || lacks != r.lacks {
		r.lacks, r.since = lacks, r.now
	}
	if r.lacks < 0 && r.now-r.since >= r.opt.Regrow && r.looks() {
		if n, ok := v.Excess(); ok {
			return nil, r.propose(reg, r.reconfigure(without(r.newest.Members, n)))
		}
	}
	switch {
	case reg.Learner != 0 && r.vain[reg.Learner].until > r.now:
		return nil, r.dismiss(reg) // it was given up
	case reg.Learner != 0:
		if r.lacks <= 0 && (r.node != reg.Learner || r.looks()) {
			if _, ok := v.Exchange(func(n shard.NodeID) bool { return n == reg.Learner }); !ok {
				return nil, r.dismiss(reg) // the ring has changed, and nobody need go any more
			}
		}
		if r.node != reg.Learner {
			r.turn(reg.Learner)
		}
	case r.node == 0:
		n, ok := r.choose(v)
		if !ok {
			return nil, nil
		}
		r.turn(n)
	}
	return r.ask(reg, v)
}

// choose names the next to ask.
func (r *Recruiter) choose(v View) (n shard.NodeID, ok bool) {
	if r.lacks <= 0 && !r.looks() {
		return 0, false
	}
	rested := func(n shard.NodeID) bool { return r.resting[n] <= r.now }
	turn := func(n shard.NodeID) bool { return rested(n) && r.vain[n].until <= r.now }
	if r.lacks <= 0 {
		x, ok := v.Exchange(turn)
		return x.Joins, ok && (x.Drains || v.Quiet())
	}
	home := r.now-r.since < r.opt.Regrow
	if n, ok = v.Spare(home, turn); !ok {
		n, ok = v.Spare(home, rested) // nobody else is there to have a turn
	}
	return n, ok
}

// looks reports whether it is looked in this tick for what would be better.
func (r *Recruiter) looks() bool { return r.now%max(r.opt.Regrow/looksPerRegrow, 1) == 0 }

// dismiss lets the learner go, if there is one, and whoever is asked.
func (r *Recruiter) dismiss(reg *Register) *shard.Command {
	r.turn(0)
	if reg.Learner == 0 {
		return nil
	}
	return r.propose(reg, Recruit(r.newest, 0))
}

// enter takes note of who was dropped by a decision. Who went by plan is welcome whenever it is back.
func (r *Recruiter) enter(reg *Register) {
	newest := reg.Chain.Newest()
	if newest.Epoch == r.newest.Epoch {
		return
	}
	for _, m := range newest.Members {
		if !r.newest.Has(m) {
			delete(r.vain, m)
			r.members[m] = membership{since: r.now, wait: r.members[m].wait}
		}
	}
	for _, m := range r.newest.Members {
		if newest.Has(m) || reg.planned(m) {
			continue
		}
		was := r.members[m]
		if r.now-was.since > soundAfter*was.wait {
			was.wait = 0
		}
		was.wait = min(max(2*was.wait, r.opt.Rejoin), max(maxWait*r.opt.Regrow, r.opt.Rejoin))
		r.members[m], r.resting[m] = was, r.now+was.wait
	}
	r.newest, r.since = newest, 0
	r.turn(0)
}

// reconfigure decides the next configuration.
func (r *Recruiter) reconfigure(members []shard.NodeID) shard.Command {
	return Reconfigure(shard.Configuration{Shard: r.newest.Shard, Epoch: r.newest.Epoch + 1, Members: members}, r.Reason)
}

// turn to another node, or to none.
func (r *Recruiter) turn(n shard.NodeID) {
	r.node, r.there, r.ready = n, false, false
	r.turnedAt, r.heardAt, r.movedAt = r.now, r.now, r.now
	if n != 0 {
		r.number = r.numbers.Next()
	}
}

// ask goes on with the node.
func (r *Recruiter) ask(reg *Register, v View) ([]shard.Message, *shard.Command) {
	silence, recorded := r.opt.Silence, reg.Learner == r.node
	if !recorded && !r.there {
		silence = min(silence/4, max(r.opt.Regrow, 4*recruitEvery)) // whether it is there is soon told
	}
	switch {
	case r.now-r.heardAt > silence || r.now-r.movedAt > max(stuckAfter*r.opt.Silence, r.opt.Regrow/2):
		// Longer than it was tried, and ever longer: others have their turn before it has another.
		rest := min(max(r.opt.Regrow, 2*(r.now-r.turnedAt), 2*r.vain[r.node].rest), mostVain*r.opt.Silence)
		if r.lacks <= 0 {
			rest = r.opt.Regrow // nothing hurries: it, or the ring, may have something else to do
		}
		r.vain[r.node] = vain{until: r.now + rest, rest: rest}
		return nil, r.dismiss(reg)
	case recorded && (r.ready || mutant.On(mutant.LearnerAtOnce)):
		switch members, hurries, ok := r.joined(v); {
		case ok && (hurries || v.Quiet()):
			return nil, r.propose(reg, r.reconfigure(members))
		case !ok && r.lacks <= 0:
			return nil, r.dismiss(reg)
		}
	case recorded && r.lacks <= 0 && mutant.On(mutant.MoveWedgesFirst):
		if x, ok := v.Exchange(r.asked); ok && len(r.newest.Members) > 1 {
			return nil, r.propose(reg, r.reconfigure(without(r.newest.Members, x.Leaves)))
		}
	case !recorded && r.there:
		return nil, r.propose(reg, Recruit(r.newest, r.node))
	}
	if r.now%recruitEvery != 0 {
		return nil, nil
	}
	return []shard.Message{{
		Kind: shard.MsgRecruit, Shard: r.newest.Shard, Epoch: r.newest.Epoch, To: r.node, Number: r.number,
		Synced: recorded, Done: r.lacks <= 0, Chain: reg.Chain,
	}}, nil
}

// joined are the members with the node at the tail. It reports false where it may not become one any more: other shards may
// have changed since it was chosen. What is no more than an improvement does not hurry.
func (r *Recruiter) joined(v View) (members []shard.NodeID, hurries, ok bool) {
	if r.lacks > 0 {
		_, ok = v.Spare(false, r.asked)
		return append(slices.Clone(r.newest.Members), r.node), true, ok || mutant.On(mutant.LearnerAtOnce)
	}
	x, ok := v.Exchange(r.asked)
	return append(without(r.newest.Members, x.Leaves), r.node), x.Drains, ok
}

// asked reports whether it is the node.
func (r *Recruiter) asked(n shard.NodeID) bool { return n == r.node }

// propose lets a command pass, unless one is under way for the same state of the register.
func (r *Recruiter) propose(reg *Register, c shard.Command) *shard.Command {
	if r.proposed == reg && r.now-r.proposedAt <= r.opt.Silence {
		return nil
	}
	r.proposed, r.proposedAt = reg, r.now
	return &c
}
