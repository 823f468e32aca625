// Package session is how a client makes each of its writes happen at most once: which
// name a write is asked for under, and what an answer under that name proves.
//
// A client opens one session per shard and numbers its writes there from 1. The
// shard keeps the result of a write until the client states that it will not ask
// for it again, so a write may be sent any number of times under one identity, and
// the same answer comes back. Session gives out the identities; Write judges
// the answers; Course says, attempt by attempt, where an operation goes next. All of
// them only compute: no clock, no lock, no network, so that whoever tries the protocol
// against faults runs these and not a copy.
package session

import "github.com/ringward/ringward/shard"

// Session numbers one client's writes on one shard. Not safe for concurrent use.
type Session struct {
	id shard.SessionID
	// oldest is the lowest op that is not settled; next when all are.
	oldest uint64
	// next is the op that Begin gives out. next - oldest never passes
	// shard.MaxUnanswered, the number of results that the shard keeps.
	next uint64
	// settled has one bit for each op of the window [oldest, next), at op modulo
	// its size. Bits outside of the window are zero.
	settled [shard.MaxUnanswered / 64]uint64
}

// New is the session that the shard opened under this id.
func New(id shard.SessionID) *Session { return &Session{id: id, oldest: 1, next: 1} }

// ID is what the shard calls the session.
func (s *Session) ID() shard.SessionID { return s.id }

// Begin gives out the identity of a new write; false while there are as many ops
// between the oldest unsettled one and the newest as the shard keeps results.
func (s *Session) Begin() (shard.Identity, bool) {
	if s.next-s.oldest == shard.MaxUnanswered {
		return shard.Identity{}, false
	}
	op := s.next
	s.next++
	return shard.Identity{Session: s.id, Op: op, Oldest: s.oldest}, true
}

// Settle ends an op: its answer has come, or nobody will send it again. Copies of it
// may still be under way. The shard applies the first that comes before it hears
// of a higher oldest op, and forgets the rest, so at most one is applied.
// Ops that are settled, or were never given out, are left alone.
func (s *Session) Settle(op uint64) {
	if op < s.oldest || op >= s.next {
		return
	}
	word, bit := slot(op)
	s.settled[word] |= bit
	for s.oldest < s.next {
		word, bit := slot(s.oldest)
		if s.settled[word]&bit == 0 {
			return
		}
		s.settled[word] &^= bit
		s.oldest++
	}
}

// slot is where an op stands in the window.
func slot(op uint64) (word int, bit uint64) {
	i := op % shard.MaxUnanswered
	return int(i / 64), 1 << (i % 64)
}

// Unsettled is how many ops the window spans, those settled out of order included.
func (s *Session) Unsettled() int { return int(s.next - s.oldest) }
