package sequencer

import (
	"slices"

	"github.com/ringward/ringward/shard"
)

// Spare chooses the node that shard s grows onto, once it has lost a member. It reports false where no node
// will do.
//
//   - current is the newest known configuration of each shard, in the order of the ring. Members that are thought lost are
//     left out, nodes that a shard is growing onto already are best put in: choices that are
//     made at the same time know nothing of each other otherwise, and Cover may fall lower than each of them saw.
//   - candidates are all nodes that are thought well, those included that s has: they are never chosen, but their zones count.
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
	at := slices.IndexFunc(current, func(c shard.Configuration) bool { return c.Shard == s })
	if at < 0 || len(current[at].Members) == 0 {
		return 0, false
	}
	own := current[at].Members
	cover, everywhere, lowers := spend(current, at)
	shares := map[shard.NodeID]int{}
	for _, i := range neighbours(at, len(current)) {
		for _, m := range current[i].Members {
			shares[m]++
		}
	}
	load := map[shard.NodeID]int{}
	for _, c := range current {
		for _, m := range c.Members {
			load[m]++
		}
	}
	crowd := map[string]int{} // members of s by zone
	for _, c := range candidates {
		if c.Zone != "" && slices.Contains(own, c.ID) {
			crowd[c.Zone]++
		}
	}
	var best shard.NodeID
	var bestCost [5]int
	for _, c := range candidates {
		if c.ID == 0 || slices.Contains(own, c.ID) || cover > 0 && everywhere[c.ID] {
			continue
		}
		cost := [...]int{truth(lowers[c.ID]), shares[c.ID], crowd[c.Zone], truth(!slices.Contains(former, c.ID)), load[c.ID]}
		order := slices.Compare(cost[:], bestCost[:])
		if best == 0 || order < 0 || order == 0 && c.ID < best {
			best, bestCost = c.ID, cost
		}
	}
	return best, best != 0
}

// spend tells what a new member of the shard at the given place may cost. It returns the covering number as it is, the nodes that
// are in every other shard, and those that would lower the covering number.
//
// A new member x lowers it from k to k-1 just where some k nodes with x among them hit every other shard: together with
// any old member of this one they are the k+1 that hit all of them. So one search for such sets answers for all candidates.
func spend(current []shard.Configuration, at int) (cover int, everywhere, lowers map[shard.NodeID]bool) {
	// A shard without members is lost: it hides from every set of nodes, but repairs nobody.
	lost := func(c shard.Configuration) bool { return len(c.Members) == 0 }
	cover = Cover(slices.DeleteFunc(slices.Clone(current), lost))
	others := newHitting(slices.DeleteFunc(slices.Delete(slices.Clone(current), at, at+1), lost))
	everywhere, lowers = map[shard.NodeID]bool{}, map[shard.NodeID]bool{}
	others.search(others.all(), 1, everywhere)
	if cover > 1 {
		others.search(others.all(), cover, lowers)
	} else {
		lowers = everywhere
	}
	return cover, everywhere, lowers
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
