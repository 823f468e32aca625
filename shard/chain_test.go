package shard

import "testing"

// TestFitting: a message carries as many entries as it has room for, and always one.
func TestFitting(t *testing.T) {
	entries := history(1, 0, 0, 5)
	size := len(entries[0])
	for _, c := range []struct{ limit, want int }{
		{0, 1}, {size - 1, 1}, {size, 1}, {2*size - 1, 1}, {2 * size, 2}, {5 * size, 5}, {99 * size, 5},
	} {
		if got := fitting(entries, c.limit); got != c.want {
			t.Errorf("%d of %d bytes each fit into %d, want %d", got, size, c.limit, c.want)
		}
	}
}

// TestHandBackOfTheLink: a head that waits for what it lost takes it from its successor, under the link of its latest
// handshake, and no more than was announced.
func TestHandBackOfTheLink(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Message)
		taken  Seqno // the last entry afterwards
		synced bool
	}{
		{"as it is", func(*Message) {}, 2, true},
		{"of an older handshake", func(m *Message) { m.Link.Ask-- }, 0, false},
		{"of another answer", func(m *Message) { m.Link.Answer-- }, 0, false},
		{"by who is not the successor", func(m *Message) { m.From = id("c") }, 0, false},
		{"beyond what was announced", func(m *Message) {
			m.Entries = append(m.Entries, history(1, 2, m.Entries[1].Hash(), 1)...)
		}, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newCluster(t, testOptions(), ids("a", "b", "c")...)
			cl.settle()
			a, b := cl.node(id("a")), cl.node(id("b"))
			for range 2 {
				a.replica.Write(Request{Shard: 1, Kind: Put, Key: []byte("k")})
			}
			cl.drain()
			cl.deliver(10, func(m Message) bool { return m.To == b.id })
			cl.crash(a)
			cl.net = nil
			cl.start(a)
			cl.deliver(10, func(m Message) bool { return m.To == b.id })
			cl.deliver(1, func(m Message) bool { return m.To == a.id })
			for i := range cl.net {
				if cl.net[i].Kind == MsgHandBack {
					c.change(&cl.net[i])
				}
			}
			cl.deliver(10, func(m Message) bool { return m.To == a.id })
			if s := a.replica.Standing(); s.Last != c.taken || s.Err != nil || s.Synced != c.synced {
				t.Errorf("last %d, synced %v, %v; want %d, %v", s.Last, s.Synced, s.Err, c.taken, c.synced)
			}
		})
	}
}

// TestAppendNeedsALink: entries are taken under the present link only, and by who is ACTIVE.
func TestAppendNeedsALink(t *testing.T) {
	offer := func(b *Replica, epoch Epoch, link Link) Message {
		return Message{
			Kind: MsgAppend, Shard: 1, From: id("a"), To: id("b"), Epoch: epoch, Link: link, Last: b.last(),
			Entries: history(epoch, b.last(), b.lastHash(), 1),
		}
	}
	check := func(t *testing.T, b *Replica, m Message) {
		t.Helper()
		b.Output()
		b.Step(m)
		out := b.Output()
		if len(out.Write) > 0 || b.Err() != nil || len(out.Send) != 1 || out.Send[0].Kind != MsgRefuse || out.Send[0].Link != m.Link {
			t.Errorf("it writes %v and sends %v, %v; want a refusal alone", out.Write, out.Send, b.Err())
		}
	}
	t.Run("after a restart", func(t *testing.T) {
		c := settled(t, 2, "a", "b")
		b := c.node(id("b"))
		c.crash(b)
		c.start(b)
		check(t, b.replica, offer(b.replica, 1, Link{}))
	})
	t.Run("while PENDING", func(t *testing.T) {
		c := settled(t, 2, "a", "b")
		link := c.pendingTail().Link
		b := c.node(id("b")).replica
		check(t, b, offer(b, 2, link))
	})
	t.Run("after a gap", func(t *testing.T) {
		c := settled(t, 2, "a", "b")
		b := c.node(id("b")).replica
		m := offer(b, 1, b.up.link)
		m.Last, m.Entries = 3, history(1, 3, 77, 1)
		check(t, b, m)
	})
}

// TestAppliedIsDurable: whatever the head says of commit, an entry is not applied before it is durable here.
func TestAppliedIsDurable(t *testing.T) {
	c := settled(t, 2, "a", "b", "c")
	b := c.node(id("b"))
	m := c.stray(MsgAppend, "a", "b")
	m.Last, m.Commit, m.Entries = 2, 4, history(1, 2, b.replica.lastHash(), 2)
	b.replica.Step(m)
	works := func() (n int) { return len(b.replica.Output().Work) }
	if n := works(); n != 1 { // the second entry, which is durable
		t.Errorf("%d entries applied, two are only written", n)
	}
	b.replica.Durable(1)
	if n := works(); n != 1 {
		t.Errorf("%d entries applied when one more is durable", n)
	}
}

// TestTracesOfEntries: a trace of what is not among the entries that came leaves nothing behind.
func TestTracesOfEntries(t *testing.T) {
	c := settled(t, 2, "a", "b")
	b := c.node(id("b")).replica
	m := c.stray(MsgAppend, "a", "b")
	m.Last, m.Entries = 2, history(1, 2, b.lastHash(), 2)
	m.Traces = []Trace{{Seqno: 2, Parent: "before"}, {Seqno: 5, Parent: "after"}}
	b.Step(m)
	if out := b.Output(); len(out.Write) != 2 || len(out.Events) > 0 || len(b.traces) > 0 {
		t.Errorf("writes %d, events %v, keeps %v", len(out.Write), out.Events, b.traces)
	}
}
