package shard

import "github.com/ringward/ringward/shard/mutant"

// upstream is a replica's side of the link to its predecessor.
type upstream struct {
	connect Message // the handshake with the highest number, answered or not
	link    Link    // of the present link; zero while there is none
	acked   Seqno   // acknowledged on this link
	reack   bool    // the predecessor asks for an acknowledgement again
}

// downstream is a replica's side of the link to its successor.
type downstream struct {
	ask, answer Number
	open        bool  // entries may be sent
	handBack    Seqno // until this position the successor returns what was lost; 0: nothing awaited
	next        Seqno // the next entry to send
	sentCommit  Seqno
	// acked is what the successor acknowledged in this epoch. It holds
	// across links: what was durable stays so.
	acked Seqno
	// retryAt is when an unanswered handshake is repeated, wait the ticks it waited.
	retryAt, wait int
}

func (d *downstream) link() Link { return Link{Ask: d.ask, Answer: d.answer} }

// maxWait bounds the ticks between two attempts at a handshake. An answer counts only for the latest
// attempt, so the wait must be able to outgrow any round trip.
const maxWait = 256

// connect begins a new link to the successor. No entry is sent until it is answered.
func (r *Replica) connect() {
	wait := min(max(2*r.down.wait, 2), maxWait)
	r.down = downstream{ask: r.opt.Numbers.Next(), acked: r.down.acked, wait: wait, retryAt: r.ticks + wait}
	base, _ := r.stored.Lineage.BaseOf(r.conf.Epoch)
	r.send(Message{
		Kind: MsgConnect, To: r.conf.Successor(r.opt.Self), Number: r.down.ask, Synced: r.synced,
		Base: base, Last: r.last(), Hash: r.lastHash(), Chain: r.stored.Chain,
	})
}

// Reconnect begins a new link to peer if it is the successor: what was under way to it may be lost.
func (r *Replica) Reconnect(peer NodeID) {
	if r.err == nil && r.isActive() && peer == r.conf.Successor(r.opt.Self) {
		r.connect()
	}
}

// Appeared begins a new link to peer, if it is the successor and there is none, without waiting for the next
// attempt: peer has shown that it is there.
func (r *Replica) Appeared(peer NodeID) {
	if !r.down.open {
		r.down.wait = 0
		r.Reconnect(peer)
	}
}

func (r *Replica) onConnect(m Message) {
	// A lower number is an attempt that was given up since.
	if m.From != r.conf.Predecessor(r.opt.Self) || m.Number <= r.up.connect.Number && !mutant.On(mutant.HandshakesByArrival) {
		return
	}
	r.up = upstream{connect: m}
	r.inheriting = nil
	r.answerConnect()
}

// answerConnect answers the predecessor's handshake as soon as it can be: an unsynced replica
// vouches for nothing, and one that writes its inheritance is about to become ACTIVE.
func (r *Replica) answerConnect() {
	m := r.up.connect
	switch {
	case m.Number == 0 || r.fill.source != 0:
	case r.State() == Pending && r.stored.Active != r.conf.Epoch:
		r.connected()
	case r.isActive() && (r.synced || mutant.On(mutant.UnsyncedWelcomes)):
		r.welcome(m)
	}
}

func (r *Replica) connected() {
	r.up.link = Link{Ask: r.up.connect.Number, Answer: r.opt.Numbers.Next()}
	r.send(Message{
		Kind: MsgConnected, To: r.up.connect.From, Link: r.up.link, State: r.State(),
		Last: r.last(), Hash: r.lastHash(), Lineage: r.stored.Lineage,
	})
}

// welcome opens the link from a predecessor, and returns to it what it lost.
func (r *Replica) welcome(m Message) {
	if m.Last < r.stored.Start {
		r.out.Events = append(r.out.Events, Event{Kind: EventIncomparable, Shard: r.conf.Shard, Node: m.From})
		return
	}
	r.connected()
	// The two histories are compared by the predecessor. This handshake may be an old one, which says nothing of
	// the predecessor's present state; a predecessor takes an answer to its latest only.
	if m.Synced {
		return
	}
	for next := m.Last + 1; next <= r.last(); {
		entries := r.entries(next, r.last())
		next += Seqno(len(entries))
		r.send(Message{Kind: MsgHandBack, To: m.From, Link: r.up.link, Entries: entries})
	}
}

// entries returns those from first up to last, as many as fit one message, at least one.
func (r *Replica) entries(first, last Seqno) []Entry {
	all := r.stored.Entries[first-r.stored.Start-1 : last-r.stored.Start]
	return all[:fitting(all, r.opt.MessageBytes)]
}

