package shard

import "testing"

// TestLeads: a head proposes on behalf of the ring when its commit covers all that was before it.
func TestLeads(t *testing.T) {
	check := func(c *cluster, n string, leads, takes bool) {
		t.Helper()
		r := c.node(id(n)).replica
		if got := r.Leads(); got != leads {
			t.Errorf("leads: %v, want %v: %s", got, leads, c.standing(c.node(id(n))))
		}
		if got := r.Propose(Command{Kind: CommandRegister}); got != takes {
			t.Errorf("takes a command: %v, want %v: %s", got, takes, c.standing(c.node(id(n))))
		}
	}
	c := settled(t, 2, "a", "b")
	check(c, "a", true, true)
	check(c, "b", false, false)

	c = settled(t, 2, "a", "b")
	a := c.node(id("a"))
	c.crash(a)
	c.start(a)
	check(c, "a", false, false) // not synced

	// Synced, and what it recovered is not persistent again: it may number, and does not lead.
	c.deliver(10, func(m Message) bool { return m.To == id("b") })
	c.deliver(1, func(m Message) bool { return m.Kind == MsgConnected })
	check(c, "a", false, true)
	c.settle()
	check(c, "a", true, true)

	c = settled(t, 2, "a", "b")
	c.decide("a")
	c.node(id("a")).replica.Learn(c.chain)
	check(c, "a", false, false) // PENDING

	// All that it inherited is committed, and not in the contents yet, by which it would decide.
	c = settled(t, 1, "a", "b")
	r := c.node(id("a")).replica
	r.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v")})
	r.Durable(len(r.Output().Write))
	c.decide("a")
	r.Learn(c.chain)
	r.Durable(len(r.Output().Write))
	r.Inherit(Inheritance{Lineage: Lineage{{Epoch: 1}}, Cut: 2})
	r.Durable(len(r.Output().Write))
	if work := r.Output().Work; len(work) != 1 {
		t.Fatalf("%d entries to apply, want 1", len(work))
	}
	check(c, "a", false, true)
	r.Applied(2)
	check(c, "a", true, true)
}

// TestServed: a head has served once a write that it numbered itself in its configuration is committed and applied.
func TestServed(t *testing.T) {
	c := settled(t, 1, "a", "b")
	a := c.node(id("a")).replica
	check := func(what string, want bool) {
		t.Helper()
		if got := a.Served(); got != want {
			t.Errorf("%s: served %v, want %v", what, got, want)
		}
	}
	c.decide("a")
	a.Learn(c.chain)
	c.settle()
	check("PENDING, with what it served before", false)
	a.Inherit(Inheritance{Lineage: Lineage{{Epoch: 1}, {Epoch: 2, Seqno: 1}}, Cut: 1})
	c.settle()
	if !a.Leads() {
		t.Fatalf("it does not lead: %s", c.standing(c.node(id("a"))))
	}
	a.Propose(Command{Kind: CommandExpireSessions})
	c.settle()
	check("a command of its own", false)
	a.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v")})
	a.Durable(len(a.Output().Write))
	check("a write that is durable", false)
	if work := a.Output().Work; len(work) != 1 {
		t.Fatalf("%d entries to apply, want 1", len(work))
	}
	check("a write that is committed", false)
	a.Applied(3)
	check("a write that is applied", true)
	c.decide("a", "b")
	a.Learn(c.chain)
	check("wedged", false)
}

// TestMinReplicas: with too few members the head takes no writes of clients, but those of the ring, and reads are served.
func TestMinReplicas(t *testing.T) {
	const want = "shard 1 has 1 of the 2 members that it needs to take writes (min-replicas)"
	for members, reason := range map[int]string{1: want, 2: ""} {
		opt := testOptions()
		opt.MinReplicas = 2
		c := newCluster(t, opt, ids("a", "b")[:members]...)
		c.settle()
		a := c.node(id("a")).replica
		a.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v"), Token: "w"})
		got := a.Output().Replies
		if (reason == "") != (len(got) == 0) || reason != "" && (got[0].Result.Status != Refused || got[0].Result.Reason != reason) {
			t.Errorf("%d members: %+v, want %q", members, got, reason)
		}
		if !a.Propose(Command{Kind: CommandRegister}) {
			t.Errorf("%d members: the ring's own command is refused", members)
		}
	}
}

