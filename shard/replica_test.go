package shard

import (
	"math"
	"strings"
	"testing"
)

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
			for _, from := range []string{"a", "b"} {
				r.Step(Message{Kind: MsgFence, Shard: 1, From: id(from), To: m.To, Epoch: cl.chain.Newest().Epoch, Number: 11})
			}
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

// TestBrokenHeadIsSilent: it repeats nothing of what is not acknowledged, and commits nothing more.
func TestBrokenHeadIsSilent(t *testing.T) {
	c := settled(t, 2, "a", "b")
	a := c.node(id("a")).replica
	a.Write(Request{Shard: 1, Kind: Put, Token: "w"})
	written := len(a.Output().Write)
	ack := c.stray(MsgAck, "b", "a")
	ack.Last = 3
	a.Step(ack)
	bad := c.stray(MsgAck, "b", "a")
	bad.Last = 9
	a.Step(bad)
	a.Durable(written)
	a.Tick()
	if out := a.Output(); a.Err() == nil || len(out.Send)+len(out.Work)+len(out.Replies) > 0 {
		t.Errorf("%v, and it puts out %+v", a.Err(), out)
	}
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
		{"a confirmation of no fence", func(c *cluster) Message { return c.stray(MsgFenced, "a", "b") }},
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