func fitting(entries []Entry, limit int) int {
	size := 0
	for i, e := range entries {
		if size += len(e); size > limit && i > 0 {
			return i
		}
	}
	return len(entries)
}

func (r *Replica) onConnected(m Message) {
	d := &r.down
	if !r.isActive() || m.From != r.conf.Successor(r.opt.Self) || m.Link.Ask != d.ask || d.open || d.handBack > 0 {
		return
	}
	d.answer = m.Link.Answer
	d.retryAt = r.ticks + d.wait // it is there: the rest may take its time
	if m.State == Pending {
		r.offer(m)
		return
	}
	if m.Last > r.last() {
		if r.synced {
			r.broken("successor %v holds entry %d beyond the synced %d", m.From, m.Last, r.last())
			return
		}
		d.handBack = m.Last
		return
	}
	if h, ok := r.stored.HashAt(m.Last); !ok {
		r.out.Events = append(r.out.Events, Event{Kind: EventIncomparable, Shard: r.conf.Shard, Node: m.From})
		return
	} else if h != m.Hash {
		r.broken("successor %v holds another entry %d", m.From, m.Last)
		return
	}
	r.openLink(m.Last)
}

// openLink lets entries flow to a successor that holds them up to last.
func (r *Replica) openLink(last Seqno) {
	r.down.open, r.down.next, r.down.handBack, r.down.wait = true, last+1, 0, 0
	if !r.synced {
		r.sync()
	}
}

// sync notes that everything accepted before a restart is back: from now on the
// replica vouches for its history, to those before it and, as head, to clients.
func (r *Replica) sync() {
	r.synced = true
	if !mutant.On(mutant.CommitBelowRecovered) {
		r.floor = max(r.floor, r.last())
	}
	// Reads that came before are not older than what was just recovered, but no part of it is a fence for them.
	for i := range r.reads.waiting {
		if !mutant.On(mutant.RecoveredFences) {
			r.reads.waiting[i].arrived = r.last()
		}
	}
	r.out.Events = append(r.out.Events, Event{Kind: EventSynced, Shard: r.conf.Shard, To: View{r.conf.Epoch, r.last()}})
	r.answerConnect()
	r.release()
}

func (r *Replica) onHandBack(m Message) {
	if !r.isActive() || m.From != r.conf.Successor(r.opt.Self) || m.Link != r.down.link() || r.down.handBack == 0 {
		return
	}
	r.down.retryAt = r.ticks + r.down.wait
	for _, e := range m.Entries {
		switch next := r.last() + 1; {
		case e.Seqno() < next:
			continue // it came before
		case e.Seqno() > next || e.Seqno() > r.down.handBack:
			return // one before it was lost: the next handshake brings the rest
		}
		if !r.take(e, m.From) {
			return
		}
	}
	if r.last() == r.down.handBack {
		r.openLink(r.last())
	}
}

// take accepts the entry that is next in order.
func (r *Replica) take(e Entry, from NodeID) bool {
	if e.Seqno() != r.last()+1 || e.Epoch() != r.conf.Epoch || !e.Follows(r.lastHash()) {
		r.broken("%v sends entry %d of epoch %d, which does not continue the history up to %d in epoch %d",
			from, e.Seqno(), e.Epoch(), r.last(), r.conf.Epoch)
		return false
	}
	r.write(Record{Kind: RecordEntry, Entry: e})
	return r.err == nil
}

func (r *Replica) onAppend(m Message) {
	if m.From != r.conf.Predecessor(r.opt.Self) {
		return
	}
	if !r.isActive() || r.up.link == (Link{}) || m.Link != r.up.link && !mutant.On(mutant.OldConnectionCounts) || m.Last > r.last() {
		r.send(Message{Kind: MsgRefuse, To: m.From, Link: m.Link})
		return
	}
	before := r.last()
	for _, e := range m.Entries {
		if e.Seqno() > before {
			if !r.take(e, m.From) {
				return
			}
			continue
		}
		if h, ok := r.stored.HashAt(e.Seqno()); ok && h != e.Hash() {
			r.broken("predecessor %v sends another entry %d", m.From, e.Seqno())
			return
		}
	}
	for _, t := range m.Traces {
		if t.Seqno > before && t.Seqno <= r.last() {
			r.trace(t.Seqno, t.Parent)
		}
	}
	r.up.reack = r.up.reack || len(m.Entries) == 0
	r.told = max(r.told, m.Commit)
}

