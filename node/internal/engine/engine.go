package engine

import (
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
	"github.com/ringward/ringward/wedge"
)

// reportEvery is how often, in ticks, a standing suspicion is reported again.
const reportEvery = 2

// minSilence is how many ticks without an answer a node that learns has at least, however soon it would be replaced by another, where
// nodes have so much time before they are suspected.
const minSilence = 64

// expireAtOnce bounds the sessions that one command ends.
const expireAtOnce = 256

// engine is one hosted replica with its three parts composed: the replica itself, the wedge round
// it runs as head of a new configuration, and its share in sequencing the next shard.
type engine struct {
	host    *Host
	id      shard.ID
	touched bool // see Host.touch
	replica *shard.Replica
	epoch   shard.Epoch // of the configuration that round and relay are about

	round *wedge.Round // while this is the PENDING head of a new configuration

	next      shard.ID // the shard it sequences
	register  *sequencer.Register
	proposer  *sequencer.Proposer
	enforcer  *sequencer.Enforcer
	recruiter *sequencer.Recruiter
	leads     bool        // as it was seen last
	completed shard.Epoch // the last epoch of next that this head proposed to record as activated
	told      shard.Epoch // the last epoch of next of whose first write this head proposed to take note
	appliedTo shard.Seqno // up to where the register is known
	frozen    frozen
	adopted   shard.Epoch // the last epoch in which this head proposed to adopt the ruling that it holds

	ticks    int
	suspects []shard.NodeID // as they were reported last
	idle     map[shard.SessionID]idleSince
	pace     pace
	decided  uint64 // when the newest decision about next was in force here, in microseconds; 0: before this life
	out      []shard.Message
	events   []shard.Event
}

// idleSince is when a session was first seen with its last use.
type idleSince struct {
	lastUsed shard.Seqno
	tick     int
	ended    bool // an expiry was proposed
}

func newEngine(h *Host, id shard.ID, replica *shard.Replica, register *sequencer.Register) *engine {
	next := h.opt.Genesis.Ring.Next(id)
	numbers := h.opt.Replica.Numbers
	e := &engine{
		host: h, id: id, replica: replica, next: next, register: register,
		proposer: sequencer.NewProposer(h.opt.ReportTicks), enforcer: sequencer.NewEnforcer(numbers),
		recruiter: sequencer.NewRecruiter(sequencer.RecruiterOptions{
			Regrow: h.opt.RegrowTicks, Rejoin: 2 * h.opt.SuspectTicks,
			Silence: max(min(4*h.opt.SuspectTicks+8, max(h.opt.RegrowTicks, minSilence)), h.opt.RegrowTicks/8),
		}, numbers),
		idle: map[shard.SessionID]idleSince{},
	}
	e.appliedTo, _ = replica.Uncommitted()
	e.enforcer.Follow(register)
	e.follow()
	return e
}

// step takes a message for this replica, or for its office as a sequencer.
func (e *engine) step(m shard.Message) {
	e.host.touch(e)
	if m.Shard == e.id {
		if e.closed(m) {
			return
		}
		e.hold(m.Ruling)
	}
	switch m.Kind {
	case shard.MsgWedged:
		if m.Shard == e.id {
			e.replica.Learn(m.Chain)
			if e.round != nil {
				e.round.Answer(m)
			}
		}
		if m.Shard == e.next {
			e.enforcer.Answer(m)
			e.complete()
		}
	case shard.MsgFetched:
		if e.round != nil {
			e.round.Fetched(m)
		}
	case shard.MsgCompacted:
		if e.round != nil {
			e.round.Compacted(m)
		}
		e.replica.Step(m)
	case shard.MsgRecruit:
		e.recruited(m)
	case shard.MsgRecruited:
		e.recruiter.Answer(m)
	case shard.MsgReport:
		e.report(m)
	case shard.MsgServed:
		e.served(m)
	default:
		e.replica.Step(m)
	}
	e.follow()
}