// TestInFlight: what is numbered counts until it is applied, to the byte, and a wedge ends all of it.
func TestInFlight(t *testing.T) {
	opt := testOptions()
	c := newCluster(t, opt, ids("a", "b")...)
	c.settle()
	a := c.node(id("a")).replica
	put := func() Status {
		a.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v"), Token: "w"})
		if out := a.Output(); len(out.Replies) > 0 {
			return out.Replies[0].Result.Status
		}
		return OK
	}
	put()
	each := a.inFlight
	size := EntryOverhead + 2 // what a request is taken for before it is an entry
	a.opt.InFlightBytes = each + size - 1
	if got := put(); got != Overloaded {
		t.Errorf("one byte too many: %v", got)
	}
	a.opt.InFlightBytes++
	if got := put(); got != OK {
		t.Errorf("as many as there is room for: %v", got)
	}
	ack := c.stray(MsgAck, "b", "a")
	ack.Last = 2
	a.Step(ack)
	a.Durable(2)
	if out := a.Output(); len(out.Work) != 2 || a.pending() != 2*each {
		t.Fatalf("%d entries to apply, %d bytes in flight, want %d", len(out.Work), a.pending(), 2*each)
	}
	a.Applied(0)
	a.Applied(1)
	if a.pending() != each {
		t.Errorf("one of two is applied, %d bytes in flight, want %d", a.pending(), each)
	}
	if len(a.tokens) > 0 {
		t.Errorf("callers of what is on its way to them: %v", a.tokens)
	}
	put()
	c.decide("a")
	a.Learn(c.chain)
	if a.pending() != each {
		t.Errorf("the wedge leaves %d bytes with the applier, want %d", a.pending(), each)
	}
	a.Applied(2)
	if a.pending() != 0 || len(a.applying)+len(a.tokens)+len(a.held)+a.heldBytes > 0 {
		t.Errorf("after the wedge: %d bytes in flight, %v, %v, %v", a.pending(), a.applying, a.tokens, a.held)
	}
}

// TestSlowApplier: a replica that applies more slowly than the others acknowledges no more until it has caught up, so that
// the head's limit holds for its queue too.
func TestSlowApplier(t *testing.T) {
	opt := testOptions()
	c := newCluster(t, opt, ids("a", "b")...)
	c.settle()
	a, b := c.node(id("a")).replica, c.node(id("b")).replica
	put := func() (entry []byte) {
		a.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v"), Token: "w"})
		return a.Output().Write[0].Entry
	}
	// b's applier gets the entries, and never says that it is done with one.
	appended := func(e Entry, commit Seqno) (acks int) {
		m := Message{Kind: MsgAppend, Shard: 1, Epoch: 1, From: id("a"), To: id("b"), Link: b.up.link, Last: e.Seqno() - 1, Commit: commit, Entries: []Entry{e}}
		b.Step(m)
		b.Durable(len(b.Output().Write))
		for _, m := range b.Output().Send {
			if m.Kind == MsgAck {
				acks++
			}
		}
		return acks
	}
	first := put()
	b.opt.InFlightBytes = len(first)
	for seqno, e := range []Entry{first, put()} {
		if got := appended(e, Seqno(seqno)); got != 1 {
			t.Fatalf("entry %d: %d acknowledgements, want one", seqno+1, got)
		}
	}
	if got := appended(put(), 2); got != 0 || b.commit != 2 || b.applyingBytes != 2*len(first) {
		t.Fatalf("%d acknowledgements while %d bytes up to %d wait for the applier", got, b.applyingBytes, b.commit)
	}
	b.Applied(1)
	out := b.Output()
	if len(out.Send) != 1 || out.Send[0].Kind != MsgAck || out.Send[0].Last != 3 {
		t.Errorf("the applier has caught up: sent %v, want the acknowledgement of 3", out.Send)
	}
}

// TestHeldBytes: what is held counts to the byte.
func TestHeldBytes(t *testing.T) {
	c := settled(t, 0, "a", "b")
	a := c.node(id("a")).replica
	a.Hold(true)
	a.opt.InFlightBytes = 2*EntryOverhead - 1
	for i, want := range []int{0, 1} {
		a.Write(Request{Shard: 1, Kind: OpenSession, Token: "w"})
		if got := len(a.Output().Replies); got != want {
			t.Errorf("request %d: %d answers, want %d", i+1, got, want)
		}
	}
	a.opt.InFlightBytes++
	a.Write(Request{Shard: 1, Kind: OpenSession, Token: "w"})
	if out := a.Output(); len(out.Replies) > 0 {
		t.Errorf("as many as there is room for: %s", describeResult(out.Replies[0].Result))
	}
}
