package engine

import (
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Now tells what time it is, in microseconds since 1970 by a clock that may be wrong. Decisions are recorded with it, and how
// long they took, for people to read: nothing else depends on it. It is told at the beginning of each turn; where it
// never is, all times are 0: not known.
func (h *Host) Now(micros uint64) { h.now = micros }

// pace is when a replica got how far with the newest configuration that it knows; 0: not yet, or in an earlier life.
type pace struct{ learned, chosen, active, served uint64 }

// chose notes that the history to inherit is known. The first time counts: a snapshot is a part of inheriting.
func (p *pace) chose(now uint64) {
	if p.chosen == 0 {
		p.chosen = now
	}
}

func (p *pace) activated(s shard.State, now uint64) {
	if p.active == 0 && s == shard.Active {
		p.active = now
	}
}

// elapsed is the time between two looks at the clock, at least 1; 0 where it is not known, or the clock went back.
func elapsed(from, to uint64) uint64 {
	if from == 0 || to < from {
		return 0
	}
	return max(1, to-from)
}

// timed completes the answers of a head that has become ACTIVE in this life.
func (e *engine) timed(send []shard.Message) {
	if e.pace.chosen == 0 {
		return
	}
	for i := range send {
		if m := &send[i]; m.Kind == shard.MsgWedged && m.Active == e.epoch {
			m.Took = []uint64{elapsed(e.pace.learned, e.pace.chosen), elapsed(e.pace.chosen, e.pace.active)}
		}
	}
}

// serve tells the sequencer, once, how long it took a head that has become ACTIVE in this life to acknowledge a first write.
func (e *engine) serve() {
	if e.pace.chosen == 0 || e.pace.active == 0 || e.pace.served != 0 || !e.replica.Served() {
		return
	}
	e.pace.served = e.host.now
	conf := e.replica.Configuration()
	for _, m := range e.host.Known(e.host.opt.Genesis.Ring.Sequencer(e.id)).Newest().Members {
		e.out = append(e.out, shard.Message{
			Kind: shard.MsgServed, Shard: e.id, Epoch: conf.Epoch, To: m, Took: []uint64{elapsed(e.pace.active, e.pace.served)},
		})
	}
}

// served takes what a head of the next shard says of its first write.
func (e *engine) served(m shard.Message) {
	newest := e.register.Chain.Newest()
	if m.Epoch != newest.Epoch || m.Epoch <= e.told || m.From != newest.Head() || len(m.Took) != 1 || m.Took[0] == 0 || e.register.Unserved(newest) < 0 {
		return
	}
	if e.replica.Leads() && !e.waits() && e.replica.Propose(sequencer.Served(newest, m.Took[0])) {
		e.told = m.Epoch // once, however often it is said before it is applied
	}
}

// reason begins what a decision is recorded with.
func (e *engine) reason() sequencer.Reason {
	return sequencer.Reason{At: e.host.now, By: e.host.opt.Replica.Self}
}

// outcome is what the newest decision about the next shard is completed with.
func (e *engine) outcome() sequencer.Outcome {
	o := e.enforcer.Outcome()
	o.AllActive = elapsed(e.decided, e.host.now)
	if n := len(e.register.Decisions); n > 0 && e.register.Decisions[n-1].By == e.host.opt.Replica.Self {
		o.Persisted = elapsed(e.register.Decisions[n-1].At, e.decided)
	}
	return o
}

// silences are for how long the suspects had been silent when they were suspected; 0: there was evidence.
func (e *engine) silences(suspects []shard.NodeID) []uint64 {
	var all []uint64
	for _, s := range suspects {
		all = append(all, uint64(e.host.detector.Silence(s))*e.host.opt.TickMicros)
	}
	return all
}
