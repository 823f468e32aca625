package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ringward/ringward/bench/history"
)

// placed is a call with its place among the versions of its key: a write at its own, what saw a version right after it.
type placed struct {
	*history.Op
	at    int  // the version's number, rising from 1; 0: before the first
	write bool // it made the version
}

// Linearizable checks the calls of all clients, at the end. The truth knows in which order the versions of a key came about, and what
// became of a write of unknown outcome: it took effect, at any time after it began, or it never will. So each
// call has its place in the one order there can be, but for those that found the key missing: they may
// have come at any time at which it was. Nothing has to be searched for.
func (c *Checker) Linearizable(calls []Call) {
	keys := map[string][]*Call{}
	var order []string
	for i := range calls {
		key := string(calls[i].Request.Key)
		if keys[key] == nil {
			order = append(order, key)
		}
		keys[key] = append(keys[key], &calls[i])
	}
	for _, key := range order {
		if why := c.contradiction(keys[key]); why != "" {
			c.fail(7, uint64(keys[key][0].Request.Shard), 0, "%s", why)
		}
	}
}

// contradiction tells why the calls of one key have no order; empty: they have one.
func (c *Checker) contradiction(calls []*Call) string {
	past := c.truth(uint64(calls[0].Request.Shard)).model.past[string(calls[0].Request.Key)]
	var known []placed
	for _, call := range calls {
		o, effects := call.Op, c.effects(call)
		switch {
		case len(effects) > 0:
			if o.Outcome == history.Unknown {
				o.Return = math.MaxInt64
			}
			o.Version = effects[0]
		case o.Outcome == history.Unknown || o.Outcome == history.NotApplied:
			continue
		}
		known = append(known, placed{Op: &o, write: len(effects) > 0})
	}
	return explain(known, past)
}

// explain looks for the order of calls whose versions are known, given what the key held; it tells why there is none.
func explain(calls []placed, past []versioned) string {
	var fixed []placed
	var missing []*history.Op
	for _, p := range calls {
		if !p.write && p.Version == 0 {
			missing = append(missing, p.Op)
			continue
		}
		at, ok := slices.BinarySearchFunc(past, p.Version, func(v versioned, version uint64) int { return cmp.Compare(v.version, version) })
		if !ok || !p.write && past[at].deleted {
			return fmt.Sprintf("%v: the key never was at that version", p.Op)
		}
		if v := past[at]; p.Kind == history.Get && history.Of(v.value) != p.Value {
			return fmt.Sprintf("%v: version %d was %q", p.Op, p.Version, v.value)
		}
		p.at = at + 1
		fixed = append(fixed, p)
	}
	all, lost := place(fixed, missing, past)
	if lost != nil {
		return fmt.Sprintf("%v: the key was not missing at any time that is left for it", lost)
	}
	return disorder(all)
}

// place gives each call that found the key missing the first place that the calls which ended before it leave it. If there is an order
// at all there is one with these places: an earlier one is impossible, and a later one only makes others impossible. Lost is one for which there is none.
func place(fixed []placed, missing []*history.Op, past []versioned) (all []placed, lost *history.Op) {
	slices.SortFunc(missing, func(a, b *history.Op) int { return cmp.Compare(a.Call, b.Call) })
	all = fixed
	for _, o := range missing {
		at := 0
		for _, p := range all {
			if p.Return < o.Call {
				at = max(at, p.at)
			}
		}
		for at > 0 && at <= len(past) && !past[at-1].deleted {
			at++
		}
		if at > len(past) {
			return nil, o
		}
		all = append(all, placed{Op: o, at: at})
	}
	return all, nil
}

// disorder looks for a call that ended before one began that stands before it in the order of the versions.
func disorder(all []placed) string {
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), rank(a)-rank(b), cmp.Compare(a.Call, b.Call))
	})
	var latest *history.Op // of the calls that stand before, the one that began last
	for i := 0; i < len(all); {
		// Calls that saw the same version stand in any order.
		end := i + 1
		for !all[i].write && end < len(all) && all[end].at == all[i].at {
			end++
		}
		for _, p := range all[i:end] {
			if latest != nil && p.Return < latest.Call {
				return fmt.Sprintf("%v ended before %v began, and comes after it by the versions", p.Op, latest)
			}
		}
		for _, p := range all[i:end] {
			if latest == nil || p.Call > latest.Call {
				latest = p.Op
			}
		}
		i = end
	}
	return ""
}

// rank puts a write before the calls that saw it.
func rank(p placed) int {
	if p.write {
		return 0
	}
	return 1
}
