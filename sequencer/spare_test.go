package sequencer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// candidates reads words as "a", or "a/z" for a node of zone z.
func candidates(words string) (all []Candidate) {
	for _, w := range strings.Fields(words) {
		n, zone, _ := strings.Cut(w, "/")
		all = append(all, Candidate{ID: id(n), Zone: zone})
	}
	return all
}

func TestSpare(t *testing.T) {
	for _, c := range []struct {
		name       string
		ring       string // the members of shards 1, 2, ...; -: none
		s          shard.ID
		candidates string
		former     string
		want       string // empty: none
	}{
		{"the only one that is no member", "a bc de", 1, "a b", "", "b"},
		{"members are not chosen", "ab cd", 1, "a b", "", ""},
		{"nobody is there", "a bc de", 1, "", "", ""},
		{"one that drains is not chosen", "a bc de", 1, "a B d", "", "d"},
		{"not even where nobody else is", "a bc de", 1, "a B", "", ""},
		{"a node that is in no configuration", "a bc cb", 1, "a b c z", "", "z"},
		{"a shard that the ring has not", "a bc de", 4, "a b", "", ""},
		{"a shard that is lost", "- bc de", 1, "a b", "", ""},

		{"nobody may be in every shard", "b bc ca", 1, "b c", "", ""},
		{"nor to please a neighbour, a zone, or because it was there", "b bc bca de", 4, "d/1 e/1 b/2", "b", ""},
		{"unless the ring has such a node already", "ab a", 2, "a b", "", "b"},
		{"even then rather one that is not everywhere", "ab abc a", 3, "a b c", "", "c"},
		{"one shard alone has no cover to lose", "a", 1, "a b", "", "b"},
		{"lost shards do not help", "b bc ca -", 1, "b c", "", ""},

		{"cover weighs more than neighbours", "a cx dy bz", 1, "x c b d e", "", "e"},
		{"cover falls by one where every choice lowers it", "ab cd e", 3, "a b c d", "", "a"},
		{"neighbours weigh more than zones", "a bc de fg", 1, "a/1 d/1 b/2", "", "d"},
		{"a neighbour that is shared is better than nobody", "a bc cd eb", 1, "c b", "", "c"},
		{"zones weigh more than what is held", "a bc de fg", 1, "a/1 d/1 e/2", "d", "e"},
		{"an unknown zone is not the same", "a bc de fg", 1, "a/1 d/1 e", "", "e"},
		{"unknown zones are not the same either", "a bc de fg", 1, "a d e", "e", "e"},
		{"two of the zone are worse than one", "ah bc de fg", 1, "a/1 h/1 d/1", "", "d"},
		{"the less crowded zone", "ahi bc de fg jk", 1, "a/1 h/1 i/2 d/1 e/2", "", "e"},
		{"what is held weighs more than load", "a bc de ef gh", 1, "z d", "d", "d"},
		{"the least loaded", "a bc de df gh", 1, "d e", "", "e"},
		{"the lowest id", "a bc de fg", 1, "e d", "", "d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var current []shard.Configuration
			for _, w := range strings.Fields(c.ring) {
				current = append(current, placed(strings.TrimPrefix(w, "-"))...)
				current[len(current)-1].Shard = shard.ID(len(current))
			}
			got, ok := Spare(current, c.s, draining(c.candidates), ids(c.former))
			if ok != (c.want != "") || ok && name(got) != c.want {
				t.Errorf("got %v %v, want %q", got, ok, c.want)
			}
		})
	}
}