// follow reacts to a configuration that the replica has learned: its promised head gathers the history to
// inherit, everyone else passes the wedge on once, since the sequencer may be cut off from some.
func (e *engine) follow() {
	if conf := e.replica.Configuration(); conf.Epoch > e.epoch {
		e.epoch = conf.Epoch
		e.round = nil
		e.pace = pace{learned: e.host.now}
		if !e.replica.Inherits() && e.replica.State() != shard.Active {
			e.out = append(e.out, wedge.NewAsking(e.replica.Chain(), e.host.opt.Replica.Numbers.Next()).Messages()...)
		}
		e.proposer.Reset()
		e.completed, e.told = 0, 0
		e.host.learn(e.replica.Chain())
		e.suspect() // whom a hold was about may be no member any more
	}
	e.pace.activated(e.replica.State(), e.host.now)
	if e.round == nil && e.replica.Inherits() && !e.replica.Filling() {
		e.round = wedge.NewRound(e.host.opt.Replica.Self, e.replica.Chain(), e.host.opt.Replica.Numbers)
		e.round.Tick()
	}
	e.lead()
	if e.round == nil {
		return
	}
	e.out = append(e.out, e.round.Send()...)
	if in, ok := e.round.Result(); ok {
		e.replica.Inherit(in)
		e.pace.chose(e.host.now)
		e.round = nil
	} else if owner, ok := e.round.Snapshot(); ok {
		e.replica.Fill(owner)
		e.pace.chose(e.host.now)
		e.round = nil
	}
}

// lead begins with what waits for a head at work, as soon as this is one: where a node was in two neighbouring shards, the second one waits
// for the first.
func (e *engine) lead() {
	was := e.leads
	if e.leads = e.replica.Leads(); e.leads && !was {
		e.adopt()
		e.propose()
	}
}

// report takes what a member of the next shard, or another replica of this one, says of its members.
func (e *engine) report(m shard.Message) {
	chain := e.register.Chain
	if known := e.host.Known(e.next); known.Newest().Epoch > chain.Newest().Epoch {
		chain = known // the register is behind
	}
	if newest := chain.Newest(); m.Epoch < newest.Epoch {
		// The reporter does not know what was decided since: that counts as the wedge.
		e.out = append(e.out, shard.Message{Kind: shard.MsgRefuse, Shard: e.next, Epoch: newest.Epoch, To: m.From, Chain: chain})
		return
	}
	if !e.member() {
		// The reporter does not know who sequences its shard by now, and may know nobody else to ask.
		conf := e.replica.Configuration()
		e.out = append(e.out, shard.Message{Kind: shard.MsgRefuse, Shard: e.id, Epoch: conf.Epoch, To: m.From, Chain: e.replica.Chain()})
		return
	}
	if m.Epoch == e.register.Chain.Newest().Epoch { // else this replica is behind, and the report will be repeated
		e.proposer.Report(m, e.host.detector.Now(), e.host.now)
		e.propose()
	}
}

// propose decides a successor of the next shard's configuration where suspicion calls for it, if this is the
// head. It takes effect when the command is applied, here and elsewhere.
func (e *engine) propose() {
	if !e.replica.Leads() || e.waits() {
		return
	}
	c, ok := e.proposer.Propose(e.register, e.host.hears)
	switch {
	case !ok:
	case !e.replica.Propose(sequencer.Reconfigure(c, e.proposer.Reason(e.register.Chain.Newest(), e.reason()))):
		e.proposer.Reset()
	case mutant.On(mutant.ProposerActsEarly):
		e.host.learn(append(slices.Clone(e.register.Chain), c))
	}
}

// complete records the next shard's newest configuration as ACTIVE at all its members.
func (e *engine) complete() {
	c, ok := e.enforcer.Complete()
	if ok && c.Epoch > e.completed && !e.waits() && e.replica.Leads() && e.replica.Propose(sequencer.Activated(c, e.outcome())) {
		e.completed = c.Epoch
	}
}

// applied takes the position up to which the history is applied, and the register there.
func (e *engine) applied(seqno shard.Seqno, register *sequencer.Register) {
	e.replica.Applied(seqno)
	e.appliedTo = seqno
	e.serve()
	defer e.lead() // by what the register is then
	if register == e.register {
		return
	}
	before := e.register.Chain.Newest()
	e.register = register
	e.enforcer.Follow(register)
	if register.Chain.Newest().Epoch > before.Epoch {
		e.decided = e.host.now
	}
	c := register.Chain.Newest()
	if c.Epoch <= before.Epoch {
		return
	}
	if e.member() {
		e.events = append(e.events, shard.Event{Kind: shard.EventReconfigured, Shard: e.next, Configuration: c})
		e.out = append(e.out, e.enforcer.Tick()...)
	}
	e.host.learn(register.Chain) // in any case: it may be a member again, and has to know whom to watch
}

