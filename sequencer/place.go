package sequencer

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// MaxPlaced bounds the nodes that Place spreads shards over.
const MaxPlaced = 1024

// Candidate is a node that may hold replicas.
type Candidate struct {
	ID   shard.NodeID
	Zone string // its failure domain, as a rack or a site; empty: unknown
	// Drains: it wants to hold nothing any more.
	Drains bool
}

// Place spreads the ring's shards over nodes, replicas of each, and returns the first configurations in
// the order of the ring. In this order of weight:
//
//   - The covering number (see Cover) is as high as the search finds, and at least 1 where that is possible. A higher
//     one than replicas - 1 is welcome, but not looked for.
//   - Shards next to each other in the ring share as few nodes as possible, none where the cover and
//     nodes >= 2 x replicas allow it: then every damaged shard has an intact sequencer.
//   - The members of a shard are in different zones. A node of unknown zone shares it with nobody.
//   - Members, heads and tails are spread evenly.
//
// The same arguments give the same placement.
func Place(ring Ring, nodes []Candidate, replicas int) ([]shard.Configuration, error) {
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
		if n.ID == 0 || slices.ContainsFunc(nodes[:i], func(other Candidate) bool { return other.ID == n.ID }) {
			return nil, fmt.Errorf("node %v: want every node once, and none with id zero", n.ID)
		}
	}
	nodes = interleave(nodes)
	best := spread(ring, nodes, replicas, 1)
	// With as many nodes lost as there are replicas, what a shard holds may be lost before the ring is. So a cover
	// beyond that is welcome, but no neighbours are made to share nodes for it.
	for best.cover > 0 && best.cover < min(replicas-1, maxCover) {
		higher := spread(ring, nodes, replicas, best.cover+1)
		if higher.cover <= best.cover {
			break
		}
		best = higher
	}
	return best.configurations, nil
}

// placement is a finished layout.
type placement struct {
	configurations []shard.Configuration
	cover          int
	cost           cost
}

// spread returns the best placement that it finds while it avoids that so many nodes hit every shard.
func spread(ring Ring, nodes []Candidate, replicas, avoid int) (best placement) {
	zones := numberZones(nodes)
	// Each shard begins `stride` nodes after the one before; mending then takes out what is wrong at the seam.
	for stride := 1; stride <= min(len(nodes), maxStride); stride++ {
		l := rotate(len(ring), zones, replicas, stride)
		l.avoid = avoid
		l.mend()
		l.order()
		p := placement{configurations: l.configurations(ring, nodes), cost: l.cost()}
		p.cover = Cover(p.configurations)
		if stride == 1 || p.cover > best.cover || p.cover == best.cover && p.cost.less(best.cost) {
			best = p
		}
	}
	return best
}

// maxStride bounds how many layouts are compared.
const maxStride = 16

// interleave returns the nodes in an order in which those of one zone stand evenly apart, so that nodes in a row are of different
// zones where there are enough. Nodes that name no zone keep their order.
func interleave(nodes []Candidate) []Candidate {
	size, seen := map[string]int{}, map[string]int{}
	for _, n := range nodes {
		size[n.Zone]++
	}
	type placed struct {
		Candidate
		at float64 // the middle of the node's part, where its zone is cut evenly from 0 to 1
	}
	row := make([]placed, len(nodes))
	for i, n := range nodes {
		row[i] = placed{n, (float64(seen[n.Zone]) + 0.5) / float64(size[n.Zone])}
		seen[n.Zone]++
	}
	slices.SortStableFunc(row, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	nodes = make([]Candidate, len(row))
	for i, p := range row {
		nodes[i] = p.Candidate
	}
	return nodes
}

// numberZones numbers the zones from 1; 0 is an unknown one.
func numberZones(nodes []Candidate) []int {
	number := map[string]int{"": 0}
	zones := make([]int, len(nodes))
	for i, n := range nodes {
		if _, known := number[n.Zone]; !known {
			number[n.Zone] = len(number)
		}
		zones[i] = number[n.Zone]
	}
	return zones
}

// layout is a placement under construction, with nodes as indexes.
type layout struct {
	zones   []int   // per node, see numberZones
	members [][]int // per shard of the ring
	avoid   int     // how many nodes are not to hit every shard, from 1
}

func rotate(shards int, zones []int, replicas, stride int) layout {
	l := layout{zones: zones, members: make([][]int, shards)}
	for i := range l.members {
		for j := range replicas {
			l.members[i] = append(l.members[i], (i*stride+j)%len(zones))
		}
	}
	return l
}

func (l layout) configurations(ring Ring, nodes []Candidate) []shard.Configuration {
	initial := make([]shard.Configuration, len(ring))
	for i, s := range ring {
		initial[i] = shard.Configuration{Shard: s.Shard, Epoch: 1}
		for _, m := range l.members[i] {
			initial[i].Members = append(initial[i].Members, nodes[m].ID)
		}
	}
	return initial
}

// cost is smaller for better layouts. In order of weight: ways to hit every shard, nodes that neighbours share, members of
// one shard that are in one zone, and uneven loads, as the sum of their squares, which is least when they are equal.
type cost [4]int

func (c cost) less(d cost) bool { return slices.Compare(c[:], d[:]) < 0 }

func (l layout) cost() cost {
	load := make([]int, len(l.zones))
	for _, m := range l.members {
		for _, n := range m {
			load[n]++
		}
	}
	imbalance := 0
	for _, x := range load {
		imbalance += x * x
	}
	return cost{l.hits(0, nil, l.avoid), l.overlap(), l.crowding(), imbalance}
}

// hits counts the ways in which up to k nodes more than those chosen hit all shards from one on. It is 0 where
// there are none, and the fewer the better.
func (l layout) hits(from int, chosen []int, k int) int {
	for i, m := range l.members[from:] {
		if slices.ContainsFunc(m, func(n int) bool { return slices.Contains(chosen, n) }) {
			continue
		}
		ways := 0
		for _, n := range m {
			if k > 0 {
				ways += l.hits(from+i+1, append(slices.Clip(chosen), n), k-1)
			}
		}
		return ways
	}
	return 1 + k*len(l.zones) // with nodes to spare it is worse
}

// crowding counts the pairs of members of one shard that are in the same zone.
func (l layout) crowding() int {
	pairs := 0
	for _, m := range l.members {
		for i, n := range m {
			for _, other := range m[:i] {
				if l.zones[n] != 0 && l.zones[n] == l.zones[other] {
					pairs++
				}
			}
		}
	}
	return pairs
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
	replicas := len(l.members[0])
	look := len(l.zones) + len(l.members)*replicas
	for range l.avoid - 1 {
		look *= replicas
	}
	steps, most := 0, mendWork/look
	least := l.cost()
	for improved := true; improved && steps < most; {
		improved = false
		for _, m := range l.members {
			for j := range m {
				for n := range l.zones {
					if steps++; steps > most || slices.Contains(m, n) {
						continue
					}
					before := m[j]
					m[j] = n
					if c := l.cost(); c.less(least) {
						least, improved = c, true
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
	heads, tails := make([]int, len(l.zones)), make([]int, len(l.zones))
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
