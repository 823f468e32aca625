package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCommonPrefix(t *testing.T) {
	for _, c := range []struct {
		name  string
		l     Lineage
		last  Seqno
		m     Lineage
		mlast Seqno
		want  Seqno
	}{
		{"both empty", nil, 0, nil, 0, 0},
		{"one empty", Lineage{{1, 0}}, 7, nil, 0, 0},
		{"same epoch, one longer", Lineage{{1, 0}}, 7, Lineage{{1, 0}}, 5, 5},
		{"same lineage", Lineage{{1, 0}, {2, 4}}, 7, Lineage{{1, 0}, {2, 4}}, 7, 7},
		{"the other went on from the whole of this", Lineage{{1, 0}}, 4, Lineage{{1, 0}, {2, 4}}, 9, 4},
		{"the other went on from before the end of this", Lineage{{1, 0}}, 6, Lineage{{1, 0}, {2, 4}}, 9, 4},
		{"the other went on, and wrote nothing yet", Lineage{{1, 0}}, 6, Lineage{{1, 0}, {2, 4}}, 4, 4},
		{"epochs that left no entry make no difference", Lineage{{1, 0}, {3, 4}}, 6, Lineage{{1, 0}, {2, 4}, {3, 4}}, 6, 6},
		{"different successors of one base", Lineage{{1, 0}, {2, 4}}, 6, Lineage{{1, 0}, {3, 4}}, 6, 4},
		{"bases differ in one epoch", Lineage{{1, 0}, {2, 4}}, 8, Lineage{{1, 0}, {2, 6}}, 8, 4},
		{"apart from the first entry on", Lineage{{1, 0}}, 3, Lineage{{2, 0}}, 3, 0},
		{"apart, and alike again further on: what comes after the parting does not count",
			Lineage{{1, 0}, {2, 3}, {4, 6}}, 9, Lineage{{1, 0}, {3, 3}, {4, 6}}, 9, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.l.CommonPrefix(c.last, c.m, c.mlast); got != c.want {
				t.Errorf("common prefix %d, want %d", got, c.want)
			}
			if got := c.m.CommonPrefix(c.mlast, c.l, c.last); got != c.want {
				t.Errorf("the other way round %d, want %d", got, c.want)
			}
		})
	}
}

// TestCommonPrefixEveryPosition compares with looking at every position.
func TestCommonPrefixEveryPosition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() (Lineage, Seqno) {
		var l Lineage
		base := Seqno(0)
		for e := Epoch(1); e < 5; e++ {
			if rng.IntN(3) > 0 {
				l = append(l, View{e, base})
			}
			base += Seqno(rng.IntN(3))
		}
		return l, base
	}
	for range 5000 {
		l, last := random()
		m, mlast := random()
		if len(l) == 0 || len(m) == 0 || l[0].Seqno+m[0].Seqno > 0 {
			continue // not of all epochs: TestCommonPrefixOfNewest
		}
		want := Seqno(0)
		for want < min(last, mlast) && l.EpochAt(want+1) == m.EpochAt(want+1) {
			want++
		}
		if got := l.CommonPrefix(last, m, mlast); got != want {
			t.Fatalf("%v up to %d and %v up to %d: common prefix %d, want %d", l, last, m, mlast, got, want)
		}
	}
}

// TestCommonPrefixOfNewest: lineages that do not reach back all the way never tell of more agreement than there is, and of all of
// it where they overlap at its end.
func TestCommonPrefixOfNewest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		// Two histories that part somewhere, as epochs make them part.
		l, base := Lineage{{1, 0}}, Seqno(0)
		grow := func(l Lineage, base Seqno, from Epoch, epochs int) (Lineage, Seqno) {
			l = slices.Clone(l)
			for i := range epochs {
				base += Seqno(rng.IntN(3))
				l = append(l, View{from + Epoch(2*i), base})
			}
			return l, base + Seqno(rng.IntN(3))
		}
		l, base = grow(l, base, 2, rng.IntN(4))
		a, last := grow(l, base, 10, rng.IntN(4))
		b, mlast := grow(l, base, 11, rng.IntN(4))
		want := a.CommonPrefix(last, b, mlast)
		n, m := a.newest(1+rng.IntN(5)), b.newest(1+rng.IntN(5))
		got := n.CommonPrefix(last, m, mlast)
		known := max(n[0].Seqno, m[0].Seqno)
		if got > want || want > known && got != want {
			t.Fatalf("%v up to %d and %v up to %d: common prefix %d, of all views %v and %v it is %d", n, last, m, mlast, got, a, b, want)
		}
	}
}

func TestLineage(t *testing.T) {
	l := Lineage{{1, 0}, {2, 4}, {4, 4}}
	for seqno, want := range []Epoch{0, 1, 1, 1, 1, 4, 4} {
		if got := l.EpochAt(Seqno(seqno)); got != want {
			t.Errorf("entry %d is of epoch %d, want %d", seqno, got, want)
		}
	}
	if base, ok := l.BaseOf(2); base != 4 || !ok {
		t.Errorf("base of 2: %d %v", base, ok)
	}
	if _, ok := l.BaseOf(3); ok {
		t.Error("epoch 3 has a base, and is not in the lineage")
	}
}

func TestLineageValid(t *testing.T) {
	var longest Lineage
	for e := range Epoch(MaxViews) {
		longest = append(longest, View{Epoch: e + 1})
	}
	for i, c := range []struct {
		l  Lineage
		ok bool
	}{
		{nil, true},
		{Lineage{{1, 0}, {2, 0}, {9, 5}}, true},
		{Lineage{{1, 0}, {1, 3}}, false},
		{Lineage{{2, 0}, {1, 3}}, false},
		{Lineage{{1, 3}, {2, 2}}, false},
		{Lineage{{1, MaxSeqno}}, true},
		{Lineage{{1, MaxSeqno + 1}}, false},
		{longest, true},
		{append(longest, View{Epoch: MaxViews + 1}), false},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if err := c.l.Valid(); (err == nil) != c.ok {
				t.Errorf("valid: %v", err)
			}
		})
	}
}
