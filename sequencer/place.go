package sequencer

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// MaxPlaced bounds the nodes that Place spreads shards over.
const MaxPlaced = 1024

// Place spreads the ring's shards over nodes, replicas of each, and returns the first configurations in
// the order of the ring. In this order of weight:
//
//   - The covering number (see Cover) is as high as the search finds, and at least 1 where that is possible.
//   - Shards next to each other in the ring share as few nodes as possible, none
//     where nodes >= 2 x replicas allows it: then every damaged shard has an intact sequencer.
//   - Members, heads and tails are spread evenly.
//
// The same arguments give the same placement.
func Place(ring Ring, nodes []shard.NodeID, replicas int) ([]shard.Configuration, error) {
	if err := ring.Valid(); err != nil {
		return nil, err
	}
	switch n := len(nodes); {
	case n == 0 || n > MaxPlaced:
		return nil, fmt.Errorf("%d nodes: want 1 to %d", n, MaxPlaced)
	case replicas < 1 || replicas > shard.MaxMembers:
		return nil, fmt.Errorf("%d replicas: want 1 to %d", replicas, shard.MaxMembers)
	case replicas > n:
		return nil, fmt.Errorf("%d replicas on %d nodes: want at most one replica of a shard per node", replicas, n)
	}
	for i, n := range nodes {
		if n == 0 || slices.Contains(nodes[:i], n) {
			return nil, fmt.Errorf("node %v: want every node once, and none with id zero", n)
		}
	}
	var best []shard.Configuration
	var bestCover, bestCost int
	// Each shard begins `stride` nodes after the one before; mending then takes out what is wrong at the seam.
	for stride := 1; stride <= min(len(nodes), maxStride); stride++ {
		l := rotate(len(ring), len(nodes), replicas, stride)
		l.mend()
		l.order()
		c := l.configurations(ring, nodes)
		if cover, cost := Cover(c), l.cost(); best == nil || cover > bestCover || (cover == bestCover && cost < bestCost) {
			best, bestCover, bestCost = c, cover, cost
		}
	}
	return best, nil
}

// maxStride bounds how many layouts are compared.
const maxStride = 16

// layout is a placement under construction, with nodes as indexes.
type layout struct {
	nodes   int
	members [][]int // per shard of the ring
}

func rotate(shards, nodes, replicas, stride int) layout {
	l := layout{nodes: nodes, members: make([][]int, shards)}
	for i := range l.members {
		for j := range replicas {
			l.members[i] = append(l.members[i], (i*stride+j)%nodes)
		}
	}
	return l
}

func (l layout) configurations(ring Ring, nodes []shard.NodeID) []shard.Configuration {
	initial := make([]shard.Configuration, len(ring))
	for i, s := range ring {
		initial[i] = shard.Configuration{Shard: s.Shard, Epoch: 1}
		for _, m := range l.members[i] {
			initial[i].Members = append(initial[i].Members, nodes[m])
		}
	}
	return initial
}

// cost is smaller for better layouts. What weighs most is a node that is in every shard, then nodes shared
// by neighbours, then uneven loads: the sum of their squares is least when they are equal.
func (l layout) cost() int {
	load := make([]int, l.nodes)
	for _, m := range l.members {
		for _, n := range m {
			load[n]++
		}
	}
	everywhere, imbalance := 0, 0
	for _, x := range load {
		imbalance += x * x
		if x == len(l.members) && len(l.members) > 1 {
			everywhere++
		}
	}
	return (everywhere*1000+l.overlap())*1_000_000 + imbalance
}

// overlap counts the nodes that neighbours in the ring share.
func (l layout) overlap() int {
	shared := 0
	if len(l.members) == 1 {
		return 0
	}
	for i, m := range l.members {
		for _, n := range l.members[(i+1)%len(l.members)] {
			if slices.Contains(m, n) {
				shared++
			}
		}
	}
	return shared
}

// mendWork bounds the work of mend, in replicas looked at.
const mendWork = 2_000_000

// mend moves single replicas as long as that makes the layout better.
func (l layout) mend() {
	steps, most := 0, mendWork/(l.nodes+len(l.members)*len(l.members[0]))
	cost := l.cost()
	for improved := true; improved && steps < most; {
		improved = false
		for _, m := range l.members {
			for j := range m {
				for n := range l.nodes {
					if steps++; steps > most || slices.Contains(m, n) {
						continue
					}
					before := m[j]
					m[j] = n
					if c := l.cost(); c < cost {
						cost, improved = c, true
					} else {
						m[j] = before
					}
				}
			}
		}
	}
}

// order puts each shard's members into a chain order that spreads heads, then tails, evenly.
func (l layout) order() {
	heads, tails := make([]int, l.nodes), make([]int, l.nodes)
	least := func(m []int, load []int) int {
		at := 0
		for i := range m {
			if load[m[i]] < load[m[at]] {
				at = i
			}
		}
		return at
	}
	for _, m := range l.members {
		i := least(m, heads)
		m[0], m[i] = m[i], m[0]
		heads[m[0]]++
		if rest := m[1:]; len(rest) > 0 {
			j := least(rest, tails)
			rest[j], rest[len(rest)-1] = rest[len(rest)-1], rest[j]
			tails[rest[len(rest)-1]]++
		}
	}
}
