package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// What errors.Is recognises in the errors of this package. Every error names the
// operation and the key, and wraps what caused it.
var (
	// ErrNotFound: the key does not exist.
	ErrNotFound = wire.ErrNotFound
	// ErrVersionMismatch: the condition of a write did not hold, and nothing was
	// changed. errors.As finds a *VersionMismatchError with the key's version.
	ErrVersionMismatch = wire.ErrVersionMismatch
	// ErrTooLarge: the key, the value or the message passes a limit, which the
	// error names. Nothing was changed.
	ErrTooLarge = wire.ErrTooLarge
	// ErrInvalid: the request makes no sense, whatever the state of the cluster.
	// Nothing was changed.
	ErrInvalid = wire.ErrInvalid
	// ErrUnavailable: the cluster did not serve the operation while the caller had
	// patience. A write that fails with it was surely not applied and never will be.
	ErrUnavailable = wire.ErrUnavailable
	// ErrOutcomeUnknown: the write may have been applied, may still be, or may never be.
	// It is applied once at most. Reading the key tells what became of it, see
	// the package's account of an operation.
	ErrOutcomeUnknown = wire.ErrOutcomeUnknown
	// ErrSessionExpired comes together with ErrOutcomeUnknown: the shard forgot the
	// client's session while the write was in doubt, so it can no longer tell
	// the outcome. The write is not under way any more.
	ErrSessionExpired = wire.ErrSessionExpired
	// ErrClosed: the client was closed before or during the call.
	ErrClosed = errors.New("client is closed")
)

// VersionMismatchError says which version a condition found.
type VersionMismatchError struct {
	Key string
	// Expected is the version that the condition named; 0 for "must not exist".
	Expected Version
	// Current is the key's version when the write came to it; 0 if it did not exist.
	Current Version
}

func (e *VersionMismatchError) Error() string {
	state := func(v Version) string {
		if v == 0 {
			return "no value"
		}
		return fmt.Sprintf("version %d", v)
	}
	return fmt.Sprintf("%v: expected %s, found %s", ErrVersionMismatch, state(e.Expected), state(e.Current))
}

// Unwrap makes errors.Is recognise ErrVersionMismatch.
func (e *VersionMismatchError) Unwrap() error { return ErrVersionMismatch }

// opError is how an operation failed. Its text is made when somebody reads it.
type opError struct {
	verb  string // "get", "put", "delete", "open session"
	key   string // empty for a session
	shard shard.ID
	// kinds are sentinels of this package, the weightiest first.
	kinds []error
	// cause is what happened last; nil where the kinds say all.
	cause error
	// attempts is how often the operation was sent.
	attempts int
}

func (e *opError) Error() string {
	var b strings.Builder
	b.WriteString(e.verb)
	if e.key != "" {
		fmt.Fprintf(&b, " %s", quoteKey(e.key))
	}
	if e.shard != 0 {
		fmt.Fprintf(&b, " on shard %d", e.shard)
	}
	b.WriteString(": ")
	for i, kind := range e.kinds {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(kind.Error())
	}
	switch {
	case e.attempts == 1:
		b.WriteString(" after 1 attempt")
	case e.attempts > 1:
		fmt.Fprintf(&b, " after %d attempts", e.attempts)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

// Unwrap makes errors.Is recognise the kinds and the cause.
func (e *opError) Unwrap() []error {
	if e.cause == nil {
		return e.kinds
	}
	return append(e.kinds[:len(e.kinds):len(e.kinds)], e.cause)
}

// quoteKey shortens a key to what a line of log can bear.
func quoteKey(key string) string {
	const most = 64 // bytes
	if len(key) <= most {
		return fmt.Sprintf("%q", key)
	}
	return fmt.Sprintf("%q… (%d bytes)", key[:most], len(key))
}
