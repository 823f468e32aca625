package sim

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/shard"
)

// call is one operation of a client, from its beginning to its end, over any number of attempts.
type call struct {
	client     *client
	request    shard.Request
	op         history.Op
	identified bool  // a write under the identity of a session: it may be asked for again when its outcome is unknown
	again      bool  // another call follows it
	must       bool  // the last task: it has to go well
	first      *node // whom to ask first; nil: whoever the client thinks knows
	doubtful   bool  // some attempt may have taken effect
	done       bool
	begun      moment
	attempts   int
	asked      shard.Epoch // in which its first attempt came to a replica
	heard      string
}

// attempt is one sending of a call to one node. It is the Token of the request.
type attempt struct {
	call    *call
	request shard.Request
	over    bool // answered, or given up
	arrived moment
}

// callTicks is a client's patience with a call, in ticks, while there are faults.
const callTicks = 60

func (k *call) begin() {
	g := k.client.group
	g.instant++
	k.begun = k.client.w.now
	k.op = history.Op{
		Client: k.client.id, Key: string(k.request.Key), If: k.request.If.Set, Expected: uint64(k.request.If.Version), Call: g.instant,
	}
	switch k.request.Kind {
	case shard.Get:
		k.op.Kind = history.Get
	case shard.Delete:
		k.op.Kind = history.Delete
	default:
		k.op.Kind = history.Put
		k.op.Value = history.Of(k.request.Value)
	}
	g.record = append(g.record, k)
	k.try()
}

// try sends the call to some node once more.
func (k *call) try() {
	c := k.client
	w := c.w
	if k.done {
		return
	}
	if w.now > k.begun+callTicks*tick && !w.calm {
		k.end(history.NotApplied, shard.Result{})
		return
	}
	a := &attempt{call: k, request: k.request}
	k.attempts++
	if k.identified {
		a.request.Identity.Oldest = c.sessions[k.request.Shard].oldest(k.request.Identity)
	}
	a.request.Token = a
	to := k.first
	if to == nil || k.heard != "" {
		to = c.target(&k.request, k.heard != "")
	}
	w.trace.note(to, k.request.Shard, fmt.Sprintf("is asked by client %d for %s", c.id, describe(&a.request)))
	if !k.lost() {
		w.after(k.travels(), func() { a.arrive(to) })
	}
	w.after(w.plan.patience+k.travels(), func() {
		if !a.over {
			a.over = true
			k.heard = "nothing from node " + fmt.Sprint(uint64(to.id))
			k.unsure()
		}
	})
}

func (k *call) lost() bool {
	w := k.client.w
	return !w.calm && chance(w.random.clients, w.plan.clientLoss)
}

func (k *call) travels() moment {
	w := k.client.w
	if w.calm {
		return between{1, tick / 10}.pick(w.random.clients)
	}
	return w.plan.network.pick(w.random.clients)
}

// arrive: the request has come to the node. One that is down takes no connection, which is an answer too.
func (a *attempt) arrive(to *node) {
	if !to.up {
		a.answer(to, shard.Result{Status: shard.Refused, Reason: "no connection"})
		return
	}
	to.take(func() {
		a.call.client.w.rare.asks(to, a)
		if !to.host.Request(a.request) {
			a.answer(to, shard.Result{Status: shard.Refused, Chain: to.host.Known(a.request.Shard), Reason: "not hosted"})
		}
	})
}

// answer sends a result back to the client.
func (a *attempt) answer(from *node, r shard.Result) {
	k := a.call
	k.client.w.trace.note(from, k.request.Shard, fmt.Sprintf("answers client %d: %v, version %d, %s", k.client.id, r.Status, r.Version, r.Reason))
	if k.lost() {
		return
	}
	k.client.w.after(k.travels(), func() { k.hear(a, r) })
}

