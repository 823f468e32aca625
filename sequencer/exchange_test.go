package sequencer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestStrength(t *testing.T) {
	for _, c := range []struct{ began, shards, nodes, least, want int }{
		{3, 5, 5, 1, 3},
		{3, 4, 4, 1, 3},
		{3, 4, 3, 1, 2},
		{3, 2, 4, 1, 2}, // two shards leave out four nodes, two each
		{4, 100, 4, 1, 3},
		{3, 3, 2, 1, 2}, // one copy is none, whatever the ring would like
		{2, 3, 1, 1, 2},
		{3, 4, 3, 3, 3}, // by the operator's wish
		{2, 4, 3, 3, 2}, // of which there were never so many
		{1, 3, 9, 1, 1},
		{2, 1, 9, 1, 2},
	} {
		if got := Strength(c.began, c.shards, c.nodes, c.least); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

// ringOf reads the members of shards 1, 2, ...
func ringOf(words string) (current []shard.Configuration) {
	for _, w := range strings.Fields(words) {
		current = append(current, placed(w)...)
		current[len(current)-1].Shard = shard.ID(len(current))
	}
	return current
}

// draining are candidates of which those in capitals drain.
func draining(words string) []Candidate {
	all := candidates(strings.ToLower(words))
	for i, w := range strings.Fields(words) {
		all[i].Drains = w[:1] != strings.ToLower(w[:1])
	}
	return all
}

func TestExchange(t *testing.T) {
	for _, c := range []struct {
		name, ring string
		s          shard.ID
		candidates string
		former     string
		want       string // leaves, joins; empty: nothing is better
	}{
		{"balanced", "ab cd", 1, "a b c d", "", ""},
		{"a new node", "ab cd ab cd", 1, "a b c d e", "", "ae"},
		{"not for a load that is one less", "ab cd", 1, "a b c d e", "", ""},
		{"it drains", "ab cd", 1, "a B c d e", "", "be"},
		{"nor does one that drains join", "ab cd ab cd", 1, "a b c d E", "", ""},
		{"the head drains", "ab cd", 1, "A b c d e", "", "ae"},
		{"who drains goes to one that was there", "ab cd ef", 1, "a B c d g h", "h", "bh"},
		{"nobody may come", "ab cd", 1, "a B", "", ""},
		{"who drains does not make another be everywhere", "ad bc cb", 1, "A d b c", "", ""},
		{"the only member drains", "a bc cb", 1, "A b c d", "", "ad"},
		{"neighbours that share", "ab bc de", 1, "a b c d e f", "", "bf"},
		{"zones", "ab cd ef gh", 1, "a/1 b/1 f/2", "", ""}, // f is full already, but in another zone: neighbours weigh more
		{"zones, but for the cover", "ab cd ef gh ij", 1, "a/1 b/1 e/2 f/2", "", ""},
		{"zones, at no cost", "ab cd ef gh ij", 1, "a/1 b/1 y/1 z/2", "", "az"},
		{"out of one that is in every shard", "ab ac ad", 1, "a b c d e", "", "ae"},
		{"a shard that the ring has not", "ab cd", 3, "a b c d", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Exchange(ringOf(c.ring), c.s, draining(c.candidates), ids(c.former))
			if ok != (c.want != "") || ok && name(got.Leaves)+name(got.Joins) != c.want {
				t.Errorf("got %s for %s, %v; want %q", name(got.Joins), name(got.Leaves), ok, c.want)
			}
		})
	}
}

// TestExchangesComeToAnEnd: from any placement, exchange by exchange, to one that none improves; and it is no worse in anything
// that counts more. A new node has its share of the work then.
func TestExchangesComeToAnEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	moves := 0
	for range 300 {
		nodes := 4 + r.IntN(6)
		current := scattered(r, 2+r.IntN(12), nodes, 2)
		var all []Candidate
		for i := range nodes + 1 { // one of which holds nothing
			all = append(all, Candidate{ID: shard.NodeID(i + 1), Zone: string(rune('x' + r.IntN(3)))})
		}
		before := Cover(current)
		still := 0
		for i := 0; still < len(current); i++ {
			if i > 10_000 {
				t.Fatalf("no end: %v", current)
			}
			c := &current[i%len(current)]
			x, ok := Exchange(current, c.Shard, all, nil)
			if still++; ok {
				c.Members = append(without(c.Members, x.Leaves), x.Joins)
				still = 0
				moves++
			}
		}
		if after := Cover(current); after < before {
			t.Fatalf("the cover fell from %d to %d", before, after)
		}
	}
	if moves < 1000 {
		t.Errorf("%d moves: the test shows little", moves)
	}
}

func TestExcess(t *testing.T) {
	for _, c := range []struct {
		ring       string
		s          shard.ID
		candidates string
		want       string
	}{
		{"abc def", 1, "a b c", ""}, // it does no harm
		{"abc def", 1, "A b c", "a"},
		{"abc bde bfg", 1, "a b c", "b"}, // it is in every shard
		{"abc bde bfg", 1, "A b c", "a"},
		{"abc bca cab", 1, "a b c", "c"}, // rather the tail
		{"abc bca cab", 1, "a/1 b/1 c/2", "b"},
		{"a bc", 1, "a", ""},
		{"ab cd", 3, "a", ""},
	} {
		got, ok := Excess(ringOf(c.ring), c.s, draining(c.candidates))
		if ok != (c.want != "") || ok && name(got) != c.want {
			t.Errorf("%+v: got %s, %v", c, name(got), ok)
		}
	}
	if !slices.Equal(without(ids("abc"), id("b")), ids("ac")) {
		t.Error("without")
	}
}
