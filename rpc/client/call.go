package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// call is one operation from its first attempt to its end, on the goroutine of its caller.
type call struct {
	client *Client
	ctx    context.Context
	verb   string
	op     wire.Operation
	// shard is the index of the operation's shard in the ring.
	shard    int
	deadline time.Time
	// timer ends the wait that the call is in.
	timer *time.Timer

	// place is the write's identity and where it came from; a write gets another only
	// when its session is gone and it surely was not applied.
	place  place
	course session.Course[*node]
	// verdict is what the latest answer means.
	verdict session.Verdict
	// last is why the latest attempt came to nothing.
	last error
}

// timers are used again by later calls.
var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// do carries out one operation of a caller.
func (c *Client) do(ctx context.Context, verb, key string, value []byte, op wire.Operation) (shard.Result, error) {
	call := call{
		client: c, ctx: ctx, verb: verb, op: op, deadline: time.Now().Add(c.options.timeout),
		course: session.NewCourse[*node](op.Kind),
	}
	if key == "" {
		return shard.Result{}, call.failed(errors.New("empty key: want at least 1 byte"), ErrInvalid)
	}
	if op.Kind == shard.Delete && op.If.Set && op.If.Version == 0 {
		call.op.Key = []byte(key)
		return shard.Result{}, call.failed(errors.New("to delete a key that must not exist would do nothing"), ErrInvalid)
	}
	// The operation may still lie in a stream when the caller has its buffer back.
	buffer := make([]byte, len(key)+len(value))
	n := copy(buffer, key)
	copy(buffer[n:], value)
	call.op.Key = buffer[:n:n]
	if op.Kind == shard.Put {
		call.op.Value = buffer[n:]
	}
	ring := c.routes.Load().ring
	call.shard = ring.owner(key)
	call.op.Shard = ring.Shards[call.shard].ID
	finish := call.trace()
	result, err := call.run()
	finish(err)
	return result, err
}

// openSession asks a shard for a session in the background, as long as somebody waits for
// it: they have their own patience. Asking twice leaves a session that nobody uses, which expires.
func (c *Client) openSession(i int, opened func(shard.SessionID, error)) bool {
	return c.spawn(func() {
		call := call{client: c, ctx: c.lifetime, verb: "open session", shard: i, deadline: time.Now().Add(forever)}
		call.op.Kind, call.course = shard.OpenSession, session.NewCourse[*node](shard.OpenSession)
		call.op.Shard = c.routes.Load().ring.Shards[i].ID
		result, err := call.run()
		opened(shard.SessionID(result.Version), err)
	})
}

// forever is longer than any program runs, and still a time that can be reckoned with.
const forever = 100 * 365 * 24 * time.Hour

// run repeats attempts until one ends the call, or patience does.
func (o *call) run() (shard.Result, error) {
	o.timer = timers.Get().(*time.Timer)
	defer func() {
		o.timer.Stop()
		timers.Put(o.timer)
		if o.place.session != nil {
			o.client.sessions[o.shard].end(o.place)
		}
	}()
	for {
		if o.course.IsWrite() && o.place.session == nil {
			if err := o.begin(); err != nil {
				return shard.Result{}, o.abandoned(err)
			}
		}
		result, answered, err := o.attempt()
		if err != nil {
			return shard.Result{}, o.abandoned(err)
		}
		if answered {
			again, err := o.judge(result)
			if !again {
				return result, err
			}
		}
		if err := o.pause(); err != nil {
			return shard.Result{}, o.abandoned(err)
		}
	}
}

// begin gets the write its identity.
func (o *call) begin() error {
	s := o.client.sessions[o.shard]
	p, t := s.begin()
	if t != nil {
		o.timer.Reset(time.Until(o.deadline))
		select {
		case g := <-t.granted:
			if g.err != nil {
				return fmt.Errorf("no session: %v", g.err) // its kind is not this call's
			}
			p = g.place
		case <-o.ctx.Done():
			o.last = s.leave(t)
			return o.ctx.Err()
		case <-o.client.lifetime.Done():
			o.last = s.leave(t)
			return ErrClosed
		case <-o.timer.C:
			o.last = s.leave(t)
			return o.timedOut()
		}
	}
	o.place, o.op.Identity = p, p.identity
	o.course.Name(p.identity)
	return nil
}

