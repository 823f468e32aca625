package shard

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// RecordKind says what a Record makes durable. The values are on disk.
type RecordKind uint8

const (
	// RecordEntry appends an entry to the history.
	RecordEntry RecordKind = 1
	// RecordPromise is a learned chain of decided configurations. Its newest
	// epoch is promised: nothing is done in a lower one any more.
	RecordPromise RecordKind = 2
	// RecordActivate makes the replica active in the newest epoch of its chain:
	// cuts its history at Cut, appends the inherited entries and adopts the
	// lineage, in one step.
	RecordActivate RecordKind = 3
	// RecordState is all a replica knows beside its entries. Every segment of the
	// log begins with one for each shard, so older segments can go.
	RecordState RecordKind = 4
	// RecordFollow adopts the history of a configuration that the replica is no member of, as a learner does:
	// like an activation, but it makes nothing active. Without a lineage it gives up the history, for
	// a snapshot to come; the next one then begins the history at its Cut, which the contents hold.
	RecordFollow RecordKind = 5
	// RecordRuling is what an operator decided about the next shard, or that it is carried out.
	RecordRuling RecordKind = 6
)

// Record is one thing a replica wants durable. A record is durable whole or not
// at all, and only together with all records before it.
type Record struct {
	Shard ID
	Kind  RecordKind

	Entry   Entry   // RecordEntry
	Chain   Chain   // RecordPromise, RecordState
	Epoch   Epoch   // RecordActivate, and RecordState: the last epoch in which it was active
	Lineage Lineage // RecordActivate, RecordState, RecordFollow
	Cut     Seqno   // RecordActivate, RecordFollow: entries above it go, before the inherited come; RecordState: the last entry
	Hash    uint64  // RecordActivate, RecordState, RecordFollow: of the history up to Cut
	Entries []Entry // RecordActivate, RecordFollow: the inherited entries above Cut
	Ruling  Ruling  // RecordRuling, RecordState
}

// AppendRecord encodes r.
func AppendRecord(b []byte, r Record) []byte {
	b = append(b, byte(r.Kind))
	b = binary.AppendUvarint(b, uint64(r.Shard))
	switch r.Kind {
	case RecordEntry:
		b = append(b, r.Entry...)
	case RecordPromise:
		b = AppendChain(b, r.Chain)
	case RecordActivate, RecordFollow:
		if r.Kind == RecordActivate {
			b = binary.AppendUvarint(b, uint64(r.Epoch))
		}
		b = AppendLineage(b, r.Lineage)
		b = binary.AppendUvarint(b, uint64(r.Cut))
		b = binary.BigEndian.AppendUint64(b, r.Hash)
		b = binary.AppendUvarint(b, uint64(len(r.Entries)))
		for _, e := range r.Entries {
			b = AppendBytes(b, e)
		}
	case RecordState:
		b = AppendChain(b, r.Chain)
		b = binary.AppendUvarint(b, uint64(r.Epoch))
		b = AppendLineage(b, r.Lineage)
		b = binary.AppendUvarint(b, uint64(r.Cut))
		b = binary.BigEndian.AppendUint64(b, r.Hash)
		b = AppendRuling(b, r.Ruling)
	case RecordRuling:
		b = AppendRuling(b, r.Ruling)
	}
	return b
}

// DecodeRecord reads what AppendRecord wrote. The result aliases b.
func DecodeRecord(b []byte) (Record, error) {
	d := NewDecoder(b)
	r := Record{Kind: RecordKind(d.Byte()), Shard: d.shardID()}
	if d.err == nil && r.Shard == 0 {
		d.Fail(fmt.Errorf("shard 0: shards are numbered from 1"))
	}
	switch r.Kind {
	case RecordEntry:
		r.Entry = d.entry(d.b)
		d.b = nil
	case RecordPromise:
		r.Chain = d.Chain()
	case RecordActivate, RecordFollow:
		if r.Kind == RecordActivate {
			r.Epoch = Epoch(d.Uvarint())
		}
		r.Lineage = d.Lineage()
		r.Cut, r.Hash = Seqno(d.Uvarint()), d.Uint64()
		for range d.Count(EntryOverhead) {
			r.Entries = append(r.Entries, d.entry(d.Bytes()))
		}
	case RecordState:
		r.Chain = d.Chain()
		r.Epoch = Epoch(d.Uvarint())
		r.Lineage = d.Lineage()
		r.Cut, r.Hash = Seqno(d.Uvarint()), d.Uint64()
		r.Ruling = d.Ruling()
	case RecordRuling:
		r.Ruling = d.Ruling()
	default:
		d.Fail(fmt.Errorf("unknown kind %d", r.Kind))
	}
	if r.Kind == RecordFollow && len(r.Lineage) == 0 && (r.Cut != 0 || r.Hash != 0 || len(r.Entries) > 0) {
		d.Fail(fmt.Errorf("gives up the history, and keeps what stands up to %d", r.Cut))
	}
	if err := d.Done(); err != nil {
		return Record{}, fmt.Errorf("log record: %w", err)
	}
	return r, nil
}

