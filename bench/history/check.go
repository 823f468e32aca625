package history

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is what a check found.
type Verdict string

const (
	// Linearizable: every key's calls have an order that explains them.
	Linearizable Verdict = "linearizable"
	// Violated: some key's calls have none. The store is wrong, or the recording.
	Violated Verdict = "violated"
	// Undecided: the time was not enough. Whoever asked for a check has not got one.
	Undecided Verdict = "undecided"
)

// Violation is why the calls on one key have no order.
type Violation struct {
	Key    string
	Reason string
	Ops    []Op // those that together have no order, by the time they began
}

// Report is the outcome of a check.
type Report struct {
	Verdict    Verdict
	Ops        int
	Unknown    int // calls of unknown outcome among them
	Keys       int
	Violations []Violation // one for each violated key, in the order of the keys
	Undecided  []string    // keys for which the time was not enough, in order
	Elapsed    time.Duration
}

// OK reports whether the history was shown to be linearizable.
func (r *Report) OK() bool { return r.Verdict == Linearizable }

// shownOps bounds the calls that String shows of one violation, shownKeys the violations.
const (
	shownOps  = 20
	shownKeys = 3
)

func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d calls on %d keys, %d of unknown outcome, checked in %v",
		r.Verdict, r.Ops, r.Keys, r.Unknown, r.Elapsed.Round(time.Millisecond))
	for i, v := range r.Violations {
		if i == shownKeys {
			fmt.Fprintf(&b, "\nand %d more keys", len(r.Violations)-shownKeys)
			break
		}
		fmt.Fprintf(&b, "\nkey %q: %s", v.Key, v.Reason)
		for i := range v.Ops {
			// The last ones are those beside the call that does not fit.
			if hidden := len(v.Ops) - shownOps; i == 0 && hidden > 0 {
				fmt.Fprintf(&b, "\n  %d calls, and then", hidden)
			} else if i >= hidden {
				fmt.Fprintf(&b, "\n  %v", &v.Ops[i])
			}
		}
	}
	if n := len(r.Undecided); n > 0 {
		fmt.Fprintf(&b, "\nnot decided in time: %d keys, among them %q", n, r.Undecided[:min(n, shownKeys)])
	}
	return b.String()
}

// Check decides whether the history is linearizable. It gives up after the
// timeout, with Undecided if it has found no violation by then.
func (h *History) Check(timeout time.Duration) *Report {
	begin := time.Now()
	deadline := begin.Add(timeout)
	keys := make(map[string][]Op)
	r := &Report{Ops: len(h.Ops)}
	for _, o := range h.Ops {
		keys[o.Key] = append(keys[o.Key], o)
		if o.Outcome == Unknown {
			r.Unknown++
		}
	}
	r.Keys = len(keys)

	work := make(chan string)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for key := range work {
				violation, decided := checkKey(keys[key], h.Fresh, deadline)
				mu.Lock()
				if violation != nil {
					violation.Key = key
					r.Violations = append(r.Violations, *violation)
				} else if !decided {
					r.Undecided = append(r.Undecided, key)
				}
				mu.Unlock()
			}
		})
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		work <- key
	}
	close(work)
	workers.Wait()

	slices.SortFunc(r.Violations, func(a, b Violation) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(r.Undecided)
	switch {
	case len(r.Violations) > 0:
		r.Verdict = Violated
	case len(r.Undecided) > 0:
		r.Verdict = Undecided
	default:
		r.Verdict = Linearizable
	}
	r.Elapsed = time.Since(begin)
	return r
}

// checkKey decides about the calls on one key.
func checkKey(calls []Op, fresh bool, deadline time.Time) (v *Violation, decided bool) {
	for i := range calls {
		if err := calls[i].Valid(); err != nil {
			return &Violation{Reason: err.Error(), Ops: calls[i : i+1]}, true
		}
	}
	ops, decided := contradiction(calls, fresh, deadline)
	if ops == nil {
		return nil, decided
	}
	return shrink(calls, ops, fresh, deadline), true
}

// contradiction returns calls that together have no order, nil where there are none.
func contradiction(calls []Op, fresh bool, deadline time.Time) (ops []Op, decided bool) {
	segments, seam := split(calls, fresh)
	if seam != nil {
		return seam, true
	}
	decided = true
	for _, s := range segments {
		left := time.Until(deadline)
		if left <= 0 {
			return nil, false
		}
		switch porcupine.CheckOperationsTimeout(model(s.begin), s.operations(), left) {
		case porcupine.Illegal:
			return s.ops(), true
		case porcupine.Unknown:
			decided = false
		}
	}
	return nil, decided
}

// shrink finds the call by whose end the calls on a key ceased to have an order. What was known at any
// moment of a history that has an order, has one too; so that moment can be
// searched for by halves. If time runs out, what was found so far, ops, is shown.
func shrink(calls, ops []Op, fresh bool, deadline time.Time) *Violation {
	var ends []Op
	for _, o := range calls {
		if o.Outcome != Unknown {
			ends = append(ends, o)
		}
	}
	slices.SortFunc(ends, func(a, b Op) int { return cmp.Compare(a.Return, b.Return) })
	n := sort.Search(len(ends)-1, func(i int) bool {
		found, _ := contradiction(knownAt(calls, ends[i].Return), fresh, deadline)
		if found != nil {
			ops = found
		}
		return found != nil
	})
	return &Violation{Reason: fmt.Sprintf("no order of the calls explains how this one ended: %v", &ends[n]), Ops: ops}
}

// knownAt is what was known of the calls at a moment: those that had not ended may or may not
// have taken effect.
func knownAt(calls []Op, now int64) []Op {
	var known []Op
	for _, o := range calls {
		if o.Call > now {
			continue
		}
		if o.Outcome != Unknown && o.Return > now {
			o.Outcome, o.Version, o.Return = Unknown, 0, 0
		}
		known = append(known, o)
	}
	return known
}

// operations are the calls as Porcupine takes them.
func (s *segment) operations() []porcupine.Operation {
	ops := make([]porcupine.Operation, len(s.calls))
	for i, o := range s.calls {
		ops[i] = porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: o.Return}
	}
	return ops
}

// ops are the calls by the time they began.
func (s *segment) ops() []Op {
	ops := make([]Op, len(s.calls))
	for i, o := range s.calls {
		ops[i] = *o.Op
	}
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	return ops
}
