package check

import (
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/shard"
)

// Call is one call of a client, as it knows it.
type Call struct {
	history.Op
	Request shard.Request
	Names   []shard.Identity // all that it was ever asked for under; none: it has none
}

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
