package client

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ringward/ringward/shard"
)

// Option sets how a client works.
type Option func(*options)

type options struct {
	timeout        time.Duration
	attemptTimeout time.Duration
	refresh        time.Duration
	tracer         trace.Tracer // nil: no spans
	// askPatience is how long one node has to tell its ring.
	askPatience time.Duration
}

func defaults() options {
	return options{
		timeout:        10 * time.Second,
		attemptTimeout: 2 * time.Second,
		refresh:        10 * time.Second,
		askPatience:    time.Second,
	}
}

// WithTimeout bounds each operation, its retries included, whose context does not end
// earlier. The default is 10s.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithAttemptTimeout is how long an operation waits for one node before it asks again,
// of another where it can. Less finds a node that hangs sooner, and
// sends more twice when the cluster is merely slow. The default is 2s.
func WithAttemptTimeout(d time.Duration) Option {
	return func(o *options) { o.attemptTimeout = d }
}

// WithRefresh is how often the client asks for the ring while nothing is wrong; it
// asks at once when something is. The default is 10s.
func WithRefresh(d time.Duration) Option { return func(o *options) { o.refresh = d } }

// WithTracerProvider makes a span of every call, and passes its context on to the
// nodes. Without it there are none, and the context of the caller's own span, if any,
// is not passed on either. Nil is the same as without.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(o *options) {
		if p != nil {
			o.tracer = p.Tracer("github.com/ringward/ringward/rpc/client")
		}
	}
}

func (o *options) valid() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"WithTimeout", o.timeout}, {"WithAttemptTimeout", o.attemptTimeout}, {"WithRefresh", o.refresh}} {
		if d.value <= 0 {
			return fmt.Errorf("open: %w: %s(%v): want more than 0", ErrInvalid, d.name, d.value)
		}
	}
	return nil
}

// ReadOption changes one read.
type ReadOption struct{ stale bool }

// Stale lets any member answer from what it has applied, however old, without asking
// the others. It is faster, and works also while the member is cut off. Versions tell
// how old the answer is: those that one key had in time rise.
func Stale() ReadOption { return ReadOption{stale: true} }

// WriteOption changes one write.
type WriteOption struct{ condition shard.Condition }

// IfVersion makes the write depend on the key having exactly this version. Otherwise
// nothing changes and the error is ErrVersionMismatch. Version 0 is that of
// a key that does not exist.
func IfVersion(v Version) WriteOption {
	return WriteOption{condition: shard.Condition{Set: true, Version: shard.Seqno(v)}}
}

// IfAbsent makes the write depend on the key not existing: it is IfVersion(0).
func IfAbsent() WriteOption { return IfVersion(0) }
