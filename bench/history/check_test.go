package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// The calls of a small story, with times in a row: call n begins at 10n and ends at 10n+5 unless
// said otherwise.
func put(value Fingerprint, version uint64) Op {
	return Op{Kind: Put, Value: value, Outcome: OK, Version: version}
}

func get(value Fingerprint, version uint64) Op {
	return Op{Kind: Get, Value: value, Outcome: OK, Version: version}
}

func swap(expected uint64, value Fingerprint, version uint64) Op {
	return Op{Kind: Put, If: true, Expected: expected, Value: value, Outcome: OK, Version: version}
}

func mismatch(expected uint64, value Fingerprint, current uint64) Op {
	return Op{Kind: Put, If: true, Expected: expected, Value: value, Outcome: Mismatch, Version: current}
}

func remove(version uint64) Op { return Op{Kind: Delete, Outcome: OK, Version: version} }

func missing(k Kind) Op { return Op{Kind: k, Outcome: NotFound} }

func unknown(o Op) Op {
	o.Outcome, o.Version = Unknown, 0
	return o
}

func failed(o Op) Op {
	o.Outcome, o.Version = NotApplied, 0
	return o
}

// at gives a call its own times.
func at(call, ret int64, o Op) Op {
	o.Call, o.Return = call, ret
	return o
}

func story(fresh bool, ops ...Op) *History {
	h := &History{Fresh: fresh}
	for i, o := range ops {
		o.Client, o.Key = i, "k"
		if o.Call == 0 && o.Return == 0 {
			o.Call, o.Return = int64(10*i), int64(10*i+5)
		}
		if o.Outcome == Unknown {
			o.Return = 0
		}
		h.Ops = append(h.Ops, o)
	}
	return h
}

