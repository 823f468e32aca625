package check

import (
	"math"
	"time"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/shard"
)

// Call is one call of a client, as it knows it.
type Call struct {
	history.Op
	Request shard.Request
	Names   []shard.Identity // all that it was ever asked for under; none: it has none
}

// patience bounds the search for an order of all calls. They are few, and nearly all know their version.
const patience = 10 * time.Second

// Once checks, at the end, what the clients made of it: each write took effect once at most, under whichever of its
// names, where the client was told; and none that it was told is surely not applied.
func (c *Checker) Once(calls []Call) {
	for i := range calls {
		call := &calls[i]
		if call.Request.Kind == shard.Get {
			continue
		}
		effects := c.effects(call)
		switch id := uint64(call.Request.Shard); {
		case len(effects) > 1:
			c.fail(6, id, 0, "%v took effect %d times, at %v", &call.Op, len(effects), effects)
		case call.Outcome == history.OK && (len(effects) == 0 || effects[0] != call.Version):
			c.fail(6, id, 0, "%v is told to have version %d, and took effect at %v", &call.Op, call.Version, effects)
		case call.Outcome != history.OK && call.Outcome != history.Unknown && len(effects) > 0:
			c.fail(6, id, 0, "%v is told not to have happened, and took effect at %d", &call.Op, effects[0])
		}
	}
}

// Linearizable checks the calls of all clients, at the end. A write of unknown outcome is
// looked up in the truth: either it took effect there, at any time after it began, or it never will. That leaves the
// search fewer orders than a stranger would have to allow, so it sees more.
func (c *Checker) Linearizable(calls []Call) {
	h := history.History{Fresh: true}
	for i := range calls {
		o := calls[i].Op
		if o.Outcome == history.Unknown {
			effects := c.effects(&calls[i])
			if len(effects) == 0 {
				continue
			}
			o.Outcome, o.Version, o.Return = history.OK, effects[0], math.MaxInt64
		}
		h.Ops = append(h.Ops, o)
	}
	if report := h.Check(patience); !report.OK() {
		id := uint64(0)
		if len(report.Violations) > 0 {
			for _, call := range calls {
				if call.Key == report.Violations[0].Key {
					id = uint64(call.Request.Shard)
				}
			}
		}
		c.fail(7, id, 0, "%v", report)
	}
}

// effects finds the entries by which a call took effect.
func (c *Checker) effects(call *Call) (versions []uint64) {
	t := c.truth(uint64(call.Request.Shard))
	if call.Request.Kind == shard.Get {
		return nil
	}
	for _, name := range call.Names {
		version, applied := t.model.took[identity{uint64(name.Session), name.Op}]
		if applied && t.at(version).status == statusOK {
			versions = append(versions, version)
		}
	}
	// Values are unique, and a write without a name is a put.
	if version, applied := t.model.puts[string(call.Request.Value)]; applied && len(call.Names) == 0 {
		versions = append(versions, version)
	}
	return versions
}
