package sequencer

import (
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
	"github.com/ringward/ringward/wedge"
)

// Enforcer wedges what the register has superseded: every replica of the sequencer shard runs one, and repeats
// the wedge until every member of the decided successor has reported ACTIVE or a later decision came.
type Enforcer struct {
	numbers *shard.Numbers
	asking  *wedge.Asking // nil: nothing to enforce
	active  map[shard.NodeID]bool
	outcome Outcome // as far as the answers tell
}

// NewEnforcer enforces nothing yet.
func NewEnforcer(numbers *shard.Numbers) *Enforcer { return &Enforcer{numbers: numbers} }

// Follow takes the register as it stands now.
func (e *Enforcer) Follow(reg *Register) {
	newest := reg.Chain.Newest()
	if reg.Activated == newest.Epoch {
		e.asking = nil
		return
	}
	if e.asking == nil || e.asking.Chain.Newest().Epoch != newest.Epoch {
		e.asking = wedge.NewAsking(reg.Chain, e.numbers.Next())
		e.active = map[shard.NodeID]bool{}
		e.outcome = Outcome{}
	}
}

// Answer takes a MsgWedged. A member is asked again until it is ACTIVE; a node outside of the successor only
// until it has promised.
func (e *Enforcer) Answer(m shard.Message) {
	if e.asking == nil || m.Number != e.asking.Number {
		return
	}
	newest := e.asking.Chain.Newest()
	if !newest.Has(m.From) {
		if m.Epoch >= newest.Epoch {
			e.asking.Answered(m.From)
		}
		return
	}
	if m.Active >= newest.Epoch {
		e.active[m.From] = true
		e.asking.Answered(m.From)
		if base, ok := m.Lineage.BaseOf(newest.Epoch); ok {
			e.outcome.HasBase, e.outcome.Base = true, base
		}
		if m.From == newest.Head() && len(m.Took) == 2 {
			e.outcome.Wedge, e.outcome.Inherit = m.Took[0], m.Took[1]
		}
	}
}

// Outcome is what the answers told of the configuration that is being enforced.
func (e *Enforcer) Outcome() Outcome { return e.outcome }

// Complete returns the configuration that all its members have reported ACTIVE, and that is not yet recorded as such.
func (e *Enforcer) Complete() (shard.Configuration, bool) {
	if e.asking == nil {
		return shard.Configuration{}, false
	}
	newest := e.asking.Chain.Newest()
	for i, m := range newest.Members {
		if i > 0 && mutant.On(mutant.ForgottenWhenHeadActive) {
			break
		}
		if !e.active[m] {
			return shard.Configuration{}, false
		}
	}
	return newest, true
}

// Tick passes one unit of time and returns the wedges to send now.
func (e *Enforcer) Tick() []shard.Message {
	if e.asking == nil {
		return nil
	}
	return e.asking.Tick()
}
