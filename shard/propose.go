package shard

import (
	"fmt"

	"github.com/ringward/ringward/shard/mutant"
)

// Write takes a put, a delete or the opening of a session. It is answered from the applier once it is persistent and applied.
func (r *Replica) Write(q Request) {
	size := EntryOverhead + len(q.Key) + len(q.Value)
	switch {
	case r.err != nil || !r.isActive() || !r.isHead():
		r.refuse(q.Token)
	case len(r.conf.Members) < r.opt.MinReplicas:
		r.reply(q.Token, Result{Status: Refused, Reason: fmt.Sprintf("shard %d has %d of the %d members that it needs to take writes (min-replicas)",
			r.conf.Shard, len(r.conf.Members), r.opt.MinReplicas)})
	case r.hold || !r.synced && !mutant.On(mutant.NumberBeforeSynced):
		if r.heldBytes+size > r.opt.InFlightBytes {
			r.reply(q.Token, Result{Status: Overloaded, Reason: overload("bytes of held requests", r.heldBytes+size, r.opt.InFlightBytes)})
			return
		}
		r.held = append(r.held, q)
		r.heldBytes += size
	case !r.room(size):
		r.reply(q.Token, Result{Status: Overloaded, Reason: overload("bytes of writes in flight", r.pending()+size, r.opt.InFlightBytes)})
	default:
		r.number(q.Command(), q.Token)
		if r.firstWrite == 0 {
			r.firstWrite = r.last()
		}
		r.trace(r.last(), q.Trace)
	}
}

// pending is how many bytes of entries the head has numbered, or recovered, that are not applied.
func (r *Replica) pending() int { return r.inFlight + r.applyingBytes }

// room reports whether the head may number size more bytes. One write alone may be as large as it likes.
func (r *Replica) room(size int) bool {
	return r.pending() == 0 || r.pending()+size <= r.opt.InFlightBytes
}

func overload(what string, value, limit int) string {
	return fmt.Sprintf("%d %s, the limit is %d", value, what, limit)
}

// Propose appends a command of the ring's own. It reports whether the replica, as a head at work, took it.
// Whether it comes to pass shows when it is applied.
func (r *Replica) Propose(c Command) bool {
	if r.err != nil || !r.isActive() || !r.isHead() || !r.synced {
		return false
	}
	r.number(c, nil)
	return true
}

// Leads reports whether the replica is a head whose commit covers all that was before it, and whose contents do: what it decides by them is
// decided by all of that.
func (r *Replica) Leads() bool { return r.isHead() && r.vouches() && r.hasApplied(r.floor) }

// number makes a command the next entry. Only the head of an ACTIVE and synced chain comes here.
func (r *Replica) number(c Command, token Token) {
	command := AppendCommand(make([]byte, 0, 48+len(c.Key)+len(c.Value)), c)
	e := NewEntry(r.conf.Epoch, r.last()+1, r.lastHash(), command)
	r.write(Record{Kind: RecordEntry, Entry: e})
	r.inFlight += len(e)
	if token != nil {
		r.tokens[e.Seqno()] = token
	}
}

// trace notes that the entry at seqno is traced.
func (r *Replica) trace(seqno Seqno, parent string) {
	if parent == "" {
		return
	}
	r.traces[seqno] = parent
	r.out.Events = append(r.out.Events, Event{Kind: EventEntered, Shard: r.conf.Shard, To: View{r.conf.Epoch, seqno}, Trace: parent})
}

// tracesOf picks those of the given entries.
func (r *Replica) tracesOf(entries []Entry) []Trace {
	if len(r.traces) == 0 {
		return nil
	}
	var traces []Trace
	for _, e := range entries {
		if parent, ok := r.traces[e.Seqno()]; ok {
			traces = append(traces, Trace{Seqno: e.Seqno(), Parent: parent})
		}
	}
	return traces
}

func (r *Replica) settleTraces() {
	if len(r.traces) == 0 {
		return
	}
	settled := r.settled()
	for seqno, parent := range r.traces {
		if seqno <= settled {
			delete(r.traces, seqno)
			r.out.Events = append(r.out.Events, Event{Kind: EventSettled, Shard: r.conf.Shard, To: View{r.conf.Epoch, seqno}, Trace: parent})
		}
	}
}

// Hold keeps new writes back while a member is suspected, and lets them go when it no longer is.
// What was numbered before goes on.
func (r *Replica) Hold(hold bool) {
	r.hold = hold
	r.release()
}

func (r *Replica) release() {
	if r.hold || !r.synced || len(r.held) == 0 {
		return
	}
	held := r.held
	r.held, r.heldBytes = nil, 0
	for _, q := range held {
		r.Write(q)
	}
}

// refuseWaiting ends every operation that a wedge interrupts: what was numbered may survive, the rest did not happen.
func (r *Replica) refuseWaiting() {
	for s := r.commit + 1; len(r.tokens) > 0 && s <= r.last(); s++ {
		if token, ok := r.tokens[s]; ok {
			r.reply(token, Result{Status: OutcomeUnknown, Chain: r.stored.Chain})
			delete(r.tokens, s)
		}
	}
	clear(r.tokens)
	clear(r.traces)
	r.inFlight, r.firstWrite = 0, 0
	for _, q := range r.held {
		r.refuse(q.Token)
	}
	r.held, r.heldBytes = nil, 0
	for _, list := range [][]read{r.reads.waiting, r.reads.fence.reads, r.reads.fenced} {
		for _, rd := range list {
			r.refuse(rd.token)
		}
	}
	r.reads = reads{}
}

// refuse answers a request with what is known of the configurations instead.
func (r *Replica) refuse(token Token) {
	reason := fmt.Sprintf("this replica of shard %d is %v in epoch %d", r.conf.Shard, r.State(), r.conf.Epoch)
	if r.isActive() && !r.isHead() {
		reason += ", and not its head"
	}
	r.reply(token, Result{Status: Refused, Chain: r.stored.Chain, Reason: reason})
}

func (r *Replica) reply(token Token, result Result) {
	if token != nil {
		r.out.Replies = append(r.out.Replies, Reply{Token: token, Result: result})
	}
}
