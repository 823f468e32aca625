package history

import "github.com/anishathalye/porcupine"

// presence is what is known about whether a key exists.
type presence uint8

const (
	undetermined presence = iota
	absent
	present
)

// state is one key of the plain map that a linearizable store behaves like, as
// far as the calls so far determine it. Equal knowledge has equal states.
type state struct {
	presence presence
	// version is that of the last write where exact, else a lower bound of it.
	// Of a removed key it is the version of the delete: later writes are above it.
	version uint64
	exact   bool        // present only
	value   Fingerprint // present and valued only
	valued  bool
	placed  int // how many placed calls were carried out
}

// before is the state of a key before the first call on it.
func before(fresh bool) state {
	if fresh {
		return state{presence: absent}
	}
	return state{}
}

// canBeAt reports whether the key may exist in exactly this version.
func (s state) canBeAt(version uint64) bool {
	if s.presence == absent || version == 0 {
		return false
	}
	return s.version == version || !s.exact && version > s.version
}

func (s state) canBeAbsent() bool { return s.presence != present }

// satisfies reports whether the condition of o may hold.
func (s state) satisfies(o *Op) bool {
	switch {
	case !o.If:
		return true
	case o.Expected == 0:
		return s.canBeAbsent()
	}
	return s.canBeAt(o.Expected)
}

func (s state) absentNow() state { return state{presence: absent, version: s.version} }

// input is a call, with what the whole history tells about it.
type input struct {
	*Op
	// after is the highest version below this write's that any call on the key was told of. It is
	// in force before this write is: otherwise whoever was told of it could not be
	// given a moment any more. The search needs no more than the versions
	// to find that out, but much longer.
	after uint64
	// place is the call's place in the one order that its segment can have, from 1; 0: any.
	place int
}

// step carries out one call. It reports false if the call cannot come now, or cannot end as it did
// in this state.
func (s state) step(o input) (state, bool) {
	next, ok := s.carryOut(o)
	if o.place > 0 {
		ok = ok && o.place == s.placed+1
		next.placed = s.placed + 1
	}
	return next, ok
}

func (s state) carryOut(o input) (state, bool) {
	switch o.Outcome {
	case Unknown:
		return s.maybe(o.Op), true
	case NotFound:
		return s.absentNow(), s.canBeAbsent() && (!o.If || o.Expected == 0)
	case Mismatch:
		if o.Version == o.Expected {
			return s, false
		}
		if o.Version == 0 {
			return s.absentNow(), s.canBeAbsent()
		}
		seen := s
		seen.presence, seen.version, seen.exact = present, o.Version, true
		return seen, s.canBeAt(o.Version)
	}
	switch o.Kind {
	case Get:
		seen := state{presence: present, version: o.Version, exact: true, value: o.Value, valued: true}
		return seen, s.canBeAt(o.Version) && (!s.valued || s.value == o.Value)
	case Put:
		written := state{presence: present, version: o.Version, exact: true, value: o.Value, valued: true}
		return written, s.satisfies(o.Op) && s.admits(o)
	default: // Delete
		removed := state{presence: absent, version: o.Version}
		return removed, s.presence != absent && (!o.If || o.Expected != 0) && s.satisfies(o.Op) && s.admits(o)
	}
}

// admits reports whether a write may have the version it was given.
func (s state) admits(o input) bool {
	return o.Version > s.version && o.after <= s.version && (!o.If || o.Version > o.Expected)
}

// maybe carries out a call of unknown outcome where it can have an effect. That it had none
// needs no branch here: such a call has no end, so the search may as well
// place it behind all others.
func (s state) maybe(o *Op) state {
	if !s.satisfies(o) {
		return s
	}
	lowest := max(s.version, o.Expected) + 1
	switch {
	case o.Kind == Put:
		return state{presence: present, version: lowest, value: o.Value, valued: true}
	case o.Kind == Delete && s.presence != absent:
		return state{presence: absent, version: lowest}
	}
	return s
}

// model is the plain map for Porcupine, begun in the given state.
func model(begin state) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return begin },
		Step: func(s, in, _ any) (bool, any) {
			next, ok := s.(state).step(in.(input))
			return ok, next
		},
		Equal: func(a, b any) bool { return a == b },
	}
}
