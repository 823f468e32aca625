package sequencer

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Decision is what a register remembers of one. People read it; nothing depends on it. All of it comes with commands, so
// it is the same at every replica. Times and durations are in microseconds, as clocks showed them that may be wrong. A
// duration lies between two looks at one clock; 0: it is not known.
type Decision struct {
	Configuration shard.Configuration
	Reason
	// Active tells that the configuration was ACTIVE at all its members. Only then there is an Outcome.
	Active bool
	Outcome
	// Served is from when its head was ACTIVE until that one had acknowledged a first write; 0: not known, or none came.
	Served uint64
}

// Reason is what was known when the configuration was proposed.
type Reason struct {
	At uint64       // since 1970, by the clock of By
	By shard.NodeID // the head that proposed it; 0: an operator decided, see Ruling
	// Stood is for how long the first suspicion had been known to By.
	Stood uint64
	// Suspicions are those that were believed then, at most MaxSuspicions. Without any it was planned: a node joined at the tail, took
	// the place of another, or one more than needed went.
	Suspicions []Suspicion
}

// Suspicion is what one member said of another one, or of itself: that it wanted to leave.
type Suspicion struct {
	By, Of shard.NodeID
	Silent uint64 // for how long Of had been; 0: there was evidence that it had failed
}

// Outcome is what was known when the configuration was recorded as ACTIVE at all its members.
type Outcome struct {
	HasBase   bool
	Base      shard.Seqno
	Persisted uint64 // from the proposal until it was in force, at the head that proposed it
	Wedge     uint64 // from when the new head learned of it until it knew what to inherit
	Inherit   uint64 // from then until the new head was ACTIVE
	AllActive uint64 // from when it was in force until all members were known to be ACTIVE
}

// planned reports whether the last decision let a node go because it wanted to leave, or without anybody's suspicion.
func (r *Register) planned(n shard.NodeID) bool {
	if len(r.Decisions) == 0 {
		return false
	}
	why := r.Decisions[len(r.Decisions)-1].Suspicions
	return len(why) == 0 || slices.ContainsFunc(why, func(s Suspicion) bool { return s.By == n && s.Of == n })
}

const (
	// MaxDecisions bounds the decisions that a register remembers: the last ones.
	MaxDecisions = 64
	// MaxSuspicions bounds those remembered of one decision, since members may all accuse each other.
	MaxSuspicions = 16
)

// remember returns the decisions with one more; the oldest goes where they are too many.
func remember(past []Decision, d Decision) []Decision {
	past = past[max(0, len(past)+1-MaxDecisions):]
	return append(append(make([]Decision, 0, len(past)+1), past...), d)
}

// activated returns the decisions with the outcome of one of them.
func activated(past []Decision, e shard.Epoch, o Outcome) []Decision {
	now := append([]Decision(nil), past...)
	for i := range now {
		if now[i].Configuration.Epoch == e {
			now[i].Active, now[i].Outcome = true, o
		}
	}
	return now
}

// Unserved is the place among the decisions of that about c, if it is not known when its head acknowledged a first write; -1: it is, or there is none.
func (r *Register) Unserved(c shard.Configuration) int {
	return slices.IndexFunc(r.Decisions, func(d Decision) bool { return d.Configuration.Equal(c) && d.Served == 0 })
}

// served is the register that knows it. The first time counts.
func (r *Register) served(c shard.Configuration, took uint64) *Register {
	i := r.Unserved(c)
	if i < 0 {
		return r
	}
	next := r.with(r.Chain, r.Activated, r.Learner)
	next.Decisions = slices.Clone(r.Decisions)
	next.Decisions[i].Served = took
	return next
}

// append encodes r: At, By in 8 bytes, Stood, and of each suspicion By and Of in 8 bytes and Silent.
func (r Reason) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(binary.AppendUvarint(b, r.At), uint64(r.By))
	b = binary.AppendUvarint(binary.AppendUvarint(b, r.Stood), uint64(len(r.Suspicions)))
	for _, s := range r.Suspicions {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(s.By)), uint64(s.Of))
		b = binary.AppendUvarint(b, s.Silent)
	}
	return b
}

func decodeReason(d *shard.Decoder) Reason {
	r := Reason{At: d.Uvarint(), By: shard.NodeID(d.Uint64()), Stood: d.Uvarint()}
	n := d.Count(17)
	if n > MaxSuspicions {
		d.Fail(fmt.Errorf("%d suspicions: want at most %d", n, MaxSuspicions))
		return r
	}
	for range n {
		r.Suspicions = append(r.Suspicions, Suspicion{By: shard.NodeID(d.Uint64()), Of: shard.NodeID(d.Uint64()), Silent: d.Uvarint()})
	}
	return r
}

// append encodes o: 1 and Base, or 0; then the durations.
func (o Outcome) append(b []byte) []byte {
	if b = shard.AppendBool(b, o.HasBase); o.HasBase {
		b = binary.AppendUvarint(b, uint64(o.Base))
	}
	for _, took := range []uint64{o.Persisted, o.Wedge, o.Inherit, o.AllActive} {
		b = binary.AppendUvarint(b, took)
	}
	return b
}

func decodeOutcome(d *shard.Decoder) (o Outcome) {
	if o.HasBase = d.Bool(); o.HasBase {
		o.Base = shard.Seqno(d.Uvarint())
	}
	o.Persisted, o.Wedge, o.Inherit, o.AllActive = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Uvarint()
	return o
}

// appendDecisions encodes each: the configuration, the reason, 1 and the outcome, or 0, and Served.
func appendDecisions(b []byte, all []Decision) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, x := range all {
		b = x.Reason.append(shard.AppendConfiguration(b, x.Configuration))
		if b = shard.AppendBool(b, x.Active); x.Active {
			b = x.Outcome.append(b)
		}
		b = binary.AppendUvarint(b, x.Served)
	}
	return b
}

// decodeDecisions reads consecutive decisions, of which newest is the last.
func decodeDecisions(d *shard.Decoder, newest shard.Configuration) (all []Decision) {
	n := d.Count(24)
	if n > MaxDecisions {
		d.Fail(fmt.Errorf("%d decisions: want at most %d", n, MaxDecisions))
		return nil
	}
	for i := range n {
		x := Decision{Configuration: d.Configuration(), Reason: decodeReason(d)}
		if x.Active = d.Bool(); x.Active {
			x.Outcome = decodeOutcome(d)
		}
		x.Served = d.Uvarint()
		if i > 0 && x.Configuration.Epoch != all[i-1].Configuration.Epoch+1 {
			d.Fail(fmt.Errorf("decision of epoch %d comes after that of %d", x.Configuration.Epoch, all[i-1].Configuration.Epoch))
		}
		if x.Configuration.Shard != newest.Shard {
			d.Fail(fmt.Errorf("decision of shard %d in the register of shard %d", x.Configuration.Shard, newest.Shard))
		}
		all = append(all, x)
	}
	if n > 0 && !all[n-1].Configuration.Equal(newest) {
		d.Fail(fmt.Errorf("the last decision is of epoch %d, and the newest configuration of epoch %d another one", all[n-1].Configuration.Epoch, newest.Epoch))
	}
	return all
}
