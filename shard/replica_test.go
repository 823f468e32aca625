package shard

import (
	"math"
	"strings"
	"testing"
)

func testOptions() Options {
	return Options{MessageBytes: 1 << 20, InFlightBytes: 1 << 20, WaitingReads: 100}
}

// settled is a chain at rest whose history has n entries.
func settled(t *testing.T, n int, members ...string) *cluster {
	c := newCluster(t, testOptions(), ids(members...)...)
	c.settle()
	for range n {
		c.nodes[0].replica.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v")})
		c.settle()
	}
	return c
}

// stray is a message that one replica could have sent to another, from the links as they are.
func (c *cluster) stray(kind MessageKind, from, to string) Message {
	m := Message{Kind: kind, Shard: 1, From: id(from), To: id(to), Epoch: c.chain.Newest().Epoch}
	switch r := c.node(m.To).replica; kind {
	case MsgAppend, MsgInherit:
		m.Link = r.up.link
	default:
		m.Link = r.down.link()
	}
	return m
}

// TestBrokenInvariants: what no correct replica sends stops the one that sees it, before it does anything with it.
func TestBrokenInvariants(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(c *cluster) Message
		want string
	}{
		{"another entry of the same epoch and seqno", func(c *cluster) Message {
			c.node(id("a")).replica.Write(Request{Shard: 1, Kind: Put})
			c.settle() // b has not applied the newest entry, and can compare it
			m := c.stray(MsgAppend, "a", "b")
			m.Last, m.Entries = 2, history(1, 2, 77, 1)
			return m
		}, "sends another entry 3"},
		{"an entry that does not follow", func(c *cluster) Message {
			m := c.stray(MsgAppend, "a", "b")
			m.Last, m.Entries = 2, history(1, 2, 77, 1)
			return m
		}, "does not continue the history"},
		{"an entry of another epoch", func(c *cluster) Message {
			m := c.stray(MsgAppend, "a", "b")
			m.Last, m.Entries = 2, history(2, 2, c.node(id("b")).replica.lastHash(), 1)
			return m
		}, "does not continue the history"},
		{"an acknowledgement of what was never sent", func(c *cluster) Message {
			m := c.stray(MsgAck, "b", "a")
			m.Last = 3
			return m
		}, "acknowledges 3, before it was sent"},
		{"a successor beyond a synced head", func(c *cluster) Message {
			c.node(id("a")).replica.Reconnect(id("b"))
			m := c.stray(MsgConnected, "b", "a")
			m.State, m.Last = Active, 3
			return m
		}, "holds entry 3 beyond the synced 2"},
		{"a successor with another history", func(c *cluster) Message {
			c.node(id("a")).replica.Reconnect(id("b"))
			m := c.stray(MsgConnected, "b", "a")
			m.State, m.Last, m.Hash = Active, 2, 77
			return m
		}, "holds another entry 2"},
		{"two successors of one configuration", func(c *cluster) Message {
			c.decide("b")
			c.node(id("b")).replica.Learn(c.chain)
			c.settle()
			return Message{Kind: MsgWedge, Shard: 1, From: id("x"), To: id("b"), Epoch: 2, Number: 9, Chain: chainOf(1, "ab", "a")}
		}, "two successors"},
		{"a history to inherit that differs where they should agree", func(c *cluster) Message {
			m := c.pendingTail()
			m.Cut, m.Hash, m.Last = 2, 77, 2
			return m
		}, "differs at 2"},
		{"a history to inherit from beyond the own", func(c *cluster) Message {
			m := c.pendingTail()
			m.Cut, m.Last = 3, 3
			return m
		}, "differs at 3"},
		{"a base that is none of the lineage", func(c *cluster) Message {
			m := c.pendingTail()
			m.Lineage = Lineage{{1, 0}, {2, 1}}
			return m
		}, "offers base 2"},
		{"a history beyond its base", func(c *cluster) Message {
			m := c.pendingTail()
			m.Entries = history(1, 2, m.Hash, 1)
			return m
		}, "beyond the base 2"},
		{"inherited entries that do not follow", func(c *cluster) Message {
			m := c.pendingTail()
			m.Last, m.Lineage = 3, Lineage{{1, 0}, {2, 3}}
			m.Entries = history(1, 2, 77, 1)
			return m
		}, "does not continue the history"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := settled(t, 2, "a", "b")
			m := c.send(cl)
			if err := m.Valid(); err != nil {
				t.Fatal(err)
			}
			r := cl.node(m.To).replica
			r.Output()
			r.Step(m)
			if err := r.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			// It does nothing any more.
			r.Step(Message{Kind: MsgWedge, Shard: 1, From: id("x"), To: m.To, Epoch: 3, Number: 10, Chain: chainOf(1, "ab", "b", "b")})
			r.Write(Request{Shard: 1, Kind: Put, Token: "w"})
			r.Read(Request{Shard: 1, Kind: Get, Token: "r"})
			for range 10 {
				r.Tick()
			}
			r.Reconnect(id("b"))
			r.Appeared(id("b"))
			r.Rewrite()
			r.Learn(chainOf(1, "ab", "b", "b"))
			r.Inherit(Inheritance{Lineage: Lineage{{1, 0}}})
			if r.Propose(Command{Kind: CommandRegister}) {
				t.Error("it stopped, and takes a command")
			}
			out := r.Output()
			if len(out.Send)+len(out.Write)+len(out.Work)+len(out.Events) > 0 {
				t.Errorf("it stopped, and puts out %+v", out)
			}
			for _, reply := range out.Replies {
				if reply.Result.Status != Refused {
					t.Errorf("it stopped, and answers %v: %s", reply.Token, describeResult(reply.Result))
				}
			}
		})
	}
}

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