func TestCheck(t *testing.T) {
	const a, b, c = Fingerprint(0xa), Fingerprint(0xb), Fingerprint(0xc)
	tests := []struct {
		name  string
		fresh bool
		ops   []Op
		want  Verdict
	}{
		{"nothing", true, nil, Linearizable},
		{"write and read", true, []Op{missing(Get), put(a, 3), get(a, 3), put(b, 4), get(b, 4)}, Linearizable},
		{"stale read", true, []Op{put(a, 3), put(b, 4), get(a, 3)}, Violated},
		{"stale read of nothing", true, []Op{put(a, 3), missing(Get)}, Violated},
		{"read goes back", true, []Op{at(0, 99, put(a, 3)), at(10, 15, get(a, 3)), at(20, 25, missing(Get))}, Violated},
		{"reads beside a write", true, []Op{at(0, 99, put(a, 3)), at(10, 15, missing(Get)), at(20, 25, get(a, 3))}, Linearizable},
		{"lost write", true, []Op{put(a, 3), put(b, 4), get(a, 3), get(a, 3)}, Violated},
		{"lost compare-and-swap", true, []Op{put(a, 3), swap(3, b, 4), swap(3, c, 5)}, Violated},
		{"duplicated apply, seen later", true, []Op{put(a, 3), put(b, 4), get(a, 5)}, Violated},
		{"duplicated apply, version only", true, []Op{put(a, 3), get(a, 4)}, Violated},
		{"duplicated apply of a call in doubt", true, []Op{unknown(put(a, 0)), get(a, 3), put(b, 4), get(a, 5)}, Violated},
		{"version of another value", true, []Op{put(a, 3), get(b, 3)}, Violated},
		{"value from nowhere", true, []Op{put(a, 3), get(c, 7)}, Violated},
		{"versions fall", true, []Op{put(a, 3), put(b, 2)}, Violated},
		{"versions repeat", true, []Op{put(a, 3), put(b, 3)}, Violated},
		{"versions fall between writes at once", true, []Op{at(0, 99, put(a, 9)), at(0, 99, put(b, 4)), at(200, 201, get(a, 9))}, Linearizable},

		{"in doubt, happened", true, []Op{put(a, 3), unknown(put(b, 0)), get(a, 3), get(b, 4)}, Linearizable},
		{"in doubt, happened and overwritten", true, []Op{put(a, 3), unknown(put(b, 0)), get(b, 4), put(c, 5), get(c, 5)}, Linearizable},
		{"in doubt, never happened", true, []Op{put(a, 3), unknown(put(b, 0)), get(a, 3), put(c, 4), get(c, 4)}, Linearizable},
		{"in doubt, happened before it began", true, []Op{put(a, 3), get(b, 4), unknown(put(b, 0))}, Violated},
		{"in doubt, seen and gone", true, []Op{put(a, 3), unknown(put(b, 0)), get(b, 4), get(a, 3)}, Violated},
		{"in doubt, seen by a failed condition", true, []Op{put(a, 3), unknown(put(b, 0)), mismatch(3, c, 4), get(b, 4)}, Linearizable},
		{"in doubt, seen by a failed condition only", true, []Op{put(a, 3), unknown(put(b, 0)), mismatch(3, c, 4)}, Linearizable},
		{"failed condition from nowhere", true, []Op{put(a, 3), mismatch(3, c, 4)}, Violated},
		{"in doubt compare-and-swap that could not", true, []Op{put(a, 3), unknown(swap(2, b, 0)), get(b, 4)}, Violated},
		{"in doubt compare-and-swap that did", true, []Op{put(a, 3), unknown(swap(3, b, 0)), get(b, 9)}, Linearizable},
		{"in doubt compare-and-swap that was late", true, []Op{put(a, 3), unknown(swap(3, b, 0)), put(c, 4), get(b, 5)}, Violated},
		{"in doubt, after a guess that came true", true, []Op{put(a, 3), unknown(put(b, 0)), unknown(swap(4, c, 0)), get(c, 5)}, Linearizable},
		{"in doubt, after a guess that could not", true, []Op{put(a, 3), unknown(swap(4, c, 0)), get(c, 5)}, Violated},
		{"same value in doubt and known", true, []Op{unknown(put(a, 0)), put(a, 3), get(a, 4)}, Linearizable},

		{"not applied and seen", true, []Op{failed(put(a, 0)), get(a, 3)}, Violated},
		{"not applied", true, []Op{failed(put(a, 0)), missing(Get)}, Linearizable},
		{"failed read", true, []Op{put(a, 3), failed(Op{Kind: Get}), unknown(Op{Kind: Get})}, Linearizable},

		{"conditions", true, []Op{swap(0, a, 1), mismatch(0, b, 1), swap(1, b, 2), mismatch(1, c, 2), get(b, 2)}, Linearizable},
		{"condition that held failed", true, []Op{put(a, 3), mismatch(3, b, 3)}, Violated},
		{"condition failed on a key that was missing", true, []Op{mismatch(5, a, 0), swap(0, a, 1)}, Linearizable},
		{"absent condition held on a present key", true, []Op{put(a, 3), swap(0, b, 4)}, Violated},
		{"failed condition saw an old version", true, []Op{put(a, 3), put(b, 4), mismatch(9, c, 3)}, Violated},

		{"delete", true, []Op{put(a, 3), remove(4), missing(Get), missing(Delete), swap(0, b, 7), get(b, 7)}, Linearizable},
		{"deleted and still there", true, []Op{put(a, 3), remove(4), get(a, 3)}, Violated},
		{"delete of nothing", true, []Op{remove(4)}, Violated},
		{"delete applied twice", true, []Op{put(a, 3), remove(4), put(b, 5), missing(Get)}, Violated},
		{"delete in doubt", true, []Op{put(a, 3), unknown(remove(0)), missing(Get), put(b, 9), get(b, 9)}, Linearizable},
		{"delete in doubt, never", true, []Op{put(a, 3), unknown(remove(0)), get(a, 3)}, Linearizable},
		{"write in doubt explains a delete", true, []Op{unknown(put(a, 0)), remove(4)}, Linearizable},
		{"versions fall after a delete", true, []Op{put(a, 3), remove(4), put(b, 4)}, Violated},

		{"old key", false, []Op{get(a, 3), get(a, 3), put(b, 4), get(b, 4)}, Linearizable},
		{"old key with two contents", false, []Op{get(a, 3), get(b, 2)}, Violated},
		{"old key, one version and two values", false, []Op{get(a, 3), get(b, 3)}, Violated},
		{"old key seen by its version first", false, []Op{mismatch(9, a, 3), get(b, 3), swap(3, a, 4)}, Linearizable},
		{"old key missing and present", false, []Op{missing(Get), get(a, 3)}, Violated},
		{"old key back again", false, []Op{get(a, 3), put(b, 4), get(a, 3)}, Violated},
		{"old key deleted", false, []Op{remove(4), missing(Get)}, Linearizable},
		{"old key in doubt", false, []Op{unknown(swap(3, b, 0)), get(b, 4)}, Linearizable},
		{"no old key", true, []Op{get(a, 3)}, Violated},

		{"broken recording", true, []Op{{Kind: Get, Outcome: Mismatch}}, Violated},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := story(test.fresh, test.ops...).Check(time.Minute)
			if r.Verdict != test.want || r.OK() != (test.want == Linearizable) {
				t.Errorf("verdict %v, want %v", r, test.want)
			}
		})
	}
}

