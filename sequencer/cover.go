package sequencer

import (
	"math/bits"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Cover is the covering number k of configurations: the largest k such that for every set of k nodes some shard
// avoids all of them. The ring repairs itself after the loss of any k nodes; with 0 there is
// a single node whose loss may stop it for good. Beyond maxCover it is not
// looked for.
func Cover(configurations []shard.Configuration) int {
	h := newHitting(configurations)
	k := 0
	// A set of nodes that hits every shard shows that its size is too much.
	for k < maxCover && !h.search(h.all(), k+1, nil) {
		k++
	}
	return k
}

const maxCover = 6

// hitting looks for small sets of nodes that hit every shard: each shard has a member among them. It tries the members of
// one shard that is not yet hit after the other, and gives up early where nodes are too few by far, as
// they are at once in a ring of many.
type hitting struct {
	nodes   []shard.NodeID
	members [][]int    // per shard, indexes of nodes
	hit     [][]uint64 // per node, one bit per shard: it is a member there
	barred  []bool     // per node: sets with it have been tried
}

func newHitting(configurations []shard.Configuration) *hitting {
	h := &hitting{members: make([][]int, len(configurations))}
	index := map[shard.NodeID]int{}
	for s, c := range configurations {
		for _, m := range c.Members {
			i, known := index[m]
			if !known {
				i = len(h.nodes)
				index[m] = i
				h.nodes = append(h.nodes, m)
				h.hit = append(h.hit, make([]uint64, (len(configurations)+63)/64))
			}
			h.members[s] = append(h.members[s], i)
			h.hit[i][s/64] |= 1 << (s % 64)
		}
	}
	h.barred = make([]bool, len(h.nodes))
	return h
}

// all is the set of all shards.
func (h *hitting) all() []uint64 {
	set := make([]uint64, (len(h.members)+63)/64)
	for s := range h.members {
		set[s/64] |= 1 << (s % 64)
	}
	return set
}

// search reports whether some k nodes or fewer hit all the shards that are missed so far. With found it does not stop at
// the first such set, and marks the nodes of all that have k; it takes for granted that no fewer will do.
func (h *hitting) search(missed []uint64, k int, found map[shard.NodeID]bool) bool {
	first, missing := -1, 0
	for i, w := range missed {
		if first < 0 && w != 0 {
			first = 64*i + bits.TrailingZeros64(w)
		}
		missing += bits.OnesCount64(w)
	}
	switch {
	case missing == 0:
		return true
	case k*h.most(missed) < missing: // holds for k = 0
		return false
	}
	any := false
	var tried []int
	rest := make([]uint64, len(missed))
	for _, m := range h.members[first] {
		if h.barred[m] {
			continue
		}
		for i := range rest {
			rest[i] = missed[i] &^ h.hit[m][i]
		}
		if h.search(rest, k-1, found) {
			any = true
			if found == nil {
				break
			}
			found[h.nodes[m]] = true
		}
		// All sets with m have been tried: those that follow do without.
		h.barred[m] = true
		tried = append(tried, m)
	}
	for _, m := range tried {
		h.barred[m] = false
	}
	return any
}

// most is how many of the missed shards a single node hits at most.
func (h *hitting) most(missed []uint64) int {
	most := 0
	for n, hit := range h.hit {
		if h.barred[n] {
			continue
		}
		hits := 0
		for i, w := range hit {
			hits += bits.OnesCount64(w & missed[i])
		}
		most = max(most, hits)
	}
	return most
}

// Everywhere is a node that is in every one of the configurations, if there is one: then Cover is 0.
func Everywhere(configurations []shard.Configuration) (shard.NodeID, bool) {
	if len(configurations) == 0 {
		return 0, false
	}
	for _, m := range configurations[0].Members {
		if !slices.ContainsFunc(configurations, func(c shard.Configuration) bool { return !c.Has(m) }) {
			return m, true
		}
	}
	return 0, false
}

// LongestRun is the longest run of neighbouring shards that the loss of n damages: the number of steps in which
// the ring repairs itself, since each waits for the one before.
func LongestRun(configurations []shard.Configuration, n shard.NodeID) int {
	run, longest := 0, 0
	for i := range 2 * len(configurations) { // twice around: a run may cross the seam
		if !configurations[i%len(configurations)].Has(n) {
			run = 0
			continue
		}
		run++
		longest = max(longest, min(run, len(configurations)))
	}
	return longest
}
