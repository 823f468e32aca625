package shard

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Entry is one command in a shard's history, encoded once, by the head. The
// same bytes are forwarded along the chain, logged and replayed:
//
//	+-----------+-----------+----------+---------+
//	| epoch (8) | seqno (8) | hash (8) | command |   big endian
//	+-----------+-----------+----------+---------+
//
// The hash runs over the whole history up to and including this entry, so two
// histories that agree at one position agree at all earlier ones.
//
// An Entry is immutable. Only CheckEntry turns foreign bytes into one.
type Entry []byte

// EntryOverhead is what an entry takes beside its command, in bytes.
const EntryOverhead = 24

// NewEntry encodes the command as the entry that follows a history whose hash is prev.
func NewEntry(epoch Epoch, seqno Seqno, prev uint64, command []byte) Entry {
	e := make(Entry, EntryOverhead+len(command))
	binary.BigEndian.PutUint64(e[0:], uint64(epoch))
	binary.BigEndian.PutUint64(e[8:], uint64(seqno))
	copy(e[EntryOverhead:], command)
	binary.BigEndian.PutUint64(e[16:], e.rehash(prev))
	return e
}

// CheckEntry accepts foreign bytes as an entry if they have the shape of one.
// Whether it follows a given history is for Follows to say.
func CheckEntry(b []byte) (Entry, error) {
	if len(b) <= EntryOverhead {
		return nil, fmt.Errorf("entry of %d bytes: want more than %d", len(b), EntryOverhead)
	}
	e := Entry(b)
	if e.Epoch() == 0 || e.Seqno() == 0 || e.Seqno() > MaxSeqno {
		return nil, fmt.Errorf("entry names epoch %d, seqno %d: both count from 1, seqnos up to %d", e.Epoch(), e.Seqno(), MaxSeqno)
	}
	return e, nil
}

func (e Entry) Epoch() Epoch    { return Epoch(binary.BigEndian.Uint64(e[0:])) }
func (e Entry) Seqno() Seqno    { return Seqno(binary.BigEndian.Uint64(e[8:])) }
func (e Entry) Hash() uint64    { return binary.BigEndian.Uint64(e[16:]) }
func (e Entry) Command() []byte { return e[EntryOverhead:] }

// Follows reports whether e is what stands in a history right after the one
// whose hash is prev.
func (e Entry) Follows(prev uint64) bool { return e.Hash() == e.rehash(prev) }

func (e Entry) rehash(prev uint64) uint64 {
	var p [8]byte
	binary.BigEndian.PutUint64(p[:], prev)
	var d xxhash.Digest
	d.Reset()
	d.Write(p[:])
	d.Write(e[:16])
	d.Write(e[EntryOverhead:])
	return d.Sum64()
}