// uses is what the clients of a simulated history do beyond plain reads and writes.
type uses struct{ conditions, deletes bool }

// simulate lets clients use a store that is correct by construction, on few keys,
// many calls at once and some in doubt. The seed decides everything.
func simulate(seed uint64, calls, clients int, may uses) *History {
	rng := rand.New(rand.NewPCG(seed, 0))
	type cell struct {
		version uint64
		value   Fingerprint
		present bool
	}
	h := &History{Fresh: true}
	told := map[string][]uint64{"x": {0}, "y": {0}} // the versions that calls ended with
	cells := map[string]*cell{"x": {}, "y": {}}
	free := make([]int64, clients) // when each client's last call ended
	var last uint64
	now := int64(0)
	for i := range calls {
		c := rng.IntN(clients)
		now += 1 + rng.Int64N(20) // the moment at which the call happens
		begin := max(free[c]+1, now-rng.Int64N(200))
		if begin > now {
			now = begin
		}
		o := Op{Client: c, Key: []string{"x", "y"}[rng.IntN(2)], Call: begin, Return: now + rng.Int64N(200)}
		free[c] = o.Return
		at := cells[o.Key]
		o.Kind = Kind(1 + rng.IntN(2))
		if may.deletes && rng.IntN(6) == 0 {
			o.Kind = Delete
		}
		current := uint64(0)
		if at.present {
			current = at.version
		}
		if may.conditions && o.Kind != Get && rng.IntN(2) == 0 {
			known := told[o.Key]
			o.If, o.Expected = true, known[len(known)-1]
			if rng.IntN(3) == 0 {
				o.Expected = known[rng.IntN(len(known))]
			}
		}
		if o.Kind == Put {
			o.Value = Fingerprint(i + 1)
		}
		doubt := o.Kind != Get && rng.IntN(20) == 0
		switch {
		case doubt && rng.IntN(2) == 0: // and did not happen
		case o.If && o.Expected != current:
			o.Outcome, o.Version = Mismatch, current
		case o.Kind != Put && !at.present:
			o.Outcome = NotFound
		case o.Kind == Get:
			o.Outcome, o.Version, o.Value = OK, at.version, at.value
		default:
			last += 1 + rng.Uint64N(3)
			*at = cell{version: last, value: o.Value, present: o.Kind == Put}
			o.Outcome, o.Version = OK, last
		}
		if doubt {
			o.Outcome, o.Version, o.Return = Unknown, 0, 0
		} else {
			told[o.Key] = append(told[o.Key], o.Version)
		}
		h.Ops = append(h.Ops, o)
	}
	return h
}

