package shard

import (
	"encoding/binary"
	"fmt"

	"github.com/ringward/ringward/shard/mutant"
)

// Ruling is what an operator decided about the next shard in the ring, because this one could not: the chain of that
// shard's configurations, of which the newest is his. A replica that holds one keeps it durably, and gives it away
// with its history, until the register shows it: see package sequencer, recover.go.
type Ruling struct {
	// At is when it was made, in microseconds since 1970 by the operator's clock. Of two the later counts. 0: there is none.
	At uint64
	// Chain is empty once the ruling is carried out.
	Chain Chain
}

// Open reports whether there is a ruling that is not carried out.
func (g Ruling) Open() bool { return len(g.Chain) > 0 }

// Valid reports what is wrong with g, if anything.
func (g Ruling) Valid() error {
	if len(g.Chain) == 0 {
		return nil
	}
	if g.At == 0 {
		return fmt.Errorf("ruling about shard %d without a time", g.Chain[0].Shard)
	}
	return g.Chain.Valid()
}

// AppendRuling encodes g: At, and 1 and the chain, or 0.
func AppendRuling(b []byte, g Ruling) []byte {
	b = AppendBool(binary.AppendUvarint(b, g.At), g.Open())
	if !g.Open() {
		return b
	}
	return AppendChain(b, g.Chain)
}

// Ruling reads a valid ruling.
func (d *Decoder) Ruling() Ruling {
	g := Ruling{At: d.Uvarint()}
	if d.Bool() {
		g.Chain = d.Chain()
	}
	if d.err == nil {
		if err := g.Valid(); err != nil {
			d.Fail(err)
		}
	}
	return g
}

// Rule makes the replica hold a ruling, unless it knows of that one or a later one.
func (r *Replica) Rule(g Ruling) {
	if r.err == nil && g.Open() && g.At > r.stored.Ruling.At {
		r.write(Record{Kind: RecordRuling, Ruling: g})
	}
}

// CarriedOut lets go of the ruling, which the register shows.
func (r *Replica) CarriedOut() {
	if r.err == nil && r.stored.Ruling.Open() {
		r.write(Record{Kind: RecordRuling, Ruling: Ruling{At: r.stored.Ruling.At}})
	}
}

// Ruling is the one that the replica holds; durable says whether that is so on disk.
func (r *Replica) Ruling() (g Ruling, durable bool) {
	for _, w := range r.writing {
		if w.kind == RecordRuling {
			return r.stored.Ruling, false
		}
	}
	return r.stored.Ruling, true
}

// openRuling is the ruling as it goes along with the history.
func (s *Stored) openRuling() Ruling {
	if !s.Ruling.Open() || mutant.On(mutant.RulingForgotten) {
		return Ruling{}
	}
	return s.Ruling
}

// Uncommitted are the entries that are not known to be persistent, and the position before them.
func (r *Replica) Uncommitted() (commit Seqno, entries []Entry) {
	if r.commit < r.stored.Start || r.commit > r.last() {
		return r.commit, nil // it gave up its history
	}
	return r.commit, r.stored.Entries[r.commit-r.stored.Start:]
}
