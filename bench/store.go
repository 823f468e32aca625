package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringward/ringward/bench/history"
)

// Store is all that a workload asks of a key-value store. It is used by many goroutines at
// once. A driver says how a call failed with an *Error; any other error
// counts as Other, of unknown outcome.
type Store interface {
	// Get reads a key. One that does not exist fails with NotFound.
	Get(ctx context.Context, key string) (value []byte, version uint64, err error)
	// Put sets a key, and returns its new version. It keeps no hold of value.
	Put(ctx context.Context, key string, value []byte) (version uint64, err error)
	// CAS sets a key if it has the expected version, 0 if it does not exist. Otherwise
	// it fails with Mismatch and returns the version it found. It keeps no hold of value.
	CAS(ctx context.Context, key string, expected uint64, value []byte) (version uint64, err error)
	// Close ends the driver. Nothing of it runs afterwards.
	Close() error
}

// Parted is a store whose keys lie in parts that fail by themselves, such as shards. What all
// clients together see hides that one part stands still while others serve; so the
// longest gap of each part is reported as well.
type Parted interface {
	Store
	// Parts names the parts.
	Parts() []string
	// Part is the index of the key's part in Parts.
	Part(key string) int
}

// Failure is a way for a call to fail, under the name it has in reports.
type Failure string

// The ways for a call to fail.
const (
	NotFound       Failure = "not_found"
	Mismatch       Failure = "version_mismatch"
	TooLarge       Failure = "too_large"
	Invalid        Failure = "invalid"
	Unavailable    Failure = "unavailable"     // surely not applied, now or later
	OutcomeUnknown Failure = "outcome_unknown" // may have been applied, or may be yet
	SessionExpired Failure = "session_expired" // outcome unknown, and not under way any more
	Closed         Failure = "closed"
	Other          Failure = "other"
)

// Error says how a call failed, and why.
type Error struct {
	Failure Failure
	Err     error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return string(e.Failure)
	}
	return fmt.Sprintf("%s: %v", e.Failure, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// FailureOf names how a call failed; empty for nil.
func FailureOf(err error) Failure {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Failure
	}
	return Other
}

// outcome is what a failure tells about the effect of a call. What is not known to
// be definite is in doubt.
func (f Failure) outcome() history.Outcome {
	switch f {
	case "":
		return history.OK
	case NotFound:
		return history.NotFound
	case Mismatch:
		return history.Mismatch
	case TooLarge, Invalid, Unavailable:
		return history.NotApplied
	}
	return history.Unknown
}

// Record is a store whose calls go into a history, as those of one client.
func Record(s Store, log *history.Log) Store { return recorded{s, log} }

// recorded is a store whose calls go into a history.
type recorded struct {
	Store
	log *history.Log
}

func (r recorded) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	call := r.log.Invoke(history.Op{Kind: history.Get, Key: key})
	value, version, err := r.Store.Get(ctx, key)
	var read history.Fingerprint
	if err == nil {
		read = history.Of(value)
	}
	r.log.Return(call, FailureOf(err).outcome(), version, read)
	return value, version, err
}

func (r recorded) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	call := r.log.Invoke(history.Op{Kind: history.Put, Key: key, Value: history.Of(value)})
	version, err := r.Store.Put(ctx, key, value)
	r.log.Return(call, FailureOf(err).outcome(), version, 0)
	return version, err
}

func (r recorded) CAS(ctx context.Context, key string, expected uint64, value []byte) (uint64, error) {
	call := r.log.Invoke(history.Op{Kind: history.Put, Key: key, If: true, Expected: expected, Value: history.Of(value)})
	version, err := r.Store.CAS(ctx, key, expected, value)
	r.log.Return(call, FailureOf(err).outcome(), version, 0)
	return version, err
}