func (r *Replica) onAck(m Message) {
	if !r.isActive() || m.From != r.conf.Successor(r.opt.Self) || m.Link != r.down.link() || !r.down.open {
		return
	}
	if m.Last >= r.down.next {
		r.broken("successor %v acknowledges %d, before it was sent", m.From, m.Last)
		return
	}
	r.down.acked = max(r.down.acked, m.Last)
}

// settled is up to where the history is durable here and at everyone after.
func (r *Replica) settled() Seqno {
	switch {
	case mutant.On(mutant.AckBeforeFsync) && r.conf.Tail() == r.opt.Self:
		return r.last()
	case mutant.On(mutant.AckBeforeFsync):
		return r.down.acked
	case r.conf.Tail() == r.opt.Self || mutant.On(mutant.AckBeforeSuccessor):
		return r.durable
	}
	return min(r.durable, r.down.acked)
}

// advance moves commit to what is known persistent, and gives those entries to the applier.
func (r *Replica) advance() {
	commit := min(r.told, r.durable)
	if r.isHead() {
		commit = r.settled()
	}
	if mutant.On(mutant.ApplyBeforeCommit) {
		commit = r.durable
	}
	if commit <= r.commit || r.beginning() {
		r.serveReads()
		r.answerFences()
		return
	}
	for _, e := range r.stored.Entries[r.commit-r.stored.Start : commit-r.stored.Start] {
		w := Work{Shard: r.conf.Shard, Entry: e}
		if token, ok := r.tokens[e.Seqno()]; ok {
			w.Token = token
			delete(r.tokens, e.Seqno())
		}
		if r.isHead() && e.Seqno() > r.floor {
			r.inFlight -= len(e)
		}
		r.applying = append(r.applying, applying{seqno: e.Seqno(), size: len(e)})
		r.applyingBytes += len(e)
		r.keptBytes += len(e)
		r.out.Work = append(r.out.Work, w)
	}
	r.commit = commit
	r.serveReads()
	r.answerFences()
}

// forget lets go of the oldest committed entries where those kept are more than KeepBytes. What learners lack that are fed
// from memory is kept up to InFlightBytes more; and what a successor may lack, that has not answered yet in this epoch, is kept as it is: nothing is
// committed before it has.
func (r *Replica) forget() {
	if r.isActive() && r.conf.Tail() != r.opt.Self && !r.down.open {
		return
	}
	n, wanted := 0, r.kept()
	for ; r.keptBytes > r.opt.KeepBytes; n++ {
		if r.stored.Start+Seqno(n) >= wanted && r.keptBytes <= r.opt.KeepBytes+r.opt.InFlightBytes {
			break
		}
		r.keptBytes -= len(r.stored.Entries[n])
	}
	start := r.stored.Start + Seqno(n)
	hash, _ := r.stored.HashAt(start)
	if err := r.stored.Forget(start, hash); err != nil {
		r.broken("%v", err)
	}
}

// pump sends the successor what it has not been sent yet; with beat also commit alone.
func (r *Replica) pump(beat bool) {
	d := &r.down
	if !d.open {
		return
	}
	for d.next <= r.last() {
		entries := r.entries(d.next, r.last())
		r.sendAppend(entries)
		d.next += Seqno(len(entries))
		beat = false
	}
	if beat {
		r.sendAppend(nil)
	}
}

func (r *Replica) sendAppend(entries []Entry) {
	r.down.sentCommit = r.commit
	r.send(Message{
		Kind: MsgAppend, To: r.conf.Successor(r.opt.Self), Link: r.down.link(),
		Last: r.down.next - 1, Commit: r.commit, Entries: entries, Traces: r.tracesOf(entries),
	})
}

// acknowledge tells the predecessor what is durable from here on down.
func (r *Replica) acknowledge() {
	// Who falls behind with applying makes the chain wait: else its applier's queue would grow without bound.
	if r.up.link == (Link{}) || !r.synced || r.applyingBytes > r.opt.InFlightBytes {
		return
	}
	if s := r.settled(); s > r.up.acked || r.up.reack {
		r.up.acked, r.up.reack = s, false
		r.send(Message{Kind: MsgAck, To: r.up.connect.From, Link: r.up.link, Last: s})
	}
}

// tickLink repeats what may have been lost.
func (r *Replica) tickLink() {
	d := &r.down
	switch {
	case d.ask == 0:
	case !d.open && r.ticks >= d.retryAt:
		r.connect()
	case d.open && (d.sentCommit < r.commit || d.acked < r.last()):
		r.pump(true)
	}
}
