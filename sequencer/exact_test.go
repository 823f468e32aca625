package sequencer

import (
	"math/bits"
	"testing"

	"github.com/ringward/ringward/shard"
)

// quality is what a placement is compared by: a higher cover, then a lower overlap.
type quality struct{ cover, overlap int }

func (q quality) better(than quality) bool {
	return q.cover > than.cover || q.cover == than.cover && q.overlap < than.overlap
}

// exact finds the best quality of all placements on up to 6 nodes by trying them. A set of nodes is a word with
// one bit per node; a set of such sets is a word too, which has one bit for each of the 64.
type exact struct {
	sets   []uint64  // that a shard may be on
	hit    []uint64  // per set in sets, the sets of nodes that have a node in common with it
	sized  [7]uint64 // per size, the sets of nodes of that size
	shards int
	best   quality
}

func exactly(nodes, shards, replicas int) quality {
	e := &exact{shards: shards, best: quality{cover: -1}}
	for set := range uint64(1) << nodes {
		e.sized[bits.OnesCount64(set)] |= 1 << set
		if bits.OnesCount64(set) != replicas {
			continue
		}
		var hit uint64
		for other := range uint64(1) << nodes {
			if set&other != 0 {
				hit |= 1 << other
			}
		}
		e.sets, e.hit = append(e.sets, set), append(e.hit, hit)
	}
	// All nodes are alike: the first shard may as well be on the first of them.
	e.place(1, e.sets[0], e.hit[0], 0)
	return e.best
}

// place puts the next shard everywhere in turn; hitting are the sets that hit every shard so far.
func (e *exact) place(shards int, last, hitting uint64, overlap int) {
	if shards == e.shards {
		if shards > 1 {
			overlap += bits.OnesCount64(last & e.sets[0])
		}
		q := quality{overlap: overlap}
		for q.cover < maxCover && hitting&e.sized[q.cover+1] == 0 {
			q.cover++
		}
		if q.better(e.best) {
			e.best = q
		}
		return
	}
	for i, set := range e.sets {
		e.place(shards+1, set, hitting&e.hit[i], overlap+bits.OnesCount64(last&set))
	}
}

func qualityOf(placement []shard.Configuration) quality {
	q := quality{cover: Cover(placement)}
	for i, c := range placement {
		for _, m := range c.Members {
			if len(placement) > 1 && placement[(i+1)%len(placement)].Has(m) {
				q.overlap++
			}
		}
	}
	return q
}

// beyond are the placements that are known to be worse than the best, and by how much. All have two replicas: the loss of two
// nodes may lose what a shard holds, so Place looks for no cover beyond 1, and rather keeps
// neighbours apart. Nothing is worse in any other way.
var beyond = map[[3]int][2]quality{ // nodes, shards, replicas: as placed, the best
	{4, 6, 2}: {{1, 0}, {2, 3}},
	{5, 4, 2}: {{1, 0}, {2, 2}},
	{6, 6, 2}: {{2, 0}, {3, 0}},
}

// TestPlaceIsAsGoodAsCanBe compares Place with the best of all placements.
func TestPlaceIsAsGoodAsCanBe(t *testing.T) {
	for nodes := 1; nodes <= 6; nodes++ {
		for shards := 1; shards <= 6; shards++ {
			for replicas := 1; replicas <= min(nodes, 5); replicas++ {
				placement, err := Place(NewRing(shards), numbered(nodes), replicas)
				if err != nil {
					t.Fatal(err)
				}
				got, best := qualityOf(placement), exactly(nodes, shards, replicas)
				want := [2]quality{best, best}
				if known, ok := beyond[[3]int{nodes, shards, replicas}]; ok {
					want = known
				}
				if got != want[0] || best != want[1] {
					t.Errorf("%d nodes, %d shards, %d replicas: %+v, the best is %+v, want %+v", nodes, shards, replicas, got, best, want)
				}
			}
		}
	}
}