// TestSpareByTrial compares with what is best by trying every candidate, in rings that lost random members.
func TestSpareByTrial(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	none, chosen, lowered := 0, 0, 0
	for range 4000 {
		nodes := 2 + r.IntN(7)
		current := scattered(r, 1+r.IntN(8), nodes, 3)
		dead := shard.NodeID(1 + r.IntN(nodes))
		for i, c := range current {
			if len(c.Members) > 1 {
				current[i].Members = slices.DeleteFunc(c.Members, func(m shard.NodeID) bool { return m == dead })
			}
		}
		at := r.IntN(len(current))
		var all []Candidate
		for _, n := range r.Perm(nodes) {
			if shard.NodeID(n+1) != dead && r.IntN(5) > 0 {
				all = append(all, Candidate{ID: shard.NodeID(n + 1), Zone: []string{"", "x", "y"}[r.IntN(3)]})
			}
		}
		former := []shard.NodeID{shard.NodeID(1 + r.IntN(nodes)), shard.NodeID(1 + r.IntN(nodes))}

		before := coverByTrial(current, nodes)
		var want shard.NodeID
		var least []int
		for _, c := range all {
			price, ok := priceByTrial(current, at, c, all, former, nodes)
			if ok && (want == 0 || slices.Compare(price, least) < 0) {
				want, least = c.ID, price
			}
		}
		got, ok := Spare(current, current[at].Shard, all, former)
		if got != want || ok != (want != 0) {
			t.Fatalf("shard %d of %v, candidates %v, former %v: got %v %v, want %v, which costs %v", at+1, current, all, former, got, ok, want, least)
		}
		switch {
		case !ok:
			none++
		case -least[0] < before:
			lowered++
		default:
			chosen++
		}
	}
	if none < 100 || chosen < 100 || lowered < 100 {
		t.Errorf("none %d, chosen %d, lowered %d: want some of each", none, chosen, lowered)
	}
}

// priceByTrial is what Spare's document says of one choice, as plainly as can be; false where it may not be made.
func priceByTrial(current []shard.Configuration, at int, c Candidate, all []Candidate, former []shard.NodeID, nodes int) ([]int, bool) {
	if current[at].Has(c.ID) {
		return nil, false
	}
	grown := slices.Clone(current)
	grown[at].Members = append(slices.Clone(grown[at].Members), c.ID)
	cover, everywhere := coverByTrial(grown, nodes), 1
	if cover == 0 && coverByTrial(current, nodes) > 0 {
		return nil, false
	}
	shared, zone, load := 0, 0, 0
	for i, x := range current {
		if x.Has(c.ID) {
			load++
		}
		if i != at && !x.Has(c.ID) {
			everywhere = 0
		}
		if d := (i - at + len(current)) % len(current); i != at && (d == 1 || d == len(current)-1) && x.Has(c.ID) {
			shared++
		}
	}
	for _, other := range all {
		if current[at].Has(other.ID) && other.Zone == c.Zone && c.Zone != "" {
			zone++
		}
	}
	held := 1
	if slices.Contains(former, c.ID) {
		held = 0
	}
	if len(current) == 1 {
		everywhere = 0
	}
	return []int{-cover, everywhere, shared, zone, held, load, int(c.ID)}, true
}

// TestSpareInLargeRing has rings in which a search without bounds would not end.
func TestSpareInLargeRing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ shards, nodes, replicas int }{{1000, 300, 3}, {1000, 300, 7}, {1000, 12, 6}, {1000, 30, 10}, {20000, 1000, 3}} {
		current := make([]shard.Configuration, c.shards)
		for i := range current {
			current[i] = shard.Configuration{Shard: shard.ID(i + 1), Epoch: 1}
			for _, n := range r.Perm(c.nodes)[:c.replicas] {
				current[i].Members = append(current[i].Members, shard.NodeID(n+1))
			}
		}
		current[7].Members = current[7].Members[1:]
		var all []Candidate
		for n := range c.nodes {
			all = append(all, Candidate{ID: shard.NodeID(n + 1)})
		}
		if _, ok := Spare(current, 8, all, nil); !ok {
			t.Errorf("%+v: no choice", c)
		}
	}
}

func BenchmarkSpare(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	current := scattered(r, 1000, 300, 3)
	var all []Candidate
	for n := range 300 {
		all = append(all, Candidate{ID: shard.NodeID(n + 1)})
	}
	for b.Loop() {
		Spare(current, 8, all, nil)
	}
}
