package history

import (
	"cmp"
	"fmt"
	"math"
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

// split cuts the calls on one key into segments, each of which has an order if and only if the
// whole has one, provided that no two calls of different segments are in the
// wrong order in time: then it reports those two, the later segment's first.
//
// Why that is so: a call that knows a version has its place in the one order the versions give.
// A write comes first among the calls of its version, and the calls that saw it
// follow. Those do not change the state, so among themselves they may stand in the order in which they
// began, which no order in time contradicts. So every order that explains the calls can be brought
// into this one, and this one may be cut anywhere.
//
// It holds where each call has such a place. Calls on a key that was deleted, or that were told of
// versions nobody is known to have written, stay together: a write in doubt may have
// written such a version, and which one did is for the search to find out.
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

// prepare makes the calls on one key ready for the search. It leaves out those that
// tell nothing, ends the unknown ones at the end of time, and finds out what became of them where
// a read tells. Placed reports whether each remaining call knows the version at
// which it happened.
func prepare(calls []Op, fresh bool) (inputs []input, placed bool) {
	ops := make([]Op, 0, len(calls))
	for _, o := range calls {
		switch {
		case o.Outcome == NotApplied, o.Kind == Get && o.Outcome == Unknown:
			continue
		case o.Outcome == Unknown:
			o.Return = math.MaxInt64
		}
		ops = append(ops, o)
	}
	attribute(ops)
	versions, placed := account(ops, fresh)
	if placed {
		// Nobody saw what these wrote, and nothing that was seen needs one of them.
		ops = slices.DeleteFunc(ops, func(o Op) bool { return o.Outcome == Unknown })
	}
	inputs = make([]input, len(ops))
	for i := range ops {
		inputs[i].Op = &ops[i]
		if n, _ := slices.BinarySearch(versions, ops[i].Version); n > 0 {
			inputs[i].after = versions[n-1]
		}
	}
	return inputs, placed
}

// attribute turns each unknown put whose value a read saw into a put that took effect in
// the version the read saw. Its end stays open.
func attribute(ops []Op) {
	writers := make(map[Fingerprint]int)
	read := make(map[Fingerprint]uint64)
	for i := range ops {
		switch o := &ops[i]; {
		case o.Kind == Put && o.Outcome != Mismatch:
			writers[o.Value]++
		case o.Kind == Get && o.Outcome == OK:
			read[o.Value] = o.Version
		}
	}
	for i := range ops {
		o := &ops[i]
		version, seen := read[o.Value]
		if o.Kind == Put && o.Outcome == Unknown && seen && writers[o.Value] == 1 {
			o.Outcome, o.Version = OK, version
		}
	}
}

// account lists the versions that any call was told of, rising. Placed reports whether
// each was written by a known call, except those below all writes to a
// key that may have existed before, and nothing was deleted.
func account(ops []Op, fresh bool) (versions []uint64, placed bool) {
	written := make(map[uint64]bool)
	seen := make(map[uint64]bool)
	var lowest uint64 = math.MaxUint64
	placed = true
	for i := range ops {
		o := &ops[i]
		if o.Kind == Delete && (o.Outcome == OK || o.Outcome == Unknown) {
			placed = false
		}
		if o.Kind != Get && o.Outcome == OK {
			written[o.Version] = true
			lowest = min(lowest, o.Version)
			if o.If && o.Expected > 0 {
				seen[o.Expected] = true
			}
		}
		if (o.Outcome == OK || o.Outcome == Mismatch) && o.Version > 0 {
			seen[o.Version] = true
			versions = append(versions, o.Version)
		}
	}
	for v := range seen {
		placed = placed && (written[v] || !fresh && v < lowest)
	}
	slices.Sort(versions)
	return slices.Compact(versions), placed
}

// describe says that two calls stand in the wrong order.
func describe(seam []Op) string {
	return fmt.Sprintf("a call that saw version %d ended before a call began that saw version %d", seam[0].Version, seam[1].Version)
}
