package sequencer

import (
	"math/rand/v2"
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestCover(t *testing.T) {
	for _, c := range []struct {
		shards []string
		want   int
	}{
		{[]string{"a"}, 0},
		{[]string{"abc"}, 0},
		{[]string{"ab", "ac"}, 0},
		{[]string{"ab", "bc", "ca"}, 1},
		{[]string{"ab", "cd"}, 1},
		{[]string{"ab", "cd", "ef"}, 2},
		{[]string{"a", "b", "c", "d"}, 3},
		{[]string{"ab", "cd", "ac", "bd"}, 1},
		{[]string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, maxCover},
	} {
		if got := Cover(placed(c.shards...)); got != c.want {
			t.Errorf("covering number of %v: %d, want %d", c.shards, got, c.want)
		}
	}
}

func TestLongestRun(t *testing.T) {
	for _, c := range []struct {
		shards []string
		n      string
		want   int
	}{
		{[]string{"ab", "cd", "ef"}, "a", 1},
		{[]string{"ab", "cd", "ef"}, "g", 0},
		{[]string{"ab", "bc", "ca"}, "b", 2},
		{[]string{"ab", "bc", "ca"}, "a", 2}, // across the seam
		{[]string{"ab", "cd", "ae", "fa"}, "a", 3},
		{[]string{"ab", "ac", "ad"}, "a", 3},
		{[]string{"a"}, "a", 1},
	} {
		if got := LongestRun(placed(c.shards...), id(c.n)); got != c.want {
			t.Errorf("longest run of %s in %v: %d, want %d", c.n, c.shards, got, c.want)
		}
	}
}

// scattered puts members of a random number onto random nodes, which are numbered from 1.
func scattered(r *rand.Rand, shards, nodes, most int) []shard.Configuration {
	cs := make([]shard.Configuration, shards)
	for i := range cs {
		cs[i] = shard.Configuration{Shard: shard.ID(i + 1), Epoch: 1}
		for _, n := range r.Perm(nodes)[:1+r.IntN(min(most, nodes))] {
			cs[i].Members = append(cs[i].Members, shard.NodeID(n+1))
		}
	}
	return cs
}

// coverByTrial is the covering number by its definition: it tries every set of nodes, those numbered to 64.
func coverByTrial(cs []shard.Configuration, nodes int) int {
	members := make([]uint64, len(cs))
	for i, c := range cs {
		for _, m := range c.Members {
			members[i] |= 1 << (m - 1)
		}
	}
	cover := maxCover
	for set := range uint64(1) << nodes {
		size, avoided := 0, false
		for n := range nodes {
			size += int(set >> n & 1)
		}
		for _, m := range members {
			avoided = avoided || m&set == 0
		}
		if !avoided {
			cover = min(cover, size-1)
		}
	}
	return cover
}

func TestCoverByTrial(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[int]int{}
	for range 3000 {
		nodes := 1 + r.IntN(9)
		cs := scattered(r, 1+r.IntN(12), nodes, 4)
		want := coverByTrial(cs, nodes)
		if got := Cover(cs); got != want {
			t.Fatalf("covering number of %v: %d, want %d", cs, got, want)
		}
		seen[want]++
	}
	for k := range 5 {
		if seen[k] < 10 {
			t.Errorf("covering number %d was tried %d times only", k, seen[k])
		}
	}
}