// attempt sends the operation to one node, and waits for the answer. Without one the attempt
// was given up, for a reason in last; an error ends the call.
func (o *call) attempt() (result shard.Result, answered bool, err error) {
	if err := o.over(); err != nil {
		return shard.Result{}, false, err
	}
	routes := o.client.routes.Load()
	var turn uint64
	if o.op.Kind == shard.Get {
		// Another attempt goes to another member.
		turn = routes.first(o.shard, o.client.turn.Add(1)/readsInTurn) + uint64(o.course.Attempts())
	}
	n := routes.next(&o.course, o.shard, turn)
	a := attempts.Get().(*attempt)
	o.submit(n, a)

	// The wait goes in steps. After each the keeper looks what may be wrong.
	step := o.client.options.attemptTimeout / attemptSteps
	for steps := 1; ; {
		o.timer.Reset(min(step, time.Until(o.deadline)))
		select {
		case result := <-a.answer:
			attempts.Put(a)
			o.answered(routes, n, result)
			return result, true, nil
		case <-o.ctx.Done():
			err = o.ctx.Err()
		case <-o.client.lifetime.Done():
			err = ErrClosed
		case <-routes.replaced:
			newer := o.client.routes.Load()
			if !o.leftBehind(routes, newer, n) {
				routes = newer
				continue
			}
			o.last = fmt.Errorf("no answer from %s, which was dropped from shard %d meanwhile", n.address, o.op.Shard)
		case <-o.timer.C:
			if err = o.over(); err != nil {
				break
			}
			if o.client.doubt(n); steps < attemptSteps {
				steps++
				continue
			}
			o.last = fmt.Errorf("no answer from %s within %v", n.address, o.client.options.attemptTimeout)
		}
		select {
		case result := <-a.answer:
			// It came in the same moment, and says more than its absence.
			attempts.Put(a)
			o.answered(routes, n, result)
			return result, true, nil
		default:
		}
		o.course.Unanswered(n)
		return shard.Result{}, false, err
	}
}

// readsInTurn is how many reads go to the same nodes before others have their turn: what arrives there together shares a
// fence, and a fence costs a round of messages.
const readsInTurn = 256

// attemptSteps is in how many steps an attempt waits.
const attemptSteps = 8

// submit gives the operation to a node's stream. The wait for room there is part of the attempt.
func (o *call) submit(n *node, a *attempt) {
	if n.conn.TrySubmit(o.op, a.done) {
		return
	}
	ctx, cancel := context.WithTimeout(o.ctx, min(o.client.options.attemptTimeout, time.Until(o.deadline)))
	defer cancel()
	defer context.AfterFunc(o.client.lifetime, cancel)()
	n.conn.Submit(ctx, o.op, a.done)
}

// leftBehind reports whether the node that was asked has no part in the shard's newer configuration. It
// may hang, and the new members answer from the record if the write did come through.
func (o *call) leftBehind(old, newer *routes, n *node) bool {
	if newer.ring.Shards[o.shard].Epoch == old.ring.Shards[o.shard].Epoch {
		return false
	}
	for _, m := range newer.members[o.shard] {
		if m == n {
			return false
		}
	}
	return true
}

// answered notes what an answer says about the node, about the ring and for the call; the node was chosen,
// or kept, by the given routes.
func (o *call) answered(routes *routes, n *node, result shard.Result) {
	switch result.Status {
	case wire.Unavailable, shard.OutcomeUnknown:
		// The fault is the node's, or that of one it forwarded to.
		o.client.doubt(n)
	case shard.Refused:
		n.answers.Add(1)
		o.client.report()
	default:
		n.answers.Add(1)
	}
	if newest := result.Chain.Newest(); newest.Shard == o.op.Shard {
		o.client.learn(newest)
	}
	// By this answer or somebody else's.
	news := o.client.routes.Load().ring.Shards[o.shard].Epoch > routes.ring.Shards[o.shard].Epoch
	switch result.Status {
	case wire.Invalid, wire.TooLarge: // ends the call
	case wire.Unavailable:
		o.verdict = o.course.Unreached(n, news)
	default:
		o.verdict = o.course.Answer(n, result.Status, news)
	}
	if result.Status != shard.OK {
		// Its text only: what errors.Is finds is about the whole call.
		o.last = fmt.Errorf("%s: %v", n.address, wire.Error(result))
	}
}
