package client

import (
	"fmt"
	"time"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// judge carries out what the latest answer means for the call: it goes on, or ends with err.
func (o *call) judge(result shard.Result) (again bool, err error) {
	switch result.Status {
	case wire.Invalid:
		return false, o.refused(ErrInvalid)
	case wire.TooLarge:
		return false, o.refused(ErrTooLarge)
	}
	switch o.verdict {
	case session.Done:
		return false, o.done(result)
	case session.Renew:
		sessions := o.client.sessions[o.shard]
		sessions.expire(o.place.session)
		sessions.end(o.place)
		o.place = place{}
		return true, nil
	case session.Lost:
		if result.Status != shard.SessionExpired {
			return false, o.failed(o.last, ErrOutcomeUnknown)
		}
		o.client.sessions[o.shard].expire(o.place.session)
		return false, o.failed(o.last, ErrOutcomeUnknown, ErrSessionExpired)
	}
	return true, nil
}

// done is how a call with a result ends.
func (o *call) done(result shard.Result) error {
	switch result.Status {
	case shard.NotFound:
		return o.failed(nil, ErrNotFound)
	case shard.VersionMismatch:
		return o.failed(nil, &VersionMismatchError{
			Key:      string(o.op.Key),
			Expected: Version(o.op.If.Version),
			Current:  Version(result.Version),
		})
	}
	return nil
}

// refused is how a call ends that no repetition helps. With an earlier attempt in doubt,
// which only a node with other limits can have accepted, the doubt stays.
func (o *call) refused(kind error) error {
	if o.course.InDoubt() {
		return o.failed(o.last, ErrOutcomeUnknown, kind)
	}
	return o.failed(o.last, kind)
}

// abandoned is how a call ends whose patience has: a write that may have been applied
// says so, and nothing else is in doubt.
func (o *call) abandoned(cause error) error {
	kind := ErrUnavailable
	if o.course.InDoubt() {
		kind = ErrOutcomeUnknown
	}
	if o.client.lifetime.Err() != nil {
		return o.failed(o.last, kind, ErrClosed)
	}
	if o.last != nil {
		cause = fmt.Errorf("%w; last: %v", cause, o.last)
	}
	return o.failed(cause, kind)
}

func (o *call) failed(cause error, kinds ...error) error {
	return &opError{verb: o.verb, key: string(o.op.Key), shard: o.op.Shard, kinds: kinds, cause: cause, attempts: o.course.Attempts()}
}

// timedOut ends a call whose context would allow more.
func (o *call) timedOut() error {
	return fmt.Errorf("the client's timeout of %v has passed", o.client.options.timeout)
}

// over is why patience has ended, or nil.
func (o *call) over() error {
	switch {
	case o.client.lifetime.Err() != nil:
		return ErrClosed
	case o.ctx.Err() != nil:
		return o.ctx.Err()
	case !time.Now().Before(o.deadline):
		return o.timedOut()
	}
	return nil
}

const (
	// The pauses between attempts double from the first to the longest, and are cut by
	// up to half, so that calls which failed together do not come back together.
	firstPause   = 2 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// pause waits before the next attempt, as long as the course says. News of the ring ends the wait.
func (o *call) pause() error {
	if o.op.Kind == shard.OpenSession && !o.client.sessions[o.shard].struggle(o.last) {
		return errUnwanted
	}
	n := o.course.Pause()
	if n == 0 {
		return o.over()
	}
	d := min(firstPause<<min(n-1, 20), longestPause)
	o.timer.Reset(min(d-o.client.jitter.upTo(d/2), time.Until(o.deadline)))
	select {
	case <-o.timer.C:
	case <-o.client.routes.Load().replaced:
	case <-o.ctx.Done():
	case <-o.client.lifetime.Done():
	}
	return o.over()
}