func TestCheckAcceptsCorrectStores(t *testing.T) {
	for seed := range uint64(60) {
		h := simulate(seed, 800, 1+int(seed%12), uses{conditions: true})
		if r := h.Check(time.Minute); !r.OK() {
			t.Fatalf("seed %d: %v", seed, r)
		}
		h = simulate(seed, 200, 1+int(seed%6), uses{conditions: true, deletes: true})
		if r := h.Check(time.Minute); !r.OK() {
			t.Fatalf("seed %d with deletes: %v", seed, r)
		}
	}
}

// TestShortcutsAgreeWithTheSearch damages small histories in random ways and demands that what the
// check says with its shortcuts (settling what was in doubt, cutting into segments) is what a plain
// search over all calls says.
func TestShortcutsAgreeWithTheSearch(t *testing.T) {
	verdicts := map[bool]int{}
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h := simulate(seed, 10+rng.IntN(30), 1+rng.IntN(4), uses{conditions: seed%4 > 0, deletes: seed%8 == 7})
		if h.Fresh = rng.IntN(3) > 0; !h.Fresh {
			h.Ops = h.Ops[rng.IntN(6):] // the key has a past that nobody saw
		}
		for range rng.IntN(3) {
			damage(rng, h)
		}
		h.Ops = slices.DeleteFunc(h.Ops, func(o Op) bool { return o.Key != "x" || o.Valid() != nil })

		plain := segment{begin: before(h.Fresh)}
		for _, o := range h.Ops {
			if o.Outcome == Unknown {
				o.Return = math.MaxInt64
			}
			if o.Outcome != NotApplied && (o.Kind != Get || o.Outcome != Unknown) {
				plain.calls = append(plain.calls, input{Op: &o})
			}
		}
		want := search(t, plain)
		r := h.Check(time.Minute)
		if r.OK() != want || r.Verdict == Undecided {
			t.Fatalf("seed %d: a plain search says %v, the check %v", seed, want, r)
		}
		verdicts[want]++
	}
	if verdicts[true] < 400 || verdicts[false] < 400 {
		t.Errorf("too one-sided to show anything: %v", verdicts)
	}
}

// TestContendedKeysAreDecided has many calls at once see each of many versions, as a compare-and-swap
// with retries makes them: a search without places would try the orders of them all.
func TestContendedKeysAreDecided(t *testing.T) {
	for _, broken := range []bool{false, true} {
		var ops []Op
		for v := range uint64(200) {
			begin := int64(v * 100)
			ops = append(ops, at(begin, begin+150, put(Fingerprint(v+1), v+1)))
			for i := range int64(20) {
				ops = append(ops, at(begin+i, begin+120+i, get(Fingerprint(v+1), v+1)))
			}
		}
		if broken {
			ops = append(ops, at(10_151, 10_160, get(100, 100)))
		}
		if r := story(true, ops...).Check(time.Minute); r.OK() == broken || r.Verdict == Undecided {
			t.Errorf("broken %v: %v", broken, r)
		}
	}
}

func search(t *testing.T, s segment) bool {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(model(s.begin), s.operations(), time.Minute) {
	case porcupine.Ok:
		return true
	case porcupine.Illegal:
		return false
	}
	t.Fatal("undecided after a minute")
	return false
}

// damage changes one call so that it may, or may not, contradict the others.
func damage(rng *rand.Rand, h *History) {
	o := &h.Ops[rng.IntN(len(h.Ops))]
	if o.Outcome == Unknown {
		return
	}
	switch rng.IntN(4) {
	case 0: // it was quicker than it was
		o.Return = o.Call + (o.Return-o.Call)/4
	case 1: // it began later
		o.Call = o.Return - (o.Return-o.Call)/4
	case 2: // its place is another's
		p := &h.Ops[rng.IntN(len(h.Ops))]
		if p.Outcome != Unknown {
			o.Call, o.Return, p.Call, p.Return = p.Call, p.Return, o.Call, o.Return
		}
	case 3: // nobody knows how it ended
		o.Outcome, o.Version, o.Return = Unknown, 0, 0
	}
}

