package shard

import "github.com/ringward/ringward/shard/mutant"

// reads are the linearizable reads that wait at a replica, in three stages: for a fence to be
// asked, for its answers, for commit to reach what the head named. A read never joins a fence
// that was asked before it arrived.
type reads struct {
	waiting []read
	fence   fence
	fenced  []read
}

type read struct {
	key   []byte
	token Token
	// arrived is the last position of the history when the read came: at the head, an entry
	// after it that is persistent is a fence.
	arrived Seqno
	// commit is what must be applied first, once the read is fenced.
	commit Seqno
}

// fence is one asking of all other members whether this configuration is still in force.
type fence struct {
	number    Number // 0: none under way
	reads     []read
	confirmed map[NodeID]bool
	commit    Seqno // named by the head
	askedAt   int
}

func (q *reads) count() int { return len(q.waiting) + len(q.fence.reads) + len(q.fenced) }

// fencePatience is after how many ticks an unanswered fence is asked again.
const fencePatience = 4

// vouches reports whether the replica may confirm to others that its configuration is in
// force: an unsynced one vouches for nothing, a head only once commit covers all it inherited and recovered.
func (r *Replica) vouches() bool {
	return r.isActive() && (r.synced || mutant.On(mutant.UnsyncedVouches)) && (!r.isHead() || r.commit >= r.floor)
}

// Read takes a get.
func (r *Replica) Read(q Request) {
	switch {
	case q.Stale && !r.stored.Void():
		r.out.Work = append(r.out.Work, Work{Shard: r.conf.Shard, Key: q.Key, Token: q.Token})
	case q.Stale || !r.isActive() || r.err != nil:
		r.refuse(q.Token)
	case r.reads.count() >= r.opt.WaitingReads:
		r.reply(q.Token, Result{Status: Overloaded, Reason: overload("reads waiting", r.reads.count(), r.opt.WaitingReads)})
	case mutant.On(mutant.ReadJoinsFence) && r.reads.fence.number != 0:
		r.reads.fence.reads = append(r.reads.fence.reads, read{key: q.Key, token: q.Token, arrived: r.last()})
	default:
		r.reads.waiting = append(r.reads.waiting, read{key: q.Key, token: q.Token, arrived: r.last()})
	}
}

// askFence asks one fence for all reads that wait for one. The replica's own part is that it is ACTIVE now.
func (r *Replica) askFence() {
	q := &r.reads
	if len(q.waiting) == 0 || q.fence.number != 0 || (r.isHead() && !r.vouches()) {
		return
	}
	q.fence = fence{number: r.opt.Numbers.Next(), reads: q.waiting, confirmed: map[NodeID]bool{}, askedAt: r.ticks}
	q.waiting = nil
	r.sendFence()
	r.closeFence()
}

func (r *Replica) onFence(m Message) {
	if !r.isActive() || !r.conf.Has(m.From) {
		return
	}
	if r.vouches() {
		r.send(Message{Kind: MsgFenced, To: m.From, Number: m.Number, Commit: r.commit})
	} else if m.Number > r.fenceAsks[m.From] {
		r.fenceAsks[m.From] = m.Number
	}
}

// answerFences confirms what was asked before the replica could vouch.
func (r *Replica) answerFences() {
	if len(r.fenceAsks) == 0 || !r.vouches() {
		return
	}
	for _, n := range r.conf.Members {
		if number, ok := r.fenceAsks[n]; ok {
			r.send(Message{Kind: MsgFenced, To: n, Number: number, Commit: r.commit})
		}
	}
	clear(r.fenceAsks)
}

func (r *Replica) onFenced(m Message) {
	f := &r.reads.fence
	if !r.isActive() || f.number == 0 || m.From == r.opt.Self || m.Number != f.number && !mutant.On(mutant.AnyFenceAnswer) || !r.conf.Has(m.From) {
		return
	}
	f.confirmed[m.From] = true
	if m.From == r.conf.Head() {
		f.commit = m.Commit
		r.told = max(r.told, m.Commit)
	}
	r.closeFence()
}

// closeFence lets the reads of a fence pass that all other members have confirmed.
func (r *Replica) closeFence() {
	q := &r.reads
	asked := len(r.conf.Members) - 1
	switch {
	case mutant.On(mutant.ReadWithoutFence):
		asked = 0
	case mutant.On(mutant.FenceHeadOnly) && (r.isHead() || q.fence.confirmed[r.conf.Head()]):
		asked = 0
	}
	if len(q.fence.confirmed) < asked {
		return
	}
	if r.isHead() {
		q.fence.commit = r.commit
	}
	for _, rd := range q.fence.reads {
		rd.commit = q.fence.commit
		q.fenced = append(q.fenced, rd)
	}
	q.fence = fence{}
	r.serveReads()
	r.askFence()
}

// serveReads gives the applier what may be read now.
func (r *Replica) serveReads() {
	q := &r.reads
	serve := func(list []read, ready func(read) bool) []read {
		n := 0
		for n < len(list) && ready(list[n]) {
			r.out.Work = append(r.out.Work, Work{Shard: r.conf.Shard, Key: list[n].key, Token: list[n].token})
			n++
		}
		return list[n:]
	}
	q.fenced = serve(q.fenced, func(rd read) bool { return rd.commit <= r.commit })
	if r.isHead() && r.vouches() {
		passed := func(rd read) bool { return rd.arrived < r.commit }
		q.fence.reads = serve(q.fence.reads, passed)
		q.waiting = serve(q.waiting, passed)
	}
}

// tickReads asks again for a fence whose answers may be lost.
func (r *Replica) tickReads() {
	f := &r.reads.fence
	if f.number == 0 || r.ticks-f.askedAt < fencePatience {
		return
	}
	f.askedAt = r.ticks
	r.sendFence()
}

// sendFence asks those that have not confirmed. Asked again under the same number, whichever answer comes
// counts: all reads of the fence were there before it was asked first.
func (r *Replica) sendFence() {
	f := &r.reads.fence
	for _, m := range r.conf.Members {
		if m != r.opt.Self && !f.confirmed[m] {
			r.send(Message{Kind: MsgFence, To: m, Number: f.number})
		}
	}
}
