package sim

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/shard"
)

// call is one operation of a client, from its beginning to its end, over any number of attempts. What an answer
// proves, where the next attempt goes and what is in doubt at the end is for the SDK's own Course to say.
type call struct {
	client     *client
	request    shard.Request
	op         history.Op
	course     session.Course[*node]
	identified bool             // a write that is named by a session
	session    *session.Session // that names it at present
	names      []shard.Identity // all that it was ever asked for under
	again      bool             // another call follows it
	must       bool             // the last task: it has to go well
	first      *node            // whom to ask first; nil: whoever the client thinks knows
	attempt    *attempt         // under way
	pausing    bool             // between two attempts
	done       bool
	asked      shard.Epoch // in which its first attempt came to a replica
	heard      string
}

// attempt is one sending of a call to one node. It is the Token of the request.
type attempt struct {
	call    *call
	request shard.Request
	to      *node
	epoch   shard.Epoch  // of the shard's configuration that the client went by
	over    bool         // answered, or given up: nobody listens any more
	arrived moment       // when it came to the replica that was to serve it,
	came    check.Moment // and what was so then
}

const (
	// The pauses between attempts double from the first to the longest, and are cut by up to half.
	firstPause   = tick / 10
	longestPause = 5 * tick
	// maxHops bounds how often nodes forward a request.
	maxHops = 2
	// latest is how late a delayed request, or the copy of one, comes at most.
	latest = 60 * tick
)

