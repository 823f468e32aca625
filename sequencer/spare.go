package sequencer

import (
	"slices"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Spare chooses the node that shard s grows onto, once it has lost a member. It reports false where no node
// will do.
//
//   - current is the newest known configuration of each shard, in the order of the ring. Members that are thought lost are
//     left out, nodes that a shard is growing onto already are best put in: choices that are
//     made at the same time know nothing of each other otherwise, and Cover may fall lower than each of them saw.
//   - candidates are all nodes that are thought well, those included that s has: they are never chosen, but their zones count.
//     Nor are those that drain.
//   - former are nodes that were members of s before. What such a node still holds need not be sent again.
//
// A node that would be in every shard is never chosen, unless some node is already: fewer replicas are better than a
// ring that one loss may stop for good. Else what counts is, in this order of weight:
//
//   - Cover stays as high as it is. A new member never raises it, and lowers it by one at most.
//   - Neighbours of s in the ring share as few nodes with it as possible.
//   - The members of s are in different zones. A node of unknown zone shares it with nobody.
//   - A former member comes before others, then who is a member of fewer shards, then the lower id.
//
// The same arguments give the same choice, whatever the order of candidates.
func Spare(current []shard.Configuration, s shard.ID, candidates []Candidate, former []shard.NodeID) (shard.NodeID, bool) {
	at := indexOf(current, s)
	if at < 0 || len(current[at].Members) == 0 || !slices.ContainsFunc(candidates, func(c Candidate) bool { return !current[at].Has(c.ID) && !c.Drains }) {
		return 0, false // at little cost: it is asked again and again
	}
	p := placeOf(current, at, candidates)
	return p.spare(p.own, candidates, former)
}

// indexOf is where a shard stands in the ring; -1: nowhere.
func indexOf(current []shard.Configuration, s shard.ID) int {
	return slices.IndexFunc(current, func(c shard.Configuration) bool { return c.Shard == s })
}

// spare chooses one more member beside those.
func (p *place) spare(beside []shard.NodeID, candidates []Candidate, former []shard.NodeID) (shard.NodeID, bool) {
	var best shard.NodeID
	var bestCost [5]int
	for _, c := range candidates {
		if c.Drains || slices.Contains(p.own, c.ID) || p.cover > 0 && p.everywhere[c.ID] && !mutant.On(mutant.PlacedEverywhere) {
			continue
		}
		cost := [...]int{truth(p.lowers[c.ID]), p.shares[c.ID], p.crowd(c.ID, beside), truth(!slices.Contains(former, c.ID)), p.load[c.ID]}
		order := slices.Compare(cost[:], bestCost[:])
		if best == 0 || order < 0 || order == 0 && c.ID < best {
			best, bestCost = c.ID, cost
		}
	}
	return best, best != 0
}

// place is what is to be known of one shard's place in the ring to choose its members.
type place struct {
	at    int
	own   []shard.NodeID // its members
	cover int            // of the ring
	// everywhere are the nodes that are in every other shard; one that is in this as well is in all. lowers are those that would lower
	// the cover as one member more.
	everywhere, lowers map[shard.NodeID]bool
	shares             map[shard.NodeID]int // of how many neighbours in the ring a node is a member
	load               map[shard.NodeID]int // of how many shards
	zones              map[shard.NodeID]string
}

// placeOf looks at the shard that stands there in the ring.
func placeOf(current []shard.Configuration, at int, candidates []Candidate) *place {
	p := &place{at: at, own: current[at].Members, shares: map[shard.NodeID]int{}, load: map[shard.NodeID]int{}, zones: map[shard.NodeID]string{}}
	p.spend(current)
	for _, i := range neighbours(at, len(current)) {
		for _, m := range current[i].Members {
			p.shares[m]++
		}
	}
	for _, c := range current {
		for _, m := range c.Members {
			p.load[m]++
		}
	}
	for _, c := range candidates {
		p.zones[c.ID] = c.Zone
	}
	return p
}

// spend finds what a new member may cost.
//
// A new member x lowers the cover from k to k-1 just where some k nodes with x among them hit every other shard: together with
// any old member of this one they are the k+1 that hit all of them. So one search for such sets answers for all candidates.
func (p *place) spend(current []shard.Configuration) {
	p.cover = coverOf(current)
	others := newHitting(living(slices.Delete(slices.Clone(current), p.at, p.at+1)))
	p.everywhere, p.lowers = map[shard.NodeID]bool{}, map[shard.NodeID]bool{}
	others.search(others.all(), 1, p.everywhere)
	if p.cover > 1 {
		others.search(others.all(), p.cover, p.lowers)
	} else {
		p.lowers = p.everywhere
	}
}

// living are the shards that have members. One without is lost: it hides from every set of nodes, but repairs nobody.
func living(current []shard.Configuration) []shard.Configuration {
	return slices.DeleteFunc(slices.Clone(current), func(c shard.Configuration) bool { return len(c.Members) == 0 })
}

func coverOf(current []shard.Configuration) int { return Cover(living(current)) }

// crowd counts those of the given members, other than n, that are in the zone of n.
func (p *place) crowd(n shard.NodeID, members []shard.NodeID) (count int) {
	zone := p.zones[n]
	for _, m := range members {
		if zone != "" && m != n && p.zones[m] == zone {
			count++
		}
	}
	return count
}

// neighbours are the places next to one in a ring of n, none twice.
func neighbours(at, n int) []int {
	next, previous := (at+1)%n, (at+n-1)%n
	switch {
	case n == 1:
		return nil
	case next == previous:
		return []int{next}
	}
	return []int{next, previous}
}

// truth makes a cost of what is better false.
func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
