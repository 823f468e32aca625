package check

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/history"
)

// TestExplainAgainstSearch holds the order by versions to a search over all orders, on histories that went well and on such
// whose times were changed afterwards.
func TestExplainAgainstSearch(t *testing.T) {
	const histories = 3000
	wrong := 0
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 0))
		calls, past := lived(r)
		for range r.IntN(3) {
			o := calls[r.IntN(len(calls))].Op
			o.Call = r.Int64N(120)
			o.Return = o.Call + 1 + r.Int64N(20)
		}
		h := history.History{Fresh: true}
		for _, p := range calls {
			h.Ops = append(h.Ops, *p.Op)
		}
		report := h.Check(time.Minute)
		why := explain(calls, past)
		if (why == "") != report.OK() {
			t.Fatalf("seed %d: explained: %q, searched: %v\n%v", seed, why, report, h.Ops)
		}
		if why != "" {
			wrong++
		}
	}
	if wrong < histories/10 || wrong > histories*9/10 {
		t.Errorf("%d of %d histories have no order: the test tries one side only", wrong, histories)
	}
}

// lived makes up calls on one key that took place one after the other, each at some moment between its beginning and its end.
func lived(r *rand.Rand) (calls []placed, past []versioned) {
	now := int64(20)
	for i := range 4 + r.IntN(8) {
		now += 1 + r.Int64N(12)
		o := &history.Op{Client: i, Key: "k", Kind: history.Kind(r.IntN(3)) + history.Get, Call: now - r.Int64N(20), Return: now + 1 + r.Int64N(20)}
		version, value := uint64(0), []byte(nil)
		if n := len(past); n > 0 && !past[n-1].deleted {
			version, value = past[n-1].version, past[n-1].value
		}
		if o.Kind != history.Get && r.IntN(3) == 0 {
			o.If, o.Expected = true, version
			if r.IntN(2) == 0 {
				o.Expected = uint64(r.IntN(len(past) + 1))
			}
		}
		write := false
		switch {
		case o.If && o.Expected != version:
			o.Outcome, o.Version = history.Mismatch, version
		case o.Kind == history.Put:
			v := versioned{version: uint64(len(past) + 1), value: fmt.Append(nil, i)}
			past = append(past, v)
			o.Outcome, o.Version, o.Value, write = history.OK, v.version, history.Of(v.value), true
		case version == 0:
			o.Outcome = history.NotFound
		case o.Kind == history.Delete:
			past = append(past, versioned{version: uint64(len(past) + 1), deleted: true})
			o.Outcome, o.Version, write = history.OK, past[len(past)-1].version, true
		default:
			o.Outcome, o.Version, o.Value = history.OK, version, history.Of(value)
		}
		calls = append(calls, placed{Op: o, write: write})
	}
	return calls, past
}