func (k *call) begin() {
	c := k.client
	k.course = session.NewCourse[*node](k.request.Kind)
	c.open = append(c.open, k)
	c.group.record = append(c.group.record, k)
	c.group.instant++
	k.op = history.Op{
		Client: c.id, Key: string(k.request.Key), If: k.request.If.Set, Expected: uint64(k.request.If.Version), Call: c.group.instant,
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
	if k.request.Kind != shard.OpenSession {
		c.w.after(c.patience, func() {
			if !c.w.calm { // from then on every call has to come to an end by itself
				k.abandon()
			}
		})
	}
	k.try()
}

// try goes on with the call: for a name, where it wants one, and then to some node.
func (k *call) try() {
	if k.done || k.attempt != nil {
		return
	}
	k.pausing = false
	if k.identified && k.session == nil {
		k.client.sessions[k.request.Shard].begin(k)
		return
	}
	k.send()
}

// name gives a write its identity, and sends it.
func (k *call) name(s *session.Session, id shard.Identity) {
	k.session, k.request.Identity = s, id
	k.names = append(k.names, id)
	k.course.Name(id)
	k.send()
}

func (k *call) send() {
	c := k.client
	w := c.w
	to := c.route(k)
	if k.first != nil && k.course.Attempts() == 1 {
		to = k.first
	}
	a := &attempt{call: k, request: k.request, to: to, epoch: c.known[k.request.Shard].Epoch}
	a.request.Token = a
	k.attempt = a
	w.trace.note(to, k.request.Shard, fmt.Sprintf("is asked by client %d for %s", c.id, describe(&a.request)))
	if !c.loses() {
		late := moment(0)
		if !w.calm && chance(w.random.clients, c.group.late) {
			late = between{0, latest}.pick(w.random.clients)
		}
		w.after(c.travels()+late, func() { a.arrive(to, 0) })
	}
	w.after(w.plan.patience+c.travels(), a.giveUp)
}

// giveUp: no answer came. The request may still be under way.
func (a *attempt) giveUp() {
	k := a.call
	if a.over || k.done {
		return
	}
	k.heard = fmt.Sprintf("nothing from node %d", uint64(a.to.id))
	k.unanswered()
	k.client.doubt(a.to)
	k.goOn(session.Retry, k.course.Pause())
}

// unanswered ends the attempt under way without an answer.
func (k *call) unanswered() {
	if a := k.attempt; a != nil {
		a.over, k.attempt = true, nil
		k.course.Unanswered(a.to)
		a.echo()
	}
}

// echo lets a copy of the request come to somebody later. Of an attempt that was refused no copy may be left, so
// only those are repeated that were answered otherwise, or not at all.
func (a *attempt) echo() {
	c := a.call.client
	w := c.w
	if w.calm || !a.call.identified || !chance(w.random.clients, c.group.echoes) {
		return
	}
	again := &attempt{call: a.call, request: a.request, to: a.to, over: true}
	again.request.Token = again
	members := c.known[a.request.Shard].Members
	to := w.node(members[w.random.clients.IntN(len(members))])
	w.after(between{0, latest}.pick(w.random.clients), func() {
		w.trace.note(to, a.request.Shard, fmt.Sprintf("gets a copy of what client %d asked: %s", c.id, describe(&again.request)))
		again.arrive(to, 0)
	})
}

// arrive: the request has come to a node, which serves it, or forwards it to who it thinks does.
func (a *attempt) arrive(at *node, hops int) {
	w := a.call.client.w
	if !at.up {
		a.unreached(at)
		return
	}
	direct := chance(w.random.clients, 0.3)
	at.take(func() {
		conf := at.host.Known(a.request.Shard).Newest()
		to := at
		switch {
		case direct:
		case a.request.Kind != shard.Get:
			to = w.node(conf.Head())
		case !a.request.Stale && !conf.Has(at.id):
			to = w.node(conf.Members[w.random.clients.IntN(len(conf.Members))])
		}
		if to != at {
			a.forward(at, to, hops)
			return
		}
		a.came = w.check.Arrives(a.request.Shard)
		w.rare.asks(at, a)
		if !at.host.Request(a.request) {
			a.answer(at, shard.Result{Status: shard.Refused, Chain: at.host.Known(a.request.Shard), Reason: "not hosted"})
		}
	})
}

func (a *attempt) forward(from, to *node, hops int) {
	c := a.call.client
	switch {
	case hops >= maxHops:
		a.answer(from, shard.Result{Status: shard.Refused, Chain: from.host.Known(a.request.Shard), Reason: "forwarded too often"})
	case !to.up:
		a.unreached(from)
	case c.w.network.cut[route{from.id, to.id, shard.ControlTraffic}] > 0:
		a.answer(from, shard.Result{Status: shard.OutcomeUnknown, Reason: "the connection broke over it"})
	default:
		c.w.after(c.travels(), func() { a.arrive(to, hops+1) })
	}
}

// unreached tells the client that its request came to nobody who could serve it.
func (a *attempt) unreached(from *node) {
	a.back(from, "no connection", func() session.Verdict { return a.call.course.Unreached(a.to, a.news()) })
}

// answer sends a result back to the client.
func (a *attempt) answer(from *node, r shard.Result) {
	k := a.call
	a.back(from, fmt.Sprintf("%v, version %d, %s", r.Status, r.Version, r.Reason), func() session.Verdict {
		if n := r.Chain.Newest(); n.Epoch > 0 {
			k.client.w.check.Told(k.client.id, r.Chain)
			k.client.learn(n)
		}
		verdict := k.course.Answer(a.to, r.Status, a.news())
		if verdict == session.Done {
			k.result(r)
		}
		switch r.Status {
		case shard.OutcomeUnknown:
			k.client.doubt(a.to)
		case shard.Refused:
			k.client.inquire()
		case shard.SessionExpired:
			k.client.sessions[k.request.Shard].expire(k.session)
		}
		return verdict
	})
}

// back carries words from a node to the client, unless they are lost. hear says what they mean.
func (a *attempt) back(from *node, words string, hear func() session.Verdict) {
	c := a.call.client
	c.w.trace.note(from, a.request.Shard, fmt.Sprintf("answers client %d: %s", c.id, words))
	if c.loses() {
		return
	}
	c.w.after(c.travels(), func() {
		k := a.call
		if a.over || k.done {
			return
		}
		a.over, k.attempt = true, nil
		k.heard = words
		verdict := hear()
		if verdict == session.Done {
			a.echo()
		}
		k.goOn(verdict, k.course.Pause())
	})
}

// news reports whether the client knows a newer configuration than the attempt went by.
func (a *attempt) news() bool { return a.call.client.known[a.request.Shard].Epoch > a.epoch }

// goOn does what an attempt's end means for the call. n is how far its pauses have grown.
func (k *call) goOn(verdict session.Verdict, n int) {
	w := k.client.w
	switch {
	case k.done:
		return
	case verdict == session.Lost:
		k.end(history.Unknown)
		return
	case verdict == session.Renew:
		k.settle()
	case k.course.InDoubt() && !k.identified:
		k.end(history.Unknown) // nothing tells a repetition from another write
		return
	case k.request.Kind == shard.OpenSession && !k.client.sessions[k.request.Shard].wanted():
		k.end(history.NotApplied)
		return
	}
	k.pausing = true
	pause := moment(0)
	if n > 0 {
		pause = min(firstPause<<min(n-1, 20), longestPause)
		pause -= moment(w.random.clients.Int64N(int64(pause) / 2))
	}
	w.after(pause, func() {
		if k.pausing {
			k.try()
		}
	})
}

// abandon: the caller's patience has ended.
func (k *call) abandon() {
	if k.done {
		return
	}
	k.unanswered()
	if k.course.InDoubt() {
		k.end(history.Unknown)
	} else {
		k.end(history.NotApplied)
	}
}

// result ends the call with what the shard says of it.
func (k *call) result(r shard.Result) {
	g := k.client.group
	outcome := map[shard.Status]history.Outcome{shard.OK: history.OK, shard.NotFound: history.NotFound, shard.VersionMismatch: history.Mismatch}[r.Status]
	if outcome == history.OK || outcome == history.Mismatch {
		k.op.Version = uint64(r.Version)
		g.recent[string(k.request.Key)] = r.Version
	}
	if k.request.Kind == shard.Get && outcome == history.OK {
		k.op.Value = history.Of(r.Value)
	}
	if k.request.Kind == shard.OpenSession {
		k.client.sessions[k.request.Shard].opened(shard.SessionID(r.Version))
	}
	k.end(outcome)
}

func (k *call) end(outcome history.Outcome) {
	c := k.client
	k.done = true
	k.op.Outcome = outcome
	if outcome != history.Unknown {
		c.group.instant++
		k.op.Return = c.group.instant
	}
	if i := slices.Index(c.open, k); i >= 0 {
		c.open = slices.Delete(c.open, i, i+1)
	}
	k.settle()
	if k.request.Kind == shard.OpenSession && outcome != history.OK {
		c.sessions[k.request.Shard].opening = false
	}
	if k.must && outcome != history.OK && outcome != history.NotFound {
		// It may have been begun before the faults ended: once more, as another call.
		k.must = false
		c.call(&call{request: shard.Request{Shard: k.request.Shard, Kind: k.request.Kind, Key: k.request.Key}, identified: true, must: true})
	}
	if k.again {
		c.w.after(c.rest(), c.next)
	}
}

// settle gives the call's name back: nobody asks for anything under it any more.
func (k *call) settle() {
	if s := k.session; s != nil {
		k.session = nil
		s.Settle(k.request.Identity.Op)
		k.client.sessions[k.request.Shard].admit()
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
	words += fmt.Sprintf(" %s %.20s", q.Key, q.Value)
	if q.If.Set {
		words += fmt.Sprintf(" if version %d", q.If.Version)
	}
	if q.Identity.Session != 0 {
		words += fmt.Sprintf(" as %d.%d.%d", q.Identity.Session, q.Identity.Op, q.Identity.Oldest)
	}
	return words
}