// hear takes an answer to any attempt, also to one that was given up since.
func (k *call) hear(a *attempt, r shard.Result) {
	if k.done {
		return
	}
	late := a.over
	a.over = true
	k.heard = fmt.Sprintf("%v (%s)", r.Status, r.Reason)
	if len(r.Chain) > 0 {
		k.client.learn(r.Chain)
	}
	switch r.Status {
	case shard.OK:
		k.end(history.OK, r)
	case shard.NotFound:
		k.end(history.NotFound, r)
	case shard.VersionMismatch:
		k.end(history.Mismatch, r)
	case shard.SessionExpired:
		if s := k.client.sessions[k.request.Shard]; s.id == k.request.Identity.Session {
			s.id = 0
		}
		k.end(history.NotApplied, r)
	case shard.OpForgotten:
		k.end(history.Unknown, r)
	case shard.OutcomeUnknown:
		if !late {
			k.unsure()
		}
	default: // refused, overloaded
		if !late {
			k.later()
		}
	}
}

// unsure: the last attempt may have taken effect, or may yet.
func (k *call) unsure() {
	if k.request.Kind != shard.Get {
		k.doubtful = true
	}
	if k.doubtful && !k.identified && k.request.Kind != shard.OpenSession {
		k.end(history.Unknown, shard.Result{})
		return
	}
	k.later()
}

func (k *call) later() {
	w := k.client.w
	w.after(between{tick / 10, 3 * tick}.pick(w.random.clients), k.try)
}

// end is the end of the call. What is in doubt is not known not to have happened.
func (k *call) end(outcome history.Outcome, r shard.Result) {
	if k.done {
		return
	}
	c, g := k.client, k.client.group
	k.done = true
	if outcome == history.NotApplied && k.doubtful {
		outcome = history.Unknown
	}
	if k.identified {
		c.sessions[k.request.Shard].answered(k.request.Identity)
	}
	if k.request.Kind == shard.OpenSession {
		c.opened(k.request.Shard, shard.SessionID(r.Version))
	}
	k.op.Outcome = outcome
	if outcome != history.Unknown {
		g.instant++
		k.op.Return = g.instant
	}
	if outcome == history.OK || outcome == history.Mismatch {
		k.op.Version = uint64(r.Version)
		g.recent[string(k.request.Key)] = r.Version
	}
	if k.request.Kind == shard.Get && outcome == history.OK {
		k.op.Value = history.Of(r.Value)
	}
	if k.must && outcome != history.OK && outcome != history.NotFound {
		// The session may have expired meanwhile: once more, as another call.
		retry := &call{request: shard.Request{Shard: k.request.Shard, Kind: k.request.Kind, Key: k.request.Key}, identified: true, must: true}
		k.must = false
		c.call(retry)
	}
	if k.again {
		c.w.after(c.rest(), c.next)
	}
}

// oldest is the lowest op of the session that is not answered, as of now.
func (s *session) oldest(id shard.Identity) uint64 {
	if s.id == id.Session && len(s.open) > 0 {
		return min(s.open[0], id.Op)
	}
	return id.Op
}

// answered takes an op off the list of those unanswered.
func (s *session) answered(id shard.Identity) {
	if i := slices.Index(s.open, id.Op); s.id == id.Session && i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
}

func describe(q *shard.Request) string {
	switch q.Kind {
	case shard.Get:
		return fmt.Sprintf("get %s", q.Key)
	case shard.OpenSession:
		return "a session"
	}
	words := map[shard.RequestKind]string{shard.Put: "put", shard.Delete: "delete"}[q.Kind]
	words += fmt.Sprintf(" %s %s", q.Key, q.Value)
	if q.If.Set {
		words += fmt.Sprintf(" if version %d", q.If.Version)
	}
	if q.Identity.Session != 0 {
		words += fmt.Sprintf(" as %d.%d.%d", q.Identity.Session, q.Identity.Op, q.Identity.Oldest)
	}
	return words
}
