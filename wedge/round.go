package wedge

import (
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Round is the wedge round of the head of a new configuration: it asks, chooses the history to
// inherit from the answers, and fetches what the head lacks of it.
type Round struct {
	*Asking
	self    shard.NodeID
	numbers *shard.Numbers
	answers map[shard.NodeID]Answer

	fetch    fetch
	patience int // ticks without progress after which the head chooses again without the owner
	out      []shard.Message
	done     bool
}

// fetch is the transfer from the owner of the chosen history.
type fetch struct {
	owner   shard.NodeID // 0: none under way
	number  shard.Number
	cut     shard.Seqno
	last    shard.Seqno
	lineage shard.Lineage
	entries []shard.Entry
	idle    int // ticks since the last of them came
	// compacted: the owner keeps no entries from the cut on, or the head has no history that they could continue.
	compacted bool
}

// fetchPatience is the patience of the first fetch. It doubles each time: it must be able to outgrow any transfer.
const fetchPatience = 16

// NewRound begins the round of self, the head of the newest configuration of chain.
func NewRound(self shard.NodeID, chain shard.Chain, numbers *shard.Numbers) *Round {
	return &Round{
		Asking: NewAsking(chain, numbers.Next()), self: self, numbers: numbers,
		answers: map[shard.NodeID]Answer{}, patience: fetchPatience,
	}
}

// Epoch is the one that the round is to activate.
func (r *Round) Epoch() shard.Epoch { return r.Chain.Newest().Epoch }

// Answer takes a MsgWedged. One that belongs to another asking or another promise does not count; one of a
// node that hosts no replica says nothing about the history.
func (r *Round) Answer(m shard.Message) {
	if m.Number != r.Number || m.Unknown || m.Epoch != r.Epoch() || r.done {
		return
	}
	r.Answered(m.From)
	r.answers[m.From] = Answer{Active: m.Active, Last: m.Last, Lineage: m.Lineage}
	r.choose()
}

// choose starts the fetch once there is a choice. The head's own answer is needed: its promise must be
// durable before it activates, and what it lacks follows from its own history.
func (r *Round) choose() {
	own, ok := r.answers[r.self]
	if !ok || r.fetch.owner != 0 {
		return
	}
	owner, ok := Choose(r.Chain, r.answers, r.self)
	if !ok {
		return
	}
	a := r.answers[owner]
	cut := own.Lineage.CommonPrefix(own.Last, a.Lineage, a.Last)
	if mutant.On(mutant.CutAtLength) {
		cut = min(own.Last, a.Last)
	}
	r.fetch = fetch{owner: owner, number: r.numbers.Next(), cut: cut, last: a.Last, lineage: a.Lineage, compacted: len(own.Lineage) == 0}
	if cut == a.Last || r.fetch.compacted {
		return
	}
	r.out = append(r.out, shard.Message{
		Kind: shard.MsgFetch, Shard: r.Chain.Newest().Shard, Epoch: r.Epoch(), To: owner, Number: r.fetch.number, Cut: cut,
	})
}

// Fetched takes a MsgFetched.
func (r *Round) Fetched(m shard.Message) {
	f := &r.fetch
	if f.owner == 0 || m.From != f.owner || m.Number != f.number || len(m.Entries) == 0 ||
		m.Entries[0].Seqno() != f.cut+shard.Seqno(len(f.entries))+1 {
		return
	}
	f.entries = append(f.entries, m.Entries...)
	f.idle = 0
}

// Compacted takes a MsgCompacted.
func (r *Round) Compacted(m shard.Message) {
	if f := &r.fetch; f.owner != 0 && m.From == f.owner && m.Number == f.number {
		f.compacted = true
	}
}

// Snapshot returns the owner of the chosen history where the head needs a snapshot of it first. Another round
// goes on from there.
func (r *Round) Snapshot() (owner shard.NodeID, ok bool) {
	return r.fetch.owner, r.fetch.compacted && !r.done
}

// Tick passes one unit of time.
func (r *Round) Tick() {
	if r.done {
		return
	}
	r.out = append(r.out, r.Asking.Tick()...)
	if f := &r.fetch; f.owner != 0 {
		if f.idle++; f.idle > r.patience {
			r.patience *= 2
			delete(r.answers, f.owner)
			r.Reopen(f.owner)
			r.fetch = fetch{}
			r.choose()
		}
	}
}

// Send returns the messages to send, and forgets them.
func (r *Round) Send() []shard.Message {
	out := r.out
	r.out = nil
	return out
}

// Result returns the history to inherit, once, when all of it is there.
func (r *Round) Result() (shard.Inheritance, bool) {
	f := &r.fetch
	if r.done || f.owner == 0 || f.compacted || f.cut+shard.Seqno(len(f.entries)) != f.last {
		return shard.Inheritance{}, false
	}
	r.done = true
	return shard.Inheritance{Lineage: f.lineage, Cut: f.cut, Entries: f.entries}, true
}
