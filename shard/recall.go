package shard

// Recall is a part of the history that is no longer in memory, for the node to read from its log and give to Replica.Recalled.
type Recall struct {
	Shard ID
	Epoch Epoch
	// To is who lacks it, and Number that of the asking; the replica itself, where it takes the entries back into memory.
	To     NodeID
	Number Number
	// Wanted are the entries above After, up to Last, from the first on; no more than so many bytes hold, but at least one.
	After, Last Seqno
	Bytes       int
	// Lineage tells which entry of a position is meant: the log may hold others, that are void.
	Lineage Lineage
}

// recollection is how a replica takes entries back into memory that another one needs to become ACTIVE. Who learns is fed from the
// log in parts; but what is inherited is one durable step, in which all of it is in memory anyway.
type recollection struct {
	number  Number // 0: none is under way
	after   Seqno
	entries []Entry // that at after, but for 0, and what has come of those behind it
	bytes   int
	asked   Message // is answered then
}

// recallable reports whether the log can be asked for the entries above a position: the lineage tells which they are.
func (r *Replica) recallable(after Seqno) bool {
	return len(r.stored.Lineage) > 0 && r.stored.Lineage[0].Seqno <= after
}

func (r *Replica) recall(to NodeID, number Number, after Seqno, bytes int) {
	r.out.Recalls = append(r.out.Recalls, Recall{
		Shard: r.conf.Shard, Epoch: r.conf.Epoch, To: to, Number: number,
		After: after, Last: r.stored.Start, Bytes: bytes, Lineage: r.stored.Lineage,
	})
}

// Recalled takes what the node has read for a Recall: nothing, where the log does not hold the first of these entries any more.
// Each Recall is answered, once.
func (r *Replica) Recalled(x Recall, entries []Entry) {
	if r.err != nil || x.Epoch != r.conf.Epoch || r.stored.Void() || !r.ownRun(x.After, entries) {
		return
	}
	if x.To == r.opt.Self {
		r.recollected(x, entries)
	} else {
		r.feedRecalled(x, entries)
	}
}

// ownRun reports whether entries are what stands in the history above a position. Else it stops the replica.
func (r *Replica) ownRun(after Seqno, entries []Entry) bool {
	for i, e := range entries {
		if e.Seqno() != after+1+Seqno(i) || !r.stored.Lineage.allows(e) || i > 0 && !e.Follows(entries[i-1].Hash()) {
			r.broken("the log holds entry %d of epoch %d where the one is due that is %d behind %d", e.Seqno(), e.Epoch(), i+1, after)
			return false
		}
		if h, ok := r.stored.HashAt(e.Seqno()); ok && h != e.Hash() {
			r.broken("the log holds another entry %d", e.Seqno())
			return false
		}
	}
	return true
}

// recollect takes the entries above a position back into memory, up to InFlightBytes of them, and then steps a message that needs
// them once more. Where they are not to be had, its sender needs a snapshot.
func (r *Replica) recollect(after Seqno, asked Message) {
	c := &r.recollection
	if c.number != 0 && c.after <= after {
		c.asked = asked // the earlier one is not waited for any more
		return
	}
	// The entry at the position comes along, for its hash.
	from := max(after, 1) - 1
	if !r.recallable(from) {
		r.compacted(asked)
		return
	}
	*c = recollection{number: r.opt.Numbers.Next(), after: after, asked: asked}
	r.recall(r.opt.Self, c.number, from, r.opt.MessageBytes)
}

func (r *Replica) recollected(x Recall, entries []Entry) {
	c := &r.recollection
	if x.Number != c.number {
		return
	}
	c.entries = append(c.entries, entries...)
	for _, e := range entries {
		c.bytes += len(e)
	}
	asked := c.asked
	switch end := x.After + Seqno(len(entries)); {
	case len(entries) == 0 || c.bytes > r.opt.InFlightBytes:
		r.recollection = recollection{}
		r.compacted(asked)
	case end < r.stored.Start:
		r.recall(r.opt.Self, c.number, end, r.opt.MessageBytes)
	default:
		r.remember(c.after, c.entries)
		r.recollection = recollection{}
		r.Step(asked)
	}
}

// remember puts entries that were recalled before those in memory.
func (r *Replica) remember(after Seqno, entries []Entry) {
	s := &r.stored
	if s.Start <= after {
		return
	}
	hash := uint64(0)
	if after > 0 {
		hash, entries = entries[0].Hash(), entries[1:]
	}
	entries = entries[:s.Start-after]
	for _, e := range entries {
		r.keptBytes += len(e)
	}
	s.Start, s.Hash, s.Entries = after, hash, append(entries, s.Entries...)
}

// compacted tells the sender of a message that what it needs is here only as a part of the contents.
func (r *Replica) compacted(m Message) {
	number := m.Number
	if m.Kind == MsgConnected {
		number = m.Link.Ask
	}
	r.send(Message{Kind: MsgCompacted, To: m.From, Number: number})
}
