package shard

import "testing"

// learning is a chain of a and b with a history of 500 entries, of which little is kept, and a learner c.
func learning(t *testing.T, opt Options) (c *cluster, head, learner *node) {
	c = newCluster(t, opt, ids("a", "b")...)
	c.part = 100
	c.settle()
	head = c.node(id("a"))
	for i := range 500 {
		head.put(i)
		c.settle()
	}
	c.join(id("c"))
	c.settle()
	c.brief = true
	return c, head, c.node(id("c"))
}

// put writes to one of 500 keys.
func (n *node) put(i int) {
	n.replica.Write(Request{Shard: 1, Kind: Put, Key: []byte{byte(i % 500), byte(i % 500 >> 8)}, Value: make([]byte, 50)})
}

// pass lets a tick pass, all that is under way arrive, but for what lost takes, and all that is written become durable.
func (c *cluster) pass(lost func(Message) bool) {
	for _, n := range c.nodes {
		n.replica.Tick()
	}
	c.drain()
	c.net = deleteFirst(c.net, len(c.net), lost)
	c.deliver(len(c.net), func(Message) bool { return true })
	for _, n := range c.nodes {
		c.durable(n, -1)
	}
	c.net = deleteFirst(c.net, len(c.net), lost)
}

func none(Message) bool { return false }

// follows lets ticks pass until the learner has caught up.
func (c *cluster) follows(learner *node, each func(tick int)) {
	for tick := range 2000 {
		if learner.replica.CaughtUp() {
			return
		}
		learner.replica.Recruit()
		each(tick)
		c.pass(none)
	}
	c.t.Fatalf("the learner has not caught up: it has %d entries durable, and takes in a snapshot: %v", learner.replica.durable, learner.replica.Filling())
}

// TestLearnUnderLoad: what is written while a snapshot is on its way is in the log for the learner, so that one is enough; the tail
// tells from where on the log is needed.
func TestLearnUnderLoad(t *testing.T) {
	opt := testOptions()
	opt.KeepBytes = 2000
	c, head, learner := learning(t, opt)
	snapshots, filling := 0, false
	c.follows(learner, func(tick int) {
		head.put(tick)
		if f := learner.replica.Filling(); f != filling {
			if filling = f; f {
				snapshots++
			}
		}
		tail := c.node(id("b")).replica
		if cut := learner.replica.fill.cut; filling && cut > 0 && tail.Lacking() > cut {
			t.Fatalf("the learner takes in a snapshot at %d, and lacking is what is above %d", cut, tail.Lacking())
		}
	})
	if snapshots != 1 {
		t.Errorf("%d snapshots were taken in", snapshots)
	}
}

// TestFeedIsLost: the last of what was on its way to a learner is lost. It asks again, although nothing comes behind it.
func TestFeedIsLost(t *testing.T) {
	opt := testOptions()
	opt.MessageBytes, opt.KeepBytes = 1, 1<<20
	c, head, learner := learning(t, opt)
	c.follows(learner, func(int) {})
	for i := range 10 {
		head.put(i)
	}
	for range 8 {
		c.pass(func(m Message) bool { return m.To == learner.id })
	}
	for range 40 {
		learner.replica.Recruit()
		head.put(1)
		c.pass(none)
	}
	if missing := head.replica.commit - learner.replica.durable; missing > 10 {
		t.Errorf("the learner lacks %d entries", missing)
	}
}

// TestGrowWithoutSnapshot: a learner that has caught up, and of which the decision cuts off what was on its way, needs no
// snapshot as a member: the one before it has kept what it lacks. Until it is ACTIVE nothing is committed.
func TestGrowWithoutSnapshot(t *testing.T) {
	opt := testOptions()
	opt.KeepBytes = 2000
	c, head, learner := learning(t, opt)
	c.follows(learner, func(int) {})
	for i := range lagEntries - 4 {
		head.put(i)
	}
	for range 4 {
		c.pass(func(m Message) bool { return m.To == learner.id })
	}
	if !learner.replica.CaughtUp() || learner.replica.durable == head.replica.commit {
		t.Fatalf("caught up: %v, with %d of %d entries", learner.replica.CaughtUp(), learner.replica.durable, head.replica.commit)
	}
	c.decide("a", "b", "c")
	for _, n := range c.nodes {
		n.replica.Learn(c.chain)
	}
	c.pass(none)
	c.inherit(head, head)
	for range 20 {
		if c.pass(none); learner.replica.Filling() {
			t.Fatal("the new member takes in a snapshot")
		}
	}
	if !learner.replica.isActive() {
		t.Errorf("the new member is %v", learner.replica.State())
	}
}

// TestSlowSource: a node that takes its time to read a part of a snapshot is not given up before SourceTicks, and its part counts
// also when it was asked for again meanwhile.
func TestSlowSource(t *testing.T) {
	opt := testOptions()
	opt.SourceTicks = 2000
	c, _, learner := learning(t, opt)
	var parts []Message
	late := func(m Message) bool {
		if m.Kind != MsgPart {
			return false
		}
		parts = append(parts, m)
		return true
	}
	first := Number(0)
	for tick := range 1000 {
		learner.replica.Recruit()
		c.pass(late)
		if number := learner.replica.fill.number; first == 0 {
			first = number
		} else if number != first {
			t.Fatalf("the source is given up after %d ticks", tick)
		}
	}
	if len(parts) < 2 {
		t.Fatalf("the part was sent %d times: it was to be asked for again", len(parts))
	}
	c.net = append(c.net, parts[0])
	c.follows(learner, func(int) {
		if f := learner.replica.fill; f.source != 0 && f.number != first {
			t.Fatal("another snapshot was begun")
		}
	})
	// Beyond that it is.
	c, _, learner = learning(t, opt)
	first = 0
	for range opt.SourceTicks + 100 {
		learner.replica.Recruit()
		c.pass(late)
		if first == 0 {
			first = learner.replica.fill.number
		}
	}
	if learner.replica.fill.number == first {
		t.Error("a source that never answers is not given up")
	}
}