// TestPopularKeysAreCut holds what makes long histories affordable: no search has more calls
// than a segment, however many the key has.
func TestPopularKeysAreCut(t *testing.T) {
	h := simulate(1, 40_000, 64, uses{conditions: true})
	if r := h.Check(time.Minute); !r.OK() {
		t.Fatalf("verdict %v", r)
	}
	calls := slices.DeleteFunc(slices.Clone(h.Ops), func(o Op) bool { return o.Key != "x" })
	segments, _ := split(calls, true)
	for _, s := range segments {
		if len(s.calls) > segmentSize {
			t.Fatalf("segment of %d calls, want at most %d", len(s.calls), segmentSize)
		}
	}
}

// TestOrderAcrossSegments has writes that all overlap, and a read of the last one that ends at 20: the
// first write, segments earlier, must have begun by then.
func TestOrderAcrossSegments(t *testing.T) {
	const writes = 3 * segmentSize
	for begun, want := range map[int64]Verdict{19: Linearizable, 20: Linearizable, 21: Violated} {
		ops := []Op{at(10, 20, get(writes, writes))}
		for v := range uint64(writes) {
			ops = append(ops, at(1, 1000, put(Fingerprint(v+1), v+1)))
		}
		ops[1].Call = begun
		if r := story(true, ops...).Check(time.Minute); r.Verdict != want {
			t.Errorf("first write begun at %d: %v, want %v", begun, r.Verdict, want)
		}
	}
}

func TestCheckGivesUp(t *testing.T) {
	h := story(true, put(1, 3), get(1, 3))
	r := h.Check(0)
	if r.Verdict != Undecided || r.OK() || len(r.Undecided) != 1 {
		t.Errorf("verdict %v without time, want undecided", r)
	}
	if s := r.String(); !strings.Contains(s, "not decided in time: 1 keys") {
		t.Errorf("report %q does not say what was not decided", s)
	}
}

// TestReportNamesTheCall hides one stale read among many good calls.
func TestReportNamesTheCall(t *testing.T) {
	h := simulate(5, 3000, 8, uses{conditions: true})
	last := int64(0)
	for _, o := range h.Ops {
		last = max(last, o.Return)
	}
	for i, o := range []Op{put(0xa, 1_000_003), put(0xb, 1_000_004), get(0xa, 1_000_003), get(0xb, 1_000_004)} {
		o.Client, o.Key = 99, "x"
		o.Call, o.Return = last+int64(10*i+1), last+int64(10*i+5)
		h.Ops = append(h.Ops, o)
	}
	r := h.Check(time.Minute)
	if r.Verdict != Violated || len(r.Violations) != 1 {
		t.Fatalf("verdict %v", r)
	}
	want := `explains how this one ended: client 99  ` + fmt.Sprintf("%d..%d", last+21, last+25) + `  get "x" -> ok version 1000003 value 000000000000000a`
	if v := r.Violations[0]; v.Key != "x" || !strings.Contains(v.Reason, want) {
		t.Errorf("key %q: %s; want %q", v.Key, v.Reason, want)
	}
	if lines := strings.Count(r.String(), "\n"); lines > shownOps+3 {
		t.Errorf("%d lines of one violation", lines)
	}
}

func TestReportShowsTheCalls(t *testing.T) {
	h := story(true, put(0xa, 3), put(0xb, 4), get(0xa, 3))
	s := h.Check(time.Minute).String()
	for _, want := range []string{"violated: 3 calls on 1 keys", `key "k"`, "explains how this one ended", `get "k" -> ok version 3 value 000000000000000a`} {
		if !strings.Contains(s, want) {
			t.Errorf("report lacks %q:\n%s", want, s)
		}
	}
}
