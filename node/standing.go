package node

import (
	"sync"

	"github.com/ringward/ringward/shard"
)

// standing is how far the contents of the hosted shards are, for all goroutines to look at.
type standing struct {
	mu     sync.RWMutex
	shards map[shard.ID]standsAt
}

// standsAt is the standing of one shard.
type standsAt struct {
	applied shard.Seqno
	whole   bool // not in the middle of a snapshot
	// filling is the number of the snapshot that waits for its flush; 0: none does.
	filling shard.Number
}

func newStanding() *standing { return &standing{shards: map[shard.ID]standsAt{}} }

// reached notes a position up to which entries are applied.
func (s *standing) reached(id shard.ID, seqno shard.Seqno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards[id] = standsAt{applied: seqno, whole: true}
}

// empty notes that a snapshot is to come.
func (s *standing) empty(id shard.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards[id] = standsAt{}
}

// filled notes that a snapshot is complete and not yet durable.
func (s *standing) filled(id shard.ID, number shard.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards[id] = standsAt{filling: number}
}

// flushed notes that it is durable, unless another has been begun since.
func (s *standing) flushed(id shard.ID, number shard.Number, seqno shard.Seqno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards[id].filling == number {
		s.shards[id] = standsAt{applied: seqno, whole: true}
	}
}

// appliedTo is the position up to which the contents of a shard hold its history; 0 where none are hosted.
func (s *standing) appliedTo(id shard.ID) shard.Seqno {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shards[id].applied
}

// serves reports whether the contents of a shard are hosted here, whole, and can be read.
func (s *standing) serves(id shard.ID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shards[id].whole
}