func (e *engine) tick() {
	e.ticks++
	e.replica.Tick()
	if e.round != nil {
		e.round.Tick()
	}
	e.suspect()
	e.proposer.Tick()
	e.adopt()
	e.propose()
	e.recruit()
	if e.member() {
		e.out = append(e.out, e.enforcer.Tick()...)
	}
	e.complete()
	e.follow()
}

// recruit looks for a node that can take the place of one that the next shard has lost, if this is the head.
func (e *engine) recruit() {
	if !e.replica.Leads() || e.waits() {
		return
	}
	e.recruiter.Reason = e.reason()
	send, command := e.recruiter.Tick(e.register, view{e})
	e.out = append(e.out, send...)
	if command != nil {
		e.replica.Propose(*command)
	}
}

// recruited answers the sequencer that wants this node to learn the shard, or asks whether it could.
func (e *engine) recruited(m shard.Message) {
	if m.Synced && m.Epoch == e.replica.Configuration().Epoch {
		e.replica.Recruit()
	}
	durable, taken := e.replica.Progress()
	e.out = append(e.out, shard.Message{
		Kind: shard.MsgRecruited, Shard: e.id, Epoch: e.replica.Configuration().Epoch, To: m.From, Number: m.Number,
		Synced: e.replica.CaughtUp(), Last: durable, Base: taken,
	})
}

// member reports whether this is a replica of its shard's newest configuration. One that was removed has no
// say in it any more, nor in the shard that it sequenced.
func (e *engine) member() bool { return e.replica.Configuration().Has(e.host.opt.Replica.Self) }

// suspect holds new requests while a member of this very shard is suspected, and reports it to the sequencer.
func (e *engine) suspect() {
	conf := e.replica.Configuration()
	var suspects []shard.NodeID
	if e.member() {
		for _, m := range conf.Members {
			if e.host.detector.Suspects(m) {
				suspects = append(suspects, m)
			}
		}
	}
	if mutant.On(mutant.WedgeWithoutDecision) && len(suspects) > 0 {
		next := shard.Configuration{Shard: e.id, Epoch: conf.Epoch + 1}
		for _, m := range conf.Members {
			if !slices.Contains(suspects, m) {
				next.Members = append(next.Members, m)
			}
		}
		e.host.learn(append(slices.Clone(e.replica.Chain()), next))
	}
	e.replica.Hold(len(suspects) > 0)
	if e.host.leaving && e.leaves() {
		suspects = append(suspects, e.host.opt.Replica.Self)
	}
	if slices.Equal(suspects, e.suspects) && (len(suspects) == 0 || e.ticks%reportEvery != 0) {
		return
	}
	e.suspects = suspects
	for _, m := range e.host.Known(e.host.opt.Genesis.Ring.Sequencer(e.id)).Newest().Members {
		e.out = append(e.out, shard.Message{
			Kind: shard.MsgReport, Shard: e.id, Epoch: conf.Epoch, To: m, Suspects: suspects, Took: e.silences(suspects),
		})
	}
}

// sessions ends those unused for too long, by a command, if this is the head. A use that comes before the command
// in the history keeps its session.
func (e *engine) sessions(open []shard.Idle) {
	if !e.replica.Leads() {
		clear(e.idle)
		return
	}
	seen := make(map[shard.SessionID]idleSince, len(open))
	var expired []shard.Idle
	for _, s := range open {
		since, ok := e.idle[s.Session]
		if !ok || since.lastUsed != s.LastUsed {
			since = idleSince{lastUsed: s.LastUsed, tick: e.ticks}
		}
		if !since.ended && e.ticks-since.tick >= e.host.opt.SessionTicks && len(expired) < expireAtOnce {
			since.ended = true
			expired = append(expired, s)
		}
		seen[s.Session] = since
	}
	e.idle = seen
	if len(expired) > 0 {
		e.replica.Propose(shard.Command{Kind: shard.CommandExpireSessions, Expired: expired})
	}
}

// peers are the nodes that this replica exchanges heartbeats with: its fellow members, those it
// sequences, and those that sequence it.
func (e *engine) peers(add func(shard.NodeID)) {
	if !e.member() {
		return
	}
	ring := e.host.opt.Genesis.Ring
	for _, c := range []shard.Configuration{
		e.replica.Configuration(),
		e.host.Known(e.next).Newest(),
		e.host.Known(ring.Sequencer(e.id)).Newest(),
	} {
		for _, m := range c.Members {
			add(m)
		}
	}
}
