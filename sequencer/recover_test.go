package sequencer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func ruling(first shard.Epoch, members ...string) shard.Ruling {
	return shard.Ruling{At: 7, Chain: chainOf(first, members...)}
}

// TestRulingIsRemembered: who looks at the history sees an operator, also where the register got there by what was pending.
func TestRulingIsRemembered(t *testing.T) {
	g := ruling(1, "abc", "ab", "b")
	r := &Register{Chain: chainOf(1, "abc"), Activated: 1}
	pending := func(e shard.Epoch, members string) shard.Command {
		return Reconfigure(configuration(e, members), Reason{At: 1, By: id("z"), Suspicions: []Suspicion{{By: id("b"), Of: id("a")}}})
	}
	for _, c := range []struct {
		name     string
		commands []shard.Command
		by       []shard.NodeID
		adopted  bool
	}{
		{"nothing", nil, nil, false},
		{"what was pending", []shard.Command{pending(2, "ab")}, []shard.NodeID{id("z")}, false},
		{"all of it pending", []shard.Command{pending(2, "ab"), pending(3, "b")}, []shard.NodeID{id("z"), id("z")}, false},
		{"adopted", []shard.Command{Adopt(g)}, []shard.NodeID{0, 0}, true},
		{"adopted after what was pending", []shard.Command{pending(2, "ab"), pending(3, "b"), Adopt(g)}, []shard.NodeID{id("z"), 0}, true},
		{"adopted twice", []shard.Command{Adopt(g), Adopt(g)}, []shard.NodeID{0, 0}, true},
		{"beyond", []shard.Command{Adopt(g), pending(4, "bc")}, []shard.NodeID{0, 0, id("z")}, true},
		{"another way", []shard.Command{pending(2, "ab"), pending(3, "a"), Adopt(g)}, []shard.NodeID{id("z"), id("z")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := r
			for _, command := range c.commands {
				after = apply(t, after, command)
			}
			var by []shard.NodeID
			for _, d := range after.Decisions {
				by = append(by, d.By)
			}
			if fmt.Sprint(by) != fmt.Sprint(c.by) || after.Adopted(g) != c.adopted {
				t.Errorf("decided by %v, adopted %v; want %v, %v", by, after.Adopted(g), c.by, c.adopted)
			}
		})
	}
}

// saw is one replica of a shard of a ring of three, as words: "1 a active=1 last=5 abc/ab | xy/x | at" are its shard, its node, and then the
// chains from epoch 1: its own, then what is decided and foreseen of the next shard.
func saw(own shard.ID, node string, active shard.Epoch, last shard.Seqno, chain, decided, foreseen string) Witness {
	of := func(s shard.ID, words string) (ch shard.Chain) {
		for i, w := range strings.Split(words, " ") {
			ch = append(ch, shard.Configuration{Shard: s, Epoch: shard.Epoch(i + 1), Members: ids(w)})
		}
		return ch
	}
	next := own%3 + 1
	return Witness{Node: id(node), Replicas: []Testimony{{
		Node: id(node), Chain: of(own, chain), Active: active, Last: last, Decided: of(next, decided), Foreseen: of(next, foreseen),
	}}}
}

func TestExamine(t *testing.T) {
	healthy := []Witness{saw(1, "a", 1, 5, "ab", "cd", "cd"), saw(2, "c", 1, 5, "cd", "ef", "ef"), saw(3, "e", 1, 5, "ef", "ab", "ab")}
	but := func(changed ...Witness) []Witness { return append(changed, healthy[len(changed):]...) }
	heard := saw(1, "a", 1, 5, "ab", "cd", "cd")
	heard.Heard = ids("d")
	held := saw(1, "a", 1, 5, "ab", "cd", "cd")
	held.Replicas[0].Ruling = shard.Ruling{At: 1, Chain: chainOf(1, "cd", "c")}
	bystander := Witness{Node: id("g"), Known: []shard.Chain{{{Shard: 1, Epoch: 1, Members: ids("ab")}, {Shard: 1, Epoch: 2, Members: ids("a")}}}}
	told := saw(3, "e", 1, 5, "ef", "ab", "ab")
	told.Known = []shard.Chain{chainOf(1, "cd")}
	for _, c := range []struct {
		name      string
		lost      string
		witnesses []Witness
		best      shard.ID
		chain     string // that is ruled
		err       string
	}{
		{"every shard has lost one", "bdf", healthy, 1, "1(ab),2(a)", ""},
		{"nobody is named", "", healthy, 0, "", "no node is named as lost"},
		{"one who answers", "ab", healthy, 0, "", "is named as lost, and answers"},
		{"one who is heard of", "bdf", but(heard), 0, "", "node 0000000000000004 is named as lost, and node 0000000000000001 hears of it"},
		{"one is missing", "bd", healthy, 0, "", "node 0000000000000006 of shard 3 neither answers nor is named as lost"},
		{"a shard that is whole", "bd", append(but(), saw(3, "f", 1, 5, "ef", "ab", "ab")), 0, "", "nothing to recover"},
		{"a decision that only a bystander has heard of", "bdf", append(but(), bystander), 1, "1(ab),2(a)", ""},
		{"one that is gone", "abdf", healthy[1:], 3, "1(ef),2(e)", ""},
		{"two that are gone", "abcdf", []Witness{told}, 0, "", "shard 3 cannot be decided: shard 2, which kept its register, is gone"},
		{"one of which nobody knows", "abcdf", healthy[2:], 0, "", "no node knows of shard 2"},
		{"a decision is pending", "bdf", but(saw(1, "a", 1, 5, "ab", "cd", "cd"), saw(2, "c", 1, 5, "cd", "ef", "ef"), saw(3, "e", 1, 6, "ef", "ab", "ab a")), 1, "1(ab),2(a)", ""},
		{"a decision for lost nodes is pending", "bdf", but(saw(1, "a", 1, 5, "ab", "cd", "cd"), saw(2, "c", 1, 5, "cd", "ef", "ef"), saw(3, "e", 1, 6, "ef", "ab", "ab b")), 3, "1(ef),2(e)", ""},
		{"a ruling is held", "bdf", but(held), 2, "1(cd),2(c)", ""},
		{"two histories go different ways, and one is void", "bdf", append(but(), saw(3, "e", 2, 1, "ef", "ab", "ab a"), saw(3, "g", 1, 9, "ef", "ab", "ab b")), 1, "1(ab),2(a)", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, err := Examine(NewRing(3), ids(c.lost), c.witnesses)
			best := shard.ID(0)
			if err == nil {
				best, err = x.Best()
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			chain, _, _ := strings.Cut(describe(&Register{Chain: x.Finding(best).Chain}), " ")
			if best != c.best || chain != c.chain {
				t.Errorf("shard %d with %s, want shard %d with %s", best, chain, c.best, c.chain)
			}
		})
	}
}
