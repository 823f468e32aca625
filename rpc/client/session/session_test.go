package session

import (
	"math/rand/v2"
	"testing"

	"github.com/ringward/ringward/shard"
)

func begin(t *testing.T, s *Session) shard.Identity {
	t.Helper()
	id, ok := s.Begin()
	if !ok {
		t.Fatalf("Begin refused with %d ops in the window", s.Unsettled())
	}
	return id
}

func TestOldestWaitsForTheLowestUnsettledOp(t *testing.T) {
	s := New(77)
	for op := uint64(1); op <= 4; op++ {
		want := shard.Identity{Session: 77, Op: op, Oldest: 1}
		if got := begin(t, s); got != want {
			t.Fatalf("Begin = %+v, want %+v", got, want)
		}
	}
	s.Settle(2)
	s.Settle(3)
	if got := begin(t, s); got.Oldest != 1 {
		t.Errorf("oldest = %d while op 1 is open, want 1", got.Oldest)
	}
	s.Settle(1)
	if got := begin(t, s); got.Oldest != 4 {
		t.Errorf("oldest = %d after ops 1 to 3 settled, want 4", got.Oldest)
	}
}

func TestBeginStopsAtTheResultsAShardKeeps(t *testing.T) {
	s := New(1)
	for range shard.MaxUnanswered {
		begin(t, s)
	}
	if id, ok := s.Begin(); ok {
		t.Fatalf("Begin gave %+v with %d ops in the window", id, s.Unsettled())
	}
	s.Settle(2) // not the oldest: the window stays as wide
	if id, ok := s.Begin(); ok {
		t.Fatalf("Begin gave %+v while op 1 is open", id)
	}
	s.Settle(1)
	for _, want := range []uint64{shard.MaxUnanswered + 1, shard.MaxUnanswered + 2} {
		if id := begin(t, s); id.Op != want || id.Oldest != 3 {
			t.Errorf("Begin = %+v, want op %d, oldest 3", id, want)
		}
	}
}

func TestSettleLeavesOtherOpsAlone(t *testing.T) {
	s := New(1)
	begin(t, s)
	s.Settle(1)
	s.Settle(1)
	s.Settle(0)
	s.Settle(2)                       // not given out
	s.Settle(2 + shard.MaxUnanswered) // shares a bit with op 2
	if id := begin(t, s); id.Op != 2 || id.Oldest != 2 {
		t.Errorf("Begin = %+v, want op 2, oldest 2", id)
	}
}

// The window against the plainest account of it, over several turns of its bits.
func TestWindowAgainstAPlainSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := New(1)
	open := map[uint64]bool{}
	next := uint64(1)
	for range 200_000 {
		oldest := next
		if len(open) > 0 {
			oldest = next
			for op := range open {
				oldest = min(oldest, op)
			}
		}
		if rng.IntN(2) == 0 || len(open) == 0 {
			id, ok := s.Begin()
			if want := next-oldest < shard.MaxUnanswered; ok != want {
				t.Fatalf("Begin with window [%d, %d) = %v, want %v", oldest, next, ok, want)
			}
			if ok {
				if id.Op != next || id.Oldest != oldest {
					t.Fatalf("Begin = %+v, want op %d, oldest %d", id, next, oldest)
				}
				open[next] = true
				next++
			}
		}
		// Settling two of three keeps the set small and out of order.
		for op := range open {
			if rng.IntN(3) > 0 || len(open) > 16 {
				s.Settle(op)
				delete(open, op)
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	const unanswered = shard.Status(0)
	tests := []struct {
		name    string
		history []shard.Status // of attempts; all but the last end in Retry
		want    Verdict
		doubt   bool
	}{
		{"applied", []shard.Status{shard.OK}, Done, false},
		{"condition failed", []shard.Status{shard.VersionMismatch}, Done, false},
		{"nothing to delete", []shard.Status{shard.NotFound}, Done, false},
		{"refused", []shard.Status{shard.Refused}, Retry, false},
		{"overloaded", []shard.Status{shard.Overloaded}, Retry, false},
		{"accepted, then wedged", []shard.Status{shard.OutcomeUnknown}, Retry, true},
		{"a status this client does not know", []shard.Status{200}, Retry, true},
		{"answered from the record", []shard.Status{unanswered, shard.Refused, shard.OK}, Done, false},
		{"a refusal does not clear an earlier doubt", []shard.Status{unanswered, shard.Refused}, Retry, true},
		{"expired at the first attempt", []shard.Status{shard.SessionExpired}, Renew, false},
		{"expired after refusals only", []shard.Status{shard.Refused, shard.Overloaded, shard.SessionExpired}, Renew, false},
		{"expired after an unanswered attempt", []shard.Status{unanswered, shard.SessionExpired}, Lost, true},
		{"expired after an unknown outcome", []shard.Status{shard.OutcomeUnknown, shard.SessionExpired}, Lost, true},
		{"forgotten", []shard.Status{shard.OpForgotten}, Lost, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id := shard.Identity{Session: 3, Op: 2, Oldest: 1}
			w := NewWrite(id)
			var got Verdict
			for i, status := range test.history {
				if i > 0 && got != Retry {
					t.Fatalf("attempt %d after verdict %v", i+1, got)
				}
				if got = Retry; status == unanswered {
					w.Unanswered()
				} else {
					got = w.Answer(status)
				}
			}
			if got != test.want || w.InDoubt() != test.doubt {
				t.Errorf("verdict %v, in doubt %v; want %v, %v", got, w.InDoubt(), test.want, test.doubt)
			}
			if w.Identity() != id {
				t.Errorf("identity became %+v", w.Identity())
			}
		})
	}
}
