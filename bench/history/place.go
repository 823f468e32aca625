package history

import (
	"math"
	"slices"
)

// prepare makes the calls on one key ready for the search. It leaves out those that
// tell nothing, and finds out what became of those in doubt. Placed reports whether each remaining call
// knows the version at which it happened.
func prepare(calls []Op, fresh bool) (inputs []input, placed bool) {
	var ops []Op
	placed = true
	for _, o := range calls {
		switch {
		case o.Outcome == NotApplied, o.Kind == Get && o.Outcome == Unknown:
			continue
		case o.Outcome == Unknown:
			o.Return = math.MaxInt64
		}
		if o.Kind == Delete && (o.Outcome == OK || o.Outcome == Unknown) {
			placed = false
		}
		ops = append(ops, o)
	}
	k := newKnowledge(ops, fresh)
	if placed = placed && k.settle(ops); placed {
		// These wrote nothing that anybody saw, or nothing at all.
		ops = slices.DeleteFunc(ops, func(o Op) bool { return o.Outcome == Unknown })
	}
	inputs = make([]input, len(ops))
	for i := range ops {
		inputs[i].Op = &ops[i]
		inputs[i].after = below(k.told, ops[i].Version)
	}
	return inputs, placed
}

// knowledge is what all calls on one key together were told of its versions.
type knowledge struct {
	versions []uint64 // each that existed, rising
	told     []uint64 // those of them that a call ended with
	orphans  []orphan // those of which no writer is known, rising
}

// orphan is a version that existed, and that only a call in doubt can have written.
type orphan struct {
	version uint64
	value   Fingerprint // what a read found in it
	valued  bool        // false: no read did
	// latest is when the first call ended that saw this version or a later one: by then its writer had begun.
	latest int64
}

func newKnowledge(ops []Op, fresh bool) *knowledge {
	k := &knowledge{}
	written := make(map[uint64]bool)
	seen := make(map[uint64]*orphan)
	begun := fresh // whether it is known how the key began: missing
	see := func(version uint64, ended int64) *orphan {
		if version == 0 {
			begun = true
			return nil
		}
		if seen[version] == nil {
			seen[version] = &orphan{version: version, latest: math.MaxInt64}
		}
		seen[version].latest = min(seen[version].latest, ended)
		return seen[version]
	}
	for i := range ops {
		o := &ops[i]
		if o.Version > 0 {
			k.told = append(k.told, o.Version)
		}
		switch o.Outcome {
		case OK:
			s := see(o.Version, o.Return)
			if o.Kind == Get {
				s.value, s.valued = o.Value, true
				continue
			}
			written[o.Version] = true
			if o.If {
				see(o.Expected, o.Return)
			}
		case Mismatch:
			see(o.Version, o.Return)
		case NotFound:
			see(0, o.Return)
		}
	}
	for v := range seen {
		k.versions = append(k.versions, v)
	}
	slices.Sort(k.versions)
	slices.Sort(k.told)
	k.told = slices.Compact(k.told)
	latest := int64(math.MaxInt64)
	for i, v := range slices.Backward(k.versions) {
		latest = min(latest, seen[v].latest)
		// The first version of a key that was there before needs no writer.
		if !written[v] && (i > 0 || begun) {
			seen[v].latest = latest
			k.orphans = append(k.orphans, *seen[v])
		}
	}
	slices.Reverse(k.orphans)
	return k
}

// below is the highest of the versions below the given one, 0 if there is none.
func below(versions []uint64, version uint64) uint64 {
	if n, _ := slices.BinarySearch(versions, version); n > 0 {
		return versions[n-1]
	}
	return 0
}

// settle finds writers for the orphans among the puts in doubt, and turns those into puts that took effect. Their
// ends stay open. If there are several ways to do that they are equally good: what a
// way has to respect is in mayWrite, and the choices do not meet elsewhere. An orphan that gets no writer can have
// none, and the search will find its readers without an explanation. Settle reports
// false where that is not so: a put whose condition names a version that nobody else vouches for
// would itself vouch for it.
func (k *knowledge) settle(ops []Op) bool {
	var doubtful []*Op
	guesses := false
	for i := range ops {
		if o := &ops[i]; o.Outcome == Unknown {
			if _, known := slices.BinarySearch(k.versions, o.Expected); o.If && o.Expected > 0 && !known {
				guesses = true
				continue
			}
			doubtful = append(doubtful, o)
		}
	}
	// Augmenting paths: each orphan takes a free put, or one whose orphan can take another.
	orphanOf := make([]int, len(doubtful))
	for i := range orphanOf {
		orphanOf[i] = -1
	}
	var tried []bool
	var adopt func(orphan int) bool
	adopt = func(orphan int) bool {
		for i, o := range doubtful {
			if tried[i] || !k.mayWrite(o, &k.orphans[orphan]) {
				continue
			}
			tried[i] = true
			if orphanOf[i] < 0 || adopt(orphanOf[i]) {
				orphanOf[i] = orphan
				return true
			}
		}
		return false
	}
	adopted := 0
	for orphan := range k.orphans {
		tried = make([]bool, len(doubtful))
		if adopt(orphan) {
			adopted++
		}
	}
	if adopted < len(k.orphans) && guesses {
		return false
	}
	for i, orphan := range orphanOf {
		if orphan >= 0 {
			doubtful[i].Outcome, doubtful[i].Version = OK, k.orphans[orphan].version
		}
	}
	return true
}

// mayWrite reports whether a put in doubt can have written an orphan.
func (k *knowledge) mayWrite(o *Op, w *orphan) bool {
	return o.Call <= w.latest &&
		(!w.valued || o.Value == w.value) &&
		(!o.If || o.Expected == below(k.versions, w.version))
}
