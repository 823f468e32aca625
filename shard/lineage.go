package shard

import "fmt"

// Lineage tells which epoch each position of a history belongs to: the entries
// of an epoch have sequence numbers above its base, up to the base of the
// next. Epochs rise strictly, bases never fall. An entry that disagrees with the
// lineage is void.
type Lineage []View

// Valid reports what is wrong with l, if anything.
func (l Lineage) Valid() error {
	if len(l) > MaxChain {
		return fmt.Errorf("lineage of %d epochs: want at most %d", len(l), MaxChain)
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
// equal epoch and seqno are equal, so comparing epochs compares histories.
func (l Lineage) CommonPrefix(last Seqno, m Lineage, mlast Seqno) Seqno {
	end := min(last, mlast)
	// Between two neighbouring bases both epochs are constant, so it is enough
	// to look at the first position after each base, and at the first of all.
	agree := func(s Seqno) bool { return l.EpochAt(s) == m.EpochAt(s) }
	common := end
	check := func(first Seqno) {
		if first <= common && !agree(first) {
			common = first - 1
		}
	}
	check(1)
	for _, v := range l {
		check(v.Seqno + 1)
	}
	for _, v := range m {
		check(v.Seqno + 1)
	}
	return common
}
