package shard

import (
	"strings"
	"testing"
)

// TestFenceNeedsEveryOther: nobody's confirmation stands for another's, nor for one of the asker itself.
func TestFenceNeedsEveryOther(t *testing.T) {
	c := settled(t, 1, "a", "b", "c")
	r := c.node(id("c")).replica
	r.Read(Request{Shard: 1, Kind: Get, Key: []byte("k"), Token: "r"})
	r.Output()
	fenced := func(from string) Message {
		return Message{Kind: MsgFenced, Shard: 1, From: id(from), To: id("c"), Epoch: 1, Number: r.reads.fence.number, Commit: 1}
	}
	for _, from := range []string{"a", "b"} {
		m := fenced(from)
		m.Number--
		r.Step(m)
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