// TestIdleReplica: one that is not ACTIVE has no successor to connect to, and nobody to repeat anything to.
func TestIdleReplica(t *testing.T) {
	for _, members := range [][]string{{"a", "c"}, {"b", "c"}} { // b is PENDING as head, and out
		c := settled(t, 1, "a", "b", "c")
		c.decide(members...)
		b := c.node(id("b"))
		b.replica.Learn(c.chain)
		c.settle()
		b.replica.Reconnect(id("c"))
		b.replica.Appeared(id("c"))
		for range 50 {
			b.replica.Tick()
			if out := b.replica.Output(); len(out.Send)+len(out.Write) > 0 {
				t.Fatalf("of %v: %+v", members, out)
			}
		}
	}
}

func (c *cluster) decide(members ...string) {
	c.chain = append(c.chain[:len(c.chain):len(c.chain)], Configuration{Shard: 1, Epoch: c.chain.Newest().Epoch + 1, Members: ids(members...)})
}

// pendingTail brings b to where a offers it the history of epoch 2, and returns the offer: all of it is there already.
func (c *cluster) pendingTail() Message {
	c.decide("a", "b")
	b := c.node(id("b")).replica
	b.Step(Message{Kind: MsgConnect, Shard: 1, From: id("a"), To: id("b"), Epoch: 2, Number: FirstNumber(9), Last: 2, Chain: c.chain})
	m := c.stray(MsgInherit, "a", "b")
	m.Cut, m.Last, m.Hash, m.Lineage = 2, 2, b.lastHash(), Lineage{{1, 0}, {2, 2}}
	return m
}

