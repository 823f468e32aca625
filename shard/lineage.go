package shard

import (
	"fmt"
	"slices"
)

// Lineage tells which epoch each position of a history belongs to: the entries
// of an epoch have sequence numbers above its base, up to the base of the
// next. Epochs rise strictly, bases never fall. An entry that disagrees with the
// lineage is void. The oldest views may be left out: then it says nothing of the positions
// up to the base of the first.
type Lineage []View

// DefaultViews is how many epochs a lineage reaches back where nothing else is set. Who was away for longer than that
// cannot be told what of his history is void, and gets a snapshot.
const DefaultViews = 1024

// MaxViews bounds the views of a lineage, so that a decoder can refuse nonsense.
const MaxViews = 1 << 12

// newest returns the n newest views.
func (l Lineage) newest(n int) Lineage { return l[max(0, len(l)-n):] }

// Valid reports what is wrong with l, if anything.
func (l Lineage) Valid() error {
	if len(l) > MaxViews {
		return fmt.Errorf("lineage of %d epochs: want at most %d", len(l), MaxViews)
	}
	for _, v := range l {
		if v.Seqno > MaxSeqno {
			return fmt.Errorf("lineage names base %d: want at most %d", v.Seqno, MaxSeqno)
		}
	}
	for i := 1; i < len(l); i++ {
		if l[i].Epoch <= l[i-1].Epoch || l[i].Seqno < l[i-1].Seqno {
			return fmt.Errorf("lineage goes from %v to %v: epochs must rise and bases must not fall", l[i-1], l[i])
		}
	}
	return nil
}

// EpochAt returns the epoch that the entry at seqno belongs to, zero where the
// lineage does not reach back so far.
func (l Lineage) EpochAt(seqno Seqno) Epoch {
	for i := len(l) - 1; i >= 0; i-- {
		if seqno > l[i].Seqno {
			return l[i].Epoch
		}
	}
	return 0
}

// allows reports whether e is of the epoch that its position has, as far as the lineage reaches back.
func (l Lineage) allows(e Entry) bool {
	return e.Epoch() == l.EpochAt(e.Seqno()) || len(l) > 0 && e.Seqno() <= l[0].Seqno
}

// BaseOf returns the base of epoch e.
func (l Lineage) BaseOf(e Epoch) (Seqno, bool) {
	for _, v := range l {
		if v.Epoch == e {
			return v.Seqno, true
		}
	}
	return 0, false
}

// CommonPrefix is the last position up to which a history with lineage l and
// last entry last agrees with one of lineage m and last entry mlast. Entries of
// equal epoch and seqno are equal, so comparing epochs compares histories. Where one of the lineages does not reach back
// far enough it may be less than that, down to 0.
func (l Lineage) CommonPrefix(last Seqno, m Lineage, mlast Seqno) Seqno {
	if len(l) == 0 || len(m) == 0 {
		return 0
	}
	known := max(l[0].Seqno, m[0].Seqno) // above it both tell the epochs
	end := min(last, mlast)
	// Between two neighbouring bases both epochs are constant, so it is enough
	// to look at the first position after each base, and at the first of all.
	agree := func(s Seqno) bool { return l.EpochAt(s) == m.EpochAt(s) }
	common := end
	check := func(first Seqno) {
		if first > known && first <= common && !agree(first) {
			common = first - 1
		}
	}
	check(known + 1)
	for _, v := range l {
		check(v.Seqno + 1)
	}
	for _, v := range m {
		check(v.Seqno + 1)
	}
	if common > known || known == 0 {
		return common
	}
	// What begins one epoch is the same history, wherever it is.
	shared := Seqno(0)
	for _, v := range l {
		if slices.Contains(m, v) {
			shared = v.Seqno
		}
	}
	return min(common, shared)
}
