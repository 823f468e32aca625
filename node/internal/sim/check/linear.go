package check

import (
	"bytes"
	"math"
	"time"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/shard"
)

// Call is one call of a client, as it knows it.
type Call struct {
	history.Op
	Request shard.Request
}

// patience bounds the search for an order of all calls. They are few, and nearly all know their version.
const patience = 10 * time.Second

// Linearizable checks the calls of all clients, at the end. A write of unknown outcome is
// looked up in the truth: either it took effect there, at any time after it began, or it never will. That leaves the
// search fewer orders than a stranger would have to allow, so it sees more.
func (c *Checker) Linearizable(calls []Call) {
	h := history.History{Fresh: true}
	for _, call := range calls {
		o := call.Op
		if o.Outcome == history.Unknown {
			version, applied := c.tookEffect(&call.Request)
			if !applied {
				continue
			}
			o.Outcome, o.Version, o.Return = history.OK, version, math.MaxInt64
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

// tookEffect finds the entry by which a write took effect.
func (c *Checker) tookEffect(q *shard.Request) (version uint64, applied bool) {
	t := c.truth(uint64(q.Shard))
	if q.Kind == shard.Get {
		return 0, false
	}
	if q.Identity.Session != 0 {
		version, applied = t.model.took[identity{uint64(q.Identity.Session), q.Identity.Op}]
		return version, applied && t.at(version).status == statusOK
	}
	// Values are unique, and a write without an identity is a put.
	for i, it := range t.history {
		if cmd, err := decodeCommand(it.command); err == nil && bytes.Equal(cmd.value, q.Value) && t.outcomes[i].status == statusOK {
			return uint64(i + 1), true
		}
	}
	return 0, false
}
