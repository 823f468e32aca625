package failover

import (
	"context"
	"testing"
)

// TestSpan: which shard served first does not depend on the order in which they are listed.
func TestSpan(t *testing.T) {
	served, later, never := Affected{Again: new(3.0)}, Affected{Again: new(7.0)}, Affected{}
	for _, test := range []struct {
		affected    []Affected
		first, last float64 // 0: absent
	}{
		{[]Affected{later, served}, 3, 7},
		{[]Affected{served, never}, 3, 0},
		{[]Affected{never, later, served}, 3, 0},
		{[]Affected{never}, 0, 0},
		{nil, 0, 0},
	} {
		r := Round{Affected: test.affected}
		r.span()
		is := func(p *float64, want float64) bool { return p == nil && want == 0 || p != nil && *p == want }
		if !is(r.First, test.first) || !is(r.Last, test.last) {
			t.Errorf("%+v: first %v, last %v; want %v, %v", test.affected, r.First, r.Last, test.first, test.last)
		}
	}
}

// gone is a cluster of which nobody answers.
type gone struct{ System }

func (gone) Look(ctx context.Context) (State, error) {
	return (&ringward{[]string{"127.0.0.1:1"}}).Look(ctx)
}

// TestNobodyAnswers: then there is no view, and not one that must not be used.
func TestNobodyAnswers(t *testing.T) {
	v, err := (&series{system: gone{}}).awaitStrength(t.Context(), 0)
	if v != nil || err == nil {
		t.Errorf("view %v, error %v", v, err)
	}
}

// TestShellIsApart: a Ctrl-C at the terminal, which goes to all of the program's process group, ends no command that heals a node.
func TestShellIsApart(t *testing.T) {
	if err := shell(t.Context(), "heal", "kill -0 -$$", nil); err != nil {
		t.Errorf("the command leads no process group of its own: %v", err)
	}
}
