package engine

import (
	"slices"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// chains are the newest that anybody knows, of each shard in the order of the ring.
func (w *world) chains() []shard.Chain {
	var all []shard.Chain
	for _, s := range w.opt.Genesis.Ring {
		var newest shard.Chain
		for _, n := range w.nodes {
			if n.host != nil && n.host.Known(s.Shard).Newest().Epoch > newest.Newest().Epoch {
				newest = n.host.Known(s.Shard)
			}
		}
		all = append(all, newest)
	}
	return all
}

// gossip passes a tick, and then lets all know of all decisions.
func (w *world) gossip() (ring []shard.Configuration) {
	w.tick()
	for _, chain := range w.chains() {
		for _, n := range w.nodes {
			if n.host != nil {
				n.host.Learn(chain)
			}
		}
		ring = append(ring, chain.Newest())
	}
	w.settle()
	return ring
}

// load is of how many shards each node is a member.
func load(ring []shard.Configuration) map[string]int {
	loads := map[string]int{}
	for _, c := range ring {
		for _, m := range c.Members {
			loads[name(m)]++
		}
	}
	return loads
}

// TestMovesComeToAnEnd: nodes that join get their share of the shards, though all who sequence them look
// at the same ring at the same tick; one after the other, as far as one head sees; and then nothing moves any more.
func TestMovesComeToAnEnd(t *testing.T) {
	for _, joins := range []string{"e", "ef"} {
		opt := testOptions()
		opt.RegrowTicks = 20
		w := newWorld(t, opt, "ab", "cd", "ab", "cd", "ab", "cd", "ab", "cd")
		w.join(joins)
		last, lastAt, moves := w.gossip(), 0, 0
		for i := range 600 {
			ring := w.gossip()
			for s := range ring {
				if ring[s].Epoch > last[s].Epoch {
					lastAt = i
					moves++
				}
			}
			if last = ring; sequencer.Cover(ring) < 1 {
				t.Fatalf("%s, tick %d: a node is in every shard: %v", joins, i, ring)
			}
			for _, n := range w.nodes {
				busy := 0
				for _, s := range n.host.Standings() {
					if s.Register.Learner != 0 && s.Configuration.Head() == n.id {
						busy++
					}
				}
				if busy > 1 {
					t.Errorf("%s, tick %d: %s moves %d shards at the same time", joins, i, name(n.id), busy)
				}
			}
		}
		loads := load(last)
		for _, n := range ids(joins) {
			if loads[name(n)] < 2 {
				t.Errorf("%s: loads %v", joins, loads)
			}
		}
		if moves > 4*len(joins)+2 || lastAt > 400 {
			t.Errorf("%s: %d moves, the last at tick %d: %v", joins, moves, lastAt, last)
		}
	}
}

// TestGrowthSparesTheCover: two shards that lost members at the same time grow at the same time, and know nothing of each
// other. Whom both want does not let itself be put into every shard.
func TestGrowthSparesTheCover(t *testing.T) {
	opt := testOptions()
	opt.RegrowTicks = 20
	w := newWorld(t, opt, "cd", "ef", "ab")
	for range 4 {
		w.gossip()
	}
	for _, n := range ids("df") {
		w.crash(w.node(n))
	}
	for i := range 200 {
		ring := w.gossip()
		if n, ok := sequencer.Everywhere(ring); ok {
			t.Fatalf("tick %d: %s is in every shard: %v", i, name(n), ring)
		}
		if !slices.ContainsFunc(ring, func(c shard.Configuration) bool { return len(c.Members) < 2 }) && i > 20 {
			return
		}
	}
	t.Errorf("not all have grown: %v", w.chains())
}

// views are what the head of a shard's sequencer sees.
func (w *world) view(n string, next shard.ID) view {
	for _, e := range w.node(id(n)).host.engines {
		if e.next == next {
			return view{e}
		}
	}
	w.t.Fatalf("%s does not sequence shard %d", n, next)
	return view{}
}

// TestNoExchangeInDoubt: while a member is suspected nobody is exchanged, nor given up.
func TestNoExchangeInDoubt(t *testing.T) {
	opt := testOptions()
	opt.RegrowTicks = 200
	w := newWorld(t, opt, "ab", "cd", "ab", "cd")
	w.join("e")
	for range 5 {
		w.gossip()
	}
	all := func(shard.NodeID) bool { return true }
	v := w.view("c", 1)
	if _, ok := v.Exchange(all); !ok {
		t.Fatal("there is nothing to exchange from the beginning: the test shows nothing")
	}
	w.node(id("c")).host.Lost(ids("b"))
	if x, ok := v.Exchange(all); ok {
		t.Errorf("exchanges %s for %s, while b is suspected", name(x.Leaves), name(x.Joins))
	}
	if n, ok := v.Excess(); ok {
		t.Errorf("gives %s up, while b is suspected", name(n))
	}
}

// TestNodesFlicker: who is missing from what gossip tells is counted on as long as a shard waits for it, and changes nothing.
func TestNodesFlicker(t *testing.T) {
	opt := testOptions()
	opt.RegrowTicks = 40
	w := newWorld(t, opt, "abc", "bcd", "cda", "dab")
	w.join("x")
	w.drop[shard.MsgRecruit] = true // it never becomes a member, of whom one hears in other ways
	h := w.node(id("a")).host
	tick := func(nodes string, ticks int) {
		for range ticks {
			w.gossip()
			var there []sequencer.Candidate
			for _, n := range ids(nodes) {
				there = append(there, sequencer.Candidate{ID: n})
			}
			h.Nodes(there)
		}
	}
	tick("abcdx", 30)
	changed := h.changed
	tick("abcd", 20)
	tick("abcdx", 1)
	if h.changed != changed || h.usable != 5 {
		t.Errorf("x was away for a moment: changed at %d, before %d; %d usable", h.changed, changed, h.usable)
	}
	tick("abcd", 45)
	if h.changed == changed || h.usable != 4 {
		t.Errorf("x is away: changed at %d; %d usable", h.changed, h.usable)
	}
	if got := h.strength(1); got != 3 {
		t.Errorf("four nodes hold %d replicas of four shards, want 3", got)
	}
}

// TestHandOverWhileLearning: who is about to become a member may be decided to be one in its last moments, and waits for that. It takes no
// new work.
func TestHandOverWhileLearning(t *testing.T) {
	opt := testOptions()
	opt.RegrowTicks = 20
	w := newWorld(t, opt, "ab", "cd")
	w.join("e")
	w.gossip()
	h := w.node(id("e")).host
	ask := func() []shard.Message {
		h.Step(shard.Message{
			Kind: shard.MsgRecruit, Shard: 1, From: id("c"), To: id("e"), Epoch: 1, Number: 7, Synced: true, Chain: chainOf(1, "ab"),
		})
		return h.Ready().Send
	}
	ask()
	h.HandOver()
	if h.HandedOver() {
		t.Error("it learns a shard, and has handed over at once")
	}
	if answer := ask(); len(answer) != 1 || answer[0].Kind != shard.MsgRecruited || !answer[0].Done {
		t.Errorf("it hands over, and is asked to learn: %+v", answer)
	}
	for range lateTicks {
		h.Tick(false)
	}
	if !h.HandedOver() {
		t.Error("it has not handed over, and there is nothing to wait for")
	}
}