func (d *Decoder) entry(b []byte) Entry {
	if d.err != nil {
		return nil
	}
	e, err := CheckEntry(b)
	if err != nil {
		d.Fail(err)
	}
	return e
}

// Stored is what the log holds of one replica: the fold of its records. The zero
// value is a replica that the node does not host.
type Stored struct {
	Chain   Chain   // decided configurations; the newest epoch is the promise
	Active  Epoch   // the last epoch in which the replica was active
	Lineage Lineage // of the entries
	// Start is the position before the first entry held; Hash is the history's there.
	Start Seqno
	Hash  uint64
	// Entries are those above Start, without gaps.
	Entries []Entry
	// Ruling is what an operator decided about the next shard.
	Ruling Ruling
}

// Void reports whether the replica has no history: it has not begun to learn, or gave up what it had for a
// snapshot that is not here yet. What its contents hold then is worth nothing.
func (s *Stored) Void() bool { return len(s.Lineage) == 0 }

// Last is the position of the last entry.
func (s *Stored) Last() Seqno { return s.Start + Seqno(len(s.Entries)) }

// HashAt is the history's hash at a position from Start to Last.
func (s *Stored) HashAt(seqno Seqno) (hash uint64, ok bool) {
	switch {
	case seqno < s.Start || seqno > s.Last():
		return 0, false
	case seqno == s.Start:
		return s.Hash, true
	}
	return s.Entries[seqno-s.Start-1].Hash(), true
}

// StateRecord is the record with which a new segment of the log begins.
func (s *Stored) StateRecord() Record {
	hash, _ := s.HashAt(s.Last())
	return Record{
		Shard: s.Chain.Newest().Shard, Kind: RecordState,
		Chain: s.Chain, Epoch: s.Active, Lineage: s.Lineage, Cut: s.Last(), Hash: hash, Ruling: s.Ruling,
	}
}

// Replay folds the next record of the same shard into s. An error means that the
// log does not hold what a correct replica wrote.
func (s *Stored) Replay(r Record) error {
	switch r.Kind {
	case RecordEntry:
		return s.replayEntry(r.Entry)
	case RecordPromise:
		s.Chain = r.Chain
	case RecordActivate, RecordFollow:
		if s.Void() && r.Kind == RecordFollow {
			s.Start, s.Hash, s.Entries = r.Cut, r.Hash, nil
		} else if err := s.cut(r); err != nil {
			return err
		}
		for _, e := range r.Entries {
			if err := s.replayEntry(e); err != nil {
				return err
			}
		}
		if s.Lineage = r.Lineage; r.Kind == RecordActivate {
			s.Active = r.Epoch
		}
	case RecordState:
		if len(s.Chain) == 0 {
			s.Start, s.Hash = r.Cut, r.Hash
		} else if hash, _ := s.HashAt(s.Last()); s.Last() != r.Cut || hash != r.Hash {
			return fmt.Errorf("shard %d: history ends at %d where the next segment continues from %d", r.Shard, s.Last(), r.Cut)
		}
		s.Chain, s.Active, s.Lineage, s.Ruling = r.Chain, r.Epoch, r.Lineage, r.Ruling
	case RecordRuling:
		s.Ruling = r.Ruling
	default:
		return fmt.Errorf("shard %d: record of unknown kind %d", r.Shard, r.Kind)
	}
	return nil
}

func (s *Stored) cut(r Record) error {
	if r.Cut < s.Start {
		s.Start, s.Hash, s.Entries = r.Cut, r.Hash, nil
		return nil
	}
	hash, ok := s.HashAt(r.Cut)
	if !ok || hash != r.Hash {
		return fmt.Errorf("shard %d: a record of kind %d cuts at %d, which does not fit the history up to %d", r.Shard, r.Kind, r.Cut, s.Last())
	}
	// Clipped: messages under way may still look at what follows.
	s.Entries = slices.Clip(s.Entries[:r.Cut-s.Start])
	return nil
}

func (s *Stored) replayEntry(e Entry) error {
	hash, _ := s.HashAt(s.Last())
	if e.Seqno() != s.Last()+1 || !e.Follows(hash) {
		return fmt.Errorf("entry %d of epoch %d does not continue the history up to %d", e.Seqno(), e.Epoch(), s.Last())
	}
	s.Entries = append(s.Entries, e)
	return nil
}

// Forget drops the entries up to seqno, which the contents hold; hash is the
// history's there, as the contents know it. It fails where log and contents
// do not belong together.
func (s *Stored) Forget(seqno Seqno, hash uint64) error {
	h, ok := s.HashAt(seqno)
	if !ok || h != hash {
		return fmt.Errorf("shard %d: the contents hold the history up to %d, which does not fit the log's, from %d to %d",
			s.Chain.Newest().Shard, seqno, s.Start, s.Last())
	}
	s.Entries = s.Entries[seqno-s.Start:]
	s.Start, s.Hash = seqno, hash
	return nil
}
