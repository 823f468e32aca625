package shard

import "testing"

// TestInheritIsForThePendingHead: nobody else takes a history that was chosen, and nobody takes one twice.
func TestInheritIsForThePendingHead(t *testing.T) {
	for name, c := range map[string]struct {
		members []string // of the next configuration; b is asked to inherit
		want    bool
	}{
		"the head":        {[]string{"b", "c"}, true},
		"another member":  {[]string{"a", "b"}, false},
		"who is out":      {[]string{"a", "c"}, false},
		"who is ACTIVE":   {nil, false},
		"who is the tail": {[]string{"c", "a", "b"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cl := settled(t, 1, "a", "b", "c")
			b := cl.node(id("b"))
			if c.members != nil {
				cl.decide(c.members...)
				b.replica.Learn(cl.chain)
				cl.settle()
			}
			for i := range 2 {
				cl.inherit(b, b)
				written := len(b.replica.Output().Write)
				if got := written > 0; got != (c.want && i == 0) {
					t.Errorf("time %d: it takes it: %v", i+1, got)
				}
			}
			if err := b.replica.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInheritOfTheLink: an offer under another link, or by another, is not taken.
func TestInheritOfTheLink(t *testing.T) {
	for name, change := range map[string]func(*Message){
		"of an older handshake":         func(m *Message) { m.Link.Ask-- },
		"of another answer":             func(m *Message) { m.Link.Answer-- },
		"by who is not the predecessor": func(m *Message) { m.From = id("c") },
		"without a link":                func(m *Message) { m.Link = Link{} },
	} {
		t.Run(name, func(t *testing.T) {
			c := settled(t, 2, "a", "b")
			m := c.pendingTail()
			b := c.node(id("b")).replica
			b.Output()
			change(&m)
			b.Step(m)
			if out := b.Output(); len(out.Write) > 0 || b.Err() != nil {
				t.Errorf("it writes %v, %v", out.Write, b.Err())
			}
		})
	}
}

// TestInheritAnyLineage: a lineage that begins with the new epoch is as good as any.
func TestInheritAnyLineage(t *testing.T) {
	c := settled(t, 2, "a", "b")
	m := c.pendingTail()
	m.Lineage = Lineage{{2, 2}}
	b := c.node(id("b"))
	b.replica.Step(m)
	c.drain()
	c.durable(b, -1)
	if s := b.replica.Standing(); s.State != Active || s.Active != 2 || s.Err != nil {
		t.Errorf("%s", c.standing(b))
	}
}

// TestReplicaWithoutAHistory: one that was never ACTIVE has nothing to write again, and says so to a wedge.
func TestReplicaWithoutAHistory(t *testing.T) {
	opt := testOptions()
	opt.Self, opt.Numbers = id("c"), NewNumbers(1)
	r, err := NewReplica(opt, Stored{Chain: chainOf(1, "ab", "abc")})
	if err != nil {
		t.Fatal(err)
	}
	r.Rewrite()
	r.Step(Message{Kind: MsgWedge, Shard: 1, From: id("a"), To: id("c"), Epoch: 2, Number: 1, Chain: chainOf(1, "ab", "abc")})
	out := r.Output()
	if len(out.Write) > 0 || len(out.Send) != 1 || out.Send[0].Active != 0 || out.Send[0].State != Pending {
		t.Errorf("%+v", out)
	}
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
