package shard

import (
	"slices"

	"github.com/ringward/ringward/shard/mutant"
)

// follower is a learner as the tail sees it. What it acknowledges moves nothing but the sending.
type follower struct {
	node        NodeID
	number      Number  // of its latest MsgFollow
	acked       Seqno   // up to where it has the history
	fed         bool    // entries are sent; else it takes in a snapshot that stands at acked
	next        Seqno   // the next entry to send
	recalling   bool    // it is being read from the log
	room        int     // bytes that may still be read from the log in this tick
	outstanding []Seqno // the last entries of the messages that it has not acknowledged
	heardAt     int
}

const (
	// maxFollowers bounds those that a tail feeds: one learns at a time, and another may just have been given up.
	maxFollowers = 4
	// maxOutstanding bounds the messages on their way to one.
	maxOutstanding = 4
	// followerPatience is after how many ticks of silence it is forgotten, unless SourceTicks says more.
	followerPatience = 256
	// feedEvery is the time between two signs of life for it, in ticks.
	feedEvery = 4
)

func (r *Replica) onFollow(m Message) {
	if !r.isActive() || r.conf.Tail() != r.opt.Self || r.conf.Has(m.From) {
		return
	}
	if slices.ContainsFunc(r.followers, func(f follower) bool { return f.node == m.From && f.number >= m.Number }) {
		return
	}
	// The whole history counts, not what of it is known to be committed: a restarted tail has forgotten how far that went, and
	// what the learner has applied may go further.
	cut := r.stored.Lineage.CommonPrefix(r.last(), m.Lineage, m.Last)
	if mutant.On(mutant.LearnerCutAtCommit) {
		cut = min(cut, r.commit)
	}
	if mutant.On(mutant.LearnerTrusted) {
		cut = min(r.last(), m.Last)
	}
	// Who has no history has contents that are worth nothing, and needs others.
	if cut < r.stored.Start && !r.recallable(cut) || len(m.Lineage) == 0 {
		r.compacted(m)
		return
	}
	r.followedBy(follower{node: m.From, number: m.Number, acked: cut, fed: true, next: cut + 1, room: r.opt.FillBytes})
	r.send(Message{Kind: MsgFed, To: m.From, Number: m.Number, Lineage: r.stored.Lineage, Cut: cut, Last: cut, Commit: r.commit})
}

// followedBy notes a follower, instead of what was known of the same node.
func (r *Replica) followedBy(f follower) {
	r.followers = slices.DeleteFunc(r.followers, func(o follower) bool { return o.node == f.node })
	if len(r.followers) == maxFollowers {
		r.followers = slices.Delete(r.followers, 0, 1)
	}
	f.heardAt = r.ticks
	r.followers = append(r.followers, f)
}

// kept is the position behind which entries are to be kept in memory for those who follow. Who takes in a snapshot will find in
// the log what comes after it, and so does who is fed from there already.
func (r *Replica) kept() Seqno {
	kept := MaxSeqno
	for i := range r.followers {
		switch f := &r.followers[i]; {
		case !f.fed || f.next <= r.stored.Start:
		case f.acked < r.stored.Start:
			kept = min(kept, f.next-1)
		default:
			kept = min(kept, f.acked)
		}
	}
	return kept
}

// Lacking is the position above which those lack entries who learn from this replica, or take in a snapshot of it; MaxSeqno
// where nobody does.
func (r *Replica) Lacking() Seqno {
	lacking := MaxSeqno
	for i := range r.followers {
		lacking = min(lacking, r.followers[i].acked)
	}
	return lacking
}

func (r *Replica) follower(node NodeID, number Number) *follower {
	for i := range r.followers {
		if f := &r.followers[i]; f.node == node && f.number == number {
			return f
		}
	}
	return nil
}

func (r *Replica) onFollowed(m Message) {
	f := r.follower(m.From, m.Number)
	if f == nil {
		return
	}
	f.heardAt = r.ticks
	f.acked = max(f.acked, min(m.Last, r.last()))
	f.outstanding = slices.DeleteFunc(f.outstanding, func(s Seqno) bool { return s <= m.Last })
	if mutant.On(mutant.LearnerCommits) {
		r.durable = max(r.durable, min(m.Last, r.last()))
	}
}

// feed sends the learners what is committed and they have not been sent. What is no longer in memory comes from the log, paced:
// one part at a time, and no more in a tick than FillBytes.
func (r *Replica) feed() {
	for i := range r.followers {
		f := &r.followers[i]
		end := r.commit
		if mutant.On(mutant.LearnerCommits) {
			end = r.last()
		}
		for f.fed && f.next <= end && len(f.outstanding) < maxOutstanding {
			if f.next <= r.stored.Start {
				r.recallFor(f)
				break
			}
			r.feedTo(f, r.entries(f.next, end))
		}
	}
}

func (r *Replica) recallFor(f *follower) {
	bytes := r.opt.MessageBytes
	if r.opt.FillBytes > 0 {
		bytes = min(bytes, f.room)
	}
	if !f.recalling && bytes > 0 {
		f.recalling = true
		r.recall(f.node, f.number, f.next-1, bytes)
	}
}

// feedRecalled passes on what was read from the log for a learner. Where the log does not reach back so far any more, it
// needs a snapshot.
func (r *Replica) feedRecalled(x Recall, entries []Entry) {
	f := r.follower(x.To, x.Number)
	if f == nil || !f.recalling || f.next != x.After+1 {
		return
	}
	if f.recalling = false; len(entries) == 0 {
		r.send(Message{Kind: MsgCompacted, To: f.node, Number: f.number})
		r.followers = slices.DeleteFunc(r.followers, func(o follower) bool { return o.node == x.To })
		return
	}
	for _, e := range entries {
		f.room -= len(e)
	}
	r.feedTo(f, entries)
}

func (r *Replica) feedTo(f *follower, entries []Entry) {
	r.send(Message{Kind: MsgFed, To: f.node, Number: f.number, Last: f.next - 1, Commit: r.commit, Entries: entries})
	if len(entries) > 0 {
		f.next += Seqno(len(entries))
		f.outstanding = append(f.outstanding, f.next-1)
	}
}

func (r *Replica) tickFollowers() {
	r.followers = slices.DeleteFunc(r.followers, func(f follower) bool { return r.ticks-f.heardAt > max(followerPatience, r.opt.SourceTicks) })
	for i := range r.followers {
		f := &r.followers[i]
		f.room = min(f.room+r.opt.FillBytes, r.opt.FillBytes)
		if f.fed && r.ticks%feedEvery == 0 {
			r.feedTo(f, nil)
		}
	}
}
