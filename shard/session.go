package shard

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// MaxUnanswered bounds the results that a session keeps: a client may have at most this
// many writes per shard between its oldest unanswered and its newest.
const MaxUnanswered = 4096

// MaxSessions bounds the sessions that are open on a shard at one time.
const MaxSessions = 1 << 16

// session is what the replicated state knows of one client: the results it may
// still ask for again.
type session struct {
	lastUsed Seqno
	floor    uint64 // ops below it are forgotten
	results  []opResult
}

// opResult is the recorded answer to one op, kept in rising order of ops.
type opResult struct {
	op      uint64
	status  Status
	version Seqno
}

func (s *session) find(op uint64) (int, bool) {
	return slices.BinarySearchFunc(s.results, op, func(r opResult, op uint64) int {
		switch {
		case r.op < op:
			return -1
		case r.op > op:
			return 1
		}
		return 0
	})
}

// answered returns the result of a write that was applied before, or the refusal of
// one that cannot be told from an applied one any more.
func (s *session) answered(id Identity) (Result, bool) {
	if i, ok := s.find(id.Op); ok {
		return Result{Status: s.results[i].status, Version: s.results[i].version}, true
	}
	if id.Op < s.floor {
		return Result{Status: OpForgotten}, true
	}
	return Result{}, false
}

// forget drops the results that the client says it has seen.
func (s *session) forget(oldest uint64) {
	if oldest <= s.floor {
		return
	}
	s.floor = oldest
	i, _ := s.find(oldest)
	s.results = slices.Delete(s.results, 0, i)
}

func (s *session) record(op uint64, r Result) {
	i, _ := s.find(op)
	s.results = slices.Insert(s.results, i, opResult{op: op, status: r.Status, version: r.Version})
}

func appendSession(b []byte, s *session) []byte {
	b = binary.AppendUvarint(b, uint64(s.lastUsed))
	b = binary.AppendUvarint(b, s.floor)
	b = binary.AppendUvarint(b, uint64(len(s.results)))
	for _, r := range s.results {
		b = binary.AppendUvarint(b, r.op)
		b = append(b, byte(r.status))
		b = binary.AppendUvarint(b, uint64(r.version))
	}
	return b
}

func decodeSession(b []byte) (*session, error) {
	d := NewDecoder(b)
	s := &session{lastUsed: Seqno(d.Uvarint()), floor: d.Uvarint()}
	for range d.Count(3) {
		s.results = append(s.results, opResult{op: d.Uvarint(), status: Status(d.Byte()), version: Seqno(d.Uvarint())})
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return s, nil
}