// TestStrayMessages: what belongs to another link, another asking or another part of the chain changes nothing.
func TestStrayMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(c *cluster) Message
	}{
		{"an entry from who is not the predecessor", func(c *cluster) Message {
			m := c.stray(MsgAppend, "a", "c")
			m.Last, m.Entries = 2, history(1, 2, c.node(id("c")).replica.lastHash(), 1)
			return m
		}},
		{"a handshake from who is not the predecessor", func(c *cluster) Message {
			m := c.stray(MsgConnect, "a", "c")
			m.Number = FirstNumber(9)
			return m
		}},
		{"a handshake with a lower number", func(c *cluster) Message {
			m := c.stray(MsgConnect, "b", "c")
			m.Number = 1
			return m
		}},
		{"an answer to a handshake that was not made", func(c *cluster) Message {
			m := c.stray(MsgConnected, "b", "a")
			m.Link.Ask, m.State, m.Last = 1, Active, 9
			return m
		}},
		{"an answer to a handshake that was answered", func(c *cluster) Message {
			m := c.stray(MsgConnected, "b", "a")
			m.State, m.Last = Active, 9
			return m
		}},
		{"an answer from who is not the successor", func(c *cluster) Message {
			c.node(id("a")).replica.Reconnect(id("b"))
			c.drain()
			m := c.stray(MsgConnected, "c", "a")
			m.State = Active
			return m
		}},
		{"an acknowledgement from who is not the successor", func(c *cluster) Message {
			m := c.stray(MsgAck, "c", "a")
			m.Last = 9
			return m
		}},
		{"an acknowledgement of another link", func(c *cluster) Message {
			m := c.stray(MsgAck, "b", "a")
			m.Link.Answer, m.Last = 1, 9
			return m
		}},
		{"entries handed back that nobody waits for", func(c *cluster) Message {
			m := c.stray(MsgHandBack, "b", "a")
			m.Entries = history(1, 2, c.node(id("a")).replica.lastHash(), 1)
			return m
		}},
		{"a history for who is ACTIVE", func(c *cluster) Message {
			m := c.stray(MsgInherit, "b", "c")
			m.Last, m.Lineage = 2, Lineage{{1, 2}}
			return m
		}},
		{"a fence of a stranger", func(c *cluster) Message { return c.stray(MsgFence, "x", "b") }},
		{"a confirmation that nobody waits for", func(c *cluster) Message {
			m := c.stray(MsgFenced, "a", "b")
			m.Number, m.Commit = 1, 9
			return m
		}},
		{"a refusal of another link", func(c *cluster) Message {
			m := c.stray(MsgRefuse, "b", "a")
			m.Link.Answer = 1
			return m
		}},
		{"a refusal by who is not the successor", func(c *cluster) Message { return c.stray(MsgRefuse, "c", "a") }},
		{"a refusal without a link", func(c *cluster) Message {
			m := c.stray(MsgRefuse, "b", "c")
			m.Link = Link{}
			return m
		}},
		{"anything of a later epoch, without its chain", func(c *cluster) Message {
			m := c.stray(MsgFence, "a", "b")
			m.Epoch = 5
			return m
		}},
		{"a chain of another shard", func(c *cluster) Message {
			m := Message{Kind: MsgRefuse, Shard: 2, From: id("a"), To: id("b"), Epoch: 2, Chain: chainOf(1, "abc", "a")}
			for i := range m.Chain {
				m.Chain[i].Shard = 2
			}
			return m
		}},
		{"what is known already", func(c *cluster) Message {
			return Message{Kind: MsgRefuse, Shard: 1, From: id("a"), To: id("b"), Epoch: 1, Chain: chainOf(1, "abc")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := settled(t, 2, "a", "b", "c")
			m := c.send(cl)
			if err := m.Valid(); err != nil {
				t.Fatal(err)
			}
			n := cl.node(m.To)
			n.replica.Output()
			before := cl.standing(n)
			n.replica.Step(m)
			if out := n.replica.Output(); len(out.Send)+len(out.Write)+len(out.Work)+len(out.Events) > 0 {
				t.Errorf("it puts out %+v", out)
			}
			if after := cl.standing(n); after != before {
				t.Errorf("before: %s\nafter:  %s", before, after)
			}
		})
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

// TestFenceNeedsEveryOther: nobody's confirmation stands for another's, nor for one of the asker itself.
func TestFenceNeedsEveryOther(t *testing.T) {
	c := settled(t, 1, "a", "b", "c")
	r := c.node(id("c")).replica
	r.Read(Request{Shard: 1, Kind: Get, Key: []byte("k"), Token: "r"})
	r.Output()
	fenced := func(from string) Message {
		return Message{Kind: MsgFenced, Shard: 1, From: id(from), To: id("c"), Epoch: 1, Number: r.reads.fence.number, Commit: 1}
	}
	for _, from := range []string{"a", "a", "c", "x"} {
		r.Step(fenced(from))
		if out := r.Output(); len(out.Work) > 1 { // one entry is applied, no read served
			t.Fatalf("served after a confirmation of %s: %+v", from, out.Work)
		}
	}
	r.Step(fenced("b"))
	if out := r.Output(); len(out.Work) != 1 || out.Work[0].Token != "r" {
		t.Errorf("all have confirmed, and the work is %+v", out.Work)
	}
}

// TestUnsyncedHeadTakesNoOldEntryForAFence: see testdata/transcripts/read_recovered, where the read is still waiting in the end.
func TestUnsyncedHeadTakesNoOldEntryForAFence(t *testing.T) {
	c := newCluster(t, testOptions(), ids("a", "b")...)
	c.settle()
	a, b := c.node(id("a")), c.node(id("b"))
	a.replica.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v")})
	c.drain()
	c.deliver(1, func(m Message) bool { return m.To == b.id })
	c.durable(b, -1)
	c.crash(a)
	c.net = nil
	c.start(a)
	c.deliver(1, func(m Message) bool { return m.To == b.id })
	a.replica.Read(Request{Shard: 1, Kind: Get, Key: []byte("k"), Token: "r"})
	c.deliver(10, func(m Message) bool { return m.To == a.id })
	c.durable(a, -1)
	if s := a.replica.Standing(); s.Commit != 1 || !s.Synced {
		t.Fatalf("the head did not recover: %s", c.standing(a))
	}
	if strings.Contains(c.out.String(), "answers r") {
		t.Errorf("an entry from before the read fenced it:\n%s", c.out.String())
	}
}

// TestExtremePositions: positions and counts as large as a message may carry.
func TestExtremePositions(t *testing.T) {
	for k := MsgConnect; k <= MsgRefuse; k++ {
		for _, state := range []string{"ACTIVE", "PENDING", "IMMUTABLE", "unsynced"} {
			t.Run(k.String()+" "+state, func(t *testing.T) {
				c := settled(t, 2, "a", "b", "c")
				n := c.node(id("b"))
				switch state {
				case "PENDING":
					c.decide("a", "b")
					n.replica.Learn(c.chain)
				case "IMMUTABLE":
					c.decide("a", "c")
					n.replica.Learn(c.chain)
				case "unsynced":
					c.crash(n)
					c.start(n)
				}
				c.drain()
				if state != "unsynced" {
					c.durable(n, -1)
				}
				for _, from := range []string{"a", "c", "b", "x"} {
					for _, link := range []Link{n.replica.up.link, n.replica.down.link(), {Ask: math.MaxUint64, Answer: math.MaxUint64}} {
						m := Message{
							Kind: k, Shard: 1, From: id(from), To: n.id, Epoch: c.chain.Newest().Epoch, Number: math.MaxUint64, Link: link,
							State: Active, Active: math.MaxUint64, Base: MaxSeqno, Last: MaxSeqno, Cut: MaxSeqno, Commit: MaxSeqno,
							Lineage: Lineage{{1, 0}, {math.MaxUint64, MaxSeqno}}, Chain: c.chain,
						}
						if err := m.Valid(); err != nil {
							t.Fatal(err)
						}
						n.replica.Step(m)
						out := n.replica.Output()
						n.replica.Durable(len(out.Write))
						n.replica.Tick()
					}
				}
				if s := n.replica.Standing(); s.Commit > s.Durable || s.Durable > s.Last || s.Last > 2 {
					t.Errorf("it believed: %s", c.standing(n))
				}
			})
		}
	}
}
