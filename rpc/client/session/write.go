package session

import (
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Verdict is what a client does after an attempt of a write.
type Verdict uint8

const (
	// Done: the answer is the write's result.
	Done Verdict = iota + 1
	// Retry: send the write again under the same identity.
	Retry
	// Renew: the session is gone and no attempt was applied, so the write may
	// begin again under an identity of a new session.
	Renew
	// Lost: the shard can no longer tell whether the write was applied. Sending it
	// again, under whatever identity, might apply it twice.
	Lost
)

func (v Verdict) String() string {
	switch v {
	case Done:
		return "done"
	case Retry:
		return "retry"
	case Renew:
		return "renew"
	case Lost:
		return "lost"
	}
	return "no verdict"
}

// Write is one write of a client, as the client knows it.
type Write struct {
	identity shard.Identity
	// doubt: some attempt may have been applied, or may yet be.
	doubt bool
}

// NewWrite is a write that was not sent yet.
func NewWrite(id shard.Identity) Write { return Write{identity: id} }

// Identity is the name that every attempt carries.
func (w *Write) Identity() shard.Identity { return w.identity }

// InDoubt reports whether an attempt may have been applied, or may yet be.
// A write that ends without a result and is not in doubt has surely not happened.
func (w *Write) InDoubt() bool { return w.doubt }

// Unanswered records that an attempt left and no answer came. It may be applied
// now, later, or never.
func (w *Write) Unanswered() { w.doubt = w.doubt || !mutant.On(mutant.TimeoutIsFailure) }

// Answer judges what came back from an attempt.
func (w *Write) Answer(status shard.Status) Verdict {
	switch status {
	case shard.OK, shard.NotFound, shard.VersionMismatch:
		w.doubt = false
		return Done
	case shard.Refused, shard.Overloaded:
		// Neither this attempt nor any copy of it that a node forwarded is or will
		// be applied; an earlier attempt keeps its doubt.
		return Retry
	case shard.SessionExpired:
		// No attempt will be applied from here on, for an expired session never
		// opens again. But an earlier one may have been while it was open.
		if w.doubt {
			return Lost
		}
		return Renew
	case shard.OpForgotten:
		// Forgotten results cannot be told from those of ops that never came.
		w.doubt = true
		return Lost
	}
	// OutcomeUnknown, and whatever a newer server may say that this client does
	// not understand: the record of the session will tell.
	w.doubt = true
	return Retry
}
