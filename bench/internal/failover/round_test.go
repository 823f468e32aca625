package failover

import (
	"context"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
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

// placed is a state in which the node has these roles, one for each part.
type placed struct {
	State
	roles []Target
}

func (p placed) Parts() int                     { return len(p.roles) }
func (p placed) Role(part int, _ uint64) Target { return p.roles[part] }
func (p placed) PartID(part int) uint32         { return uint32(part + 1) }

// TestAffected: a round is about the parts that the node was a member of when the fault came, and its gap is the longest of theirs.
func TestAffected(t *testing.T) {
	line := newTimeline(4)
	for part, gap := range []int{50, 900, 10, 20} {
		for at := gap; at <= 1010; at += 5 {
			line.note(bench.Ending{Op: bench.Update, Part: part, From: line.begin, At: line.begin.Add(time.Duration(at) * millisecond)})
		}
	}
	line.begin = line.begin.Add(-time.Hour) // all of it is over
	r := &Round{}
	s := &series{timeline: line}
	s.affected(r, placed{roles: []Target{Head, Tail, "", Middle}}, 1, 0, map[int]Outcome{1: {Spared: true}})
	if len(r.Affected) != 2 || r.Affected[0].Shard != 1 || r.Affected[0].Role != Head || r.Affected[1].Shard != 4 {
		t.Fatalf("affected %+v; want shards 1 and 4: 2 had dropped the node, and 3 never had it", r.Affected)
	}
	if r.Gap != 50 || r.Affected[1].Gap != 20 || *r.First != 20 || *r.Last != 50 {
		t.Errorf("gap %v of %+v, first %v, last %v; want 50, 20, 20, 50", r.Gap, r.Affected, *r.First, *r.Last)
	}
}
