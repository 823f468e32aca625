package history

import (
	"cmp"
	"slices"
)

// segmentSize is how many calls are searched at once. Smaller is faster; larger
// shows more of what surrounds a violation.
const segmentSize = 256

// segment is calls on one key that are searched together, from one state.
type segment struct {
	begin state
	calls []input
}

// split cuts the calls on one key into segments and gives each call its place in its segment. The
// segments have orders if and only if the whole has one, provided that no two calls of different segments are in the
// wrong order in time: then it reports those two.
//
// Why that is so: a call that knows a version has its place in the one order the versions give.
// A write comes first among the calls of its version, and the calls that saw it
// follow. Those do not change the state, so among themselves they may stand in the order in which they
// began, which no order in time contradicts. So every order that explains the calls can be brought
// into this one, and this one may be cut anywhere.
//
// It holds where each call has such a place, see place.go. The calls on a key that was deleted have
// none, and stay together: which of the times at which the key was missing did a call see?
func split(calls []Op, fresh bool) ([]segment, []Op) {
	inputs, placed := prepare(calls, fresh)
	whole := segment{begin: before(fresh), calls: inputs}
	if !placed {
		return []segment{whole}, nil
	}
	slices.SortFunc(inputs, func(a, b input) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Call, b.Call))
	})
	var segments []segment
	for rest := whole; len(rest.calls) > 0; {
		n := min(segmentSize, len(rest.calls))
		for i := range n {
			rest.calls[i].place = i + 1
		}
		segments = append(segments, segment{rest.begin, rest.calls[:n]})
		rest = segment{stateAfter(rest.begin, rest.calls[:n]), rest.calls[n:]}
	}
	return segments, seam(segments)
}

// rank puts a write before the calls that saw it.
func rank(o input) int {
	if o.Kind == Put && o.Outcome == OK {
		return 0
	}
	return 1
}

// stateAfter is the state behind calls that are sorted. Where a call cannot end as it did, the
// search over this segment finds that out, and the segments behind it do not matter.
func stateAfter(s state, calls []input) state {
	for _, o := range calls {
		s, _ = s.step(o)
	}
	s.placed = 0 // in the next segment
	return s
}

// seam finds a call that ended before a call of an earlier segment began.
func seam(segments []segment) []Op {
	var last *Op // of the segments so far, the call that began last
	for _, s := range segments {
		latest := last
		for _, o := range s.calls {
			if last != nil && o.Return < last.Call {
				return []Op{*o.Op, *last}
			}
			if latest == nil || o.Call > latest.Call {
				latest = o.Op
			}
		}
		last = latest
	}
	return nil
}
