package engine

import (
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// TestRulingRefused: what an operator's program asks for out of turn changes nothing, and stops nobody.
func TestRulingRefused(t *testing.T) {
	w := newWorld(t, testOptions(), "cab", "ed", "fc")
	a, d := w.node(id("a")).host, w.node(id("d")).host
	ruling := func(at uint64, members ...string) shard.Ruling {
		g := shard.Ruling{At: at}
		for i, m := range members {
			g.Chain = append(g.Chain, shard.Configuration{Shard: 2, Epoch: shard.Epoch(i + 1), Members: ids(m)})
		}
		return g
	}
	strange := ruling(9, "ed", "d")
	for i := range strange.Chain {
		strange.Chain[i].Shard = 9
	}
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"a ruling before the freeze", func() error { return a.Rule(ruling(5, "ed", "d")) }, "does not wait for the ruling of attempt 5"},
		{"the freeze", func() error { return a.Freeze(2, 5) }, ""},
		{"an earlier freeze", func() error { return a.Freeze(2, 4) }, "attempt 4 to rule on shard 2 comes after attempt 5"},
		{"a ruling of another attempt", func() error { return a.Rule(ruling(4, "ed", "d")) }, "does not wait for the ruling of attempt 4"},
		{"a ruling without a time", func() error { return a.Rule(ruling(0, "ed", "d")) }, "without a time"},
		{"a ruling without a chain", func() error { return a.Rule(ruling(5)) }, "without a chain"},
		{"a later freeze", func() error { return a.Freeze(2, 6) }, ""},
		{"a ruling of the earlier attempt", func() error { return a.Rule(ruling(5, "ed", "d")) }, "does not wait for the ruling of attempt 5"},
		{"the ruling", func() error { return a.Rule(ruling(6, "ed", "d")) }, ""},
		{"the ruling again", func() error { return a.Rule(ruling(6, "ed", "d")) }, "does not wait for the ruling of attempt 6"},
		{"a freeze for what is ruled", func() error { return a.Freeze(2, 6) }, "comes after attempt 6"},
		{"who does not sequence the shard", func() error { return d.Rule(ruling(6, "ed", "d")) }, ""},
		{"a ruling in force of a shard that is not there", func() error { return d.Enforce(strange) }, "shard 9 is not in the ring"},
		{"a ruling in force that contradicts", func() error { return d.Enforce(ruling(6, "de", "d")) }, "contradicts what this node knows"},
		{"no ruling in force", func() error { return d.Enforce(ruling(6)) }, "without a chain"},
	} {
		err := c.do()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		w.settle()
	}
	if !a.Holds(2, 6) || a.Holds(2, 7) || d.Known(2).Newest().Epoch != 1 {
		t.Errorf("a holds the ruling: %v, and a later one: %v; d goes by epoch %d", a.Holds(2, 6), a.Holds(2, 7), d.Known(2).Newest().Epoch)
	}
}

// TestFreezeEnds: an operator who does not go on stops nobody for ever.
func TestFreezeEnds(t *testing.T) {
	w := newWorld(t, testOptions(), "ab", "cd")
	for range 3 {
		w.tick()
	}
	a := w.node(id("a")).host
	if err := a.Freeze(2, 5); err != nil {
		t.Fatal(err)
	}
	w.crash(w.node(id("d")))
	for range FreezeMicros/int(w.opt.TickMicros) - 1 {
		w.tick()
	}
	if e := a.Known(2).Newest().Epoch; e != 1 {
		t.Fatalf("while it is frozen epoch %d is decided", e)
	}
	for range 20 {
		w.tick()
	}
	if e := a.Known(2).Newest().Epoch; e != 2 {
		t.Errorf("after the freeze epoch %d is the newest, want 2: node d is dead", e)
	}
}

// TestLaterRulingIsAdoptedToo: a member may bring the ruling of a later attempt when the earlier one's is proposed already. Held, and never
// adopted in that epoch, it would keep the shard from deciding anything.
func TestLaterRulingIsAdoptedToo(t *testing.T) {
	w := newWorld(t, testOptions(), "ab", "cd")
	e := w.node(id("a")).host.engines[1]
	ruling := func(at uint64) shard.Ruling { return shard.Ruling{At: at, Chain: chainOf(2, "cd", "c")} }
	e.hold(ruling(5))
	e.adopted = 7
	e.hold(ruling(5))
	if e.adopted != 7 {
		t.Error("the same ruling is proposed again")
	}
	e.hold(ruling(6))
	if g, _ := e.replica.Ruling(); e.adopted != 0 || g.At != 6 {
		t.Errorf("adopted %d, holds the ruling of attempt %d: the later one is not proposed", e.adopted, g.At)
	}
}
