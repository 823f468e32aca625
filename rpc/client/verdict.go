package client

import (
	"fmt"
	"time"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// judge decides what an answer means for the call: it goes on, or ends with err.
func (o *call) judge(result shard.Result) (again bool, err error) {
	switch result.Status {
	case wire.Invalid:
		return false, o.refused(ErrInvalid)
	case wire.TooLarge:
		return false, o.refused(ErrTooLarge)
	case shard.Overloaded:
		// Coming back at once would add to what there is too much of.
		o.pauses = max(o.pauses, overloadPauses)
	}
	if !o.isWrite() {
		switch result.Status {
		case shard.OK:
			return false, nil
		case shard.NotFound:
			return false, o.failed(nil, ErrNotFound)
		}
		return true, nil
	}
	status := result.Status
	if status == wire.Unavailable {
		status = shard.Refused // both are definite: nothing was applied
	}
	switch o.write.Answer(status) {
	case session.Done:
		return false, o.done(result)
	case session.Renew:
		sessions := o.client.sessions[o.shard]
		sessions.expire(o.place.session)
		sessions.end(o.place)
		o.place = place{}
		return true, nil
	case session.Lost:
		if status != shard.SessionExpired {
			return false, o.failed(o.last, ErrOutcomeUnknown)
		}
		o.client.sessions[o.shard].expire(o.place.session)
		return false, o.failed(o.last, ErrOutcomeUnknown, ErrSessionExpired)
	}
	return true, nil
}

// done is how a write with a result ends.
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
	if o.write.InDoubt() && o.isWrite() {
		return o.failed(o.last, ErrOutcomeUnknown, kind)
	}
	return o.failed(o.last, kind)
}

// abandoned is how a call ends whose patience has: a write that may have been applied
// says so, and nothing else is in doubt.
func (o *call) abandoned(cause error) error {
	kind := ErrUnavailable
	if o.isWrite() && o.write.InDoubt() {
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
	return &opError{verb: o.verb, key: string(o.op.Key), shard: o.op.Shard, kinds: kinds, cause: cause, attempts: o.attempts}
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
	// overloadPauses is how far up an overloaded node sends a call.
	overloadPauses = 4
)

// pause waits before the next attempt, but not after the first failure since there was
// news of the shard: that attempt goes to somebody else, or there is nobody better. News
// of the ring ends the wait.
func (o *call) pause() error {
	if o.op.Kind == shard.OpenSession && !o.client.sessions[o.shard].struggle(o.last) {
		return errUnwanted
	}
	n := o.pauses
	o.pauses++
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
