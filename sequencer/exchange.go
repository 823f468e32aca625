package sequencer

import (
	"slices"

	"github.com/ringward/ringward/shard"
)

// Strength is how many members a shard should have that began with so many, in a ring of that many shards, where nodes are
// there to hold them: as many as it began with, or fewer where no node could be left out of some shard otherwise, so that the loss of
// one could stop the ring for good. Never fewer than least, nor than two, for that would be no copy at all.
func Strength(began, shards, nodes, least int) int {
	return min(began, max(MostReplicas(shards, nodes), least, 2))
}

// MostReplicas is how many replicas of each shard so many nodes can hold with each of them left out of some shard; 0 where that
// cannot be.
func MostReplicas(shards, nodes int) int {
	// With r members each shard leaves nodes - r out. Together they leave each out once if that is nodes/shards at least.
	return nodes - (nodes+shards-1)/shards
}

// Move is an exchange of one member.
type Move struct {
	Leaves, Joins shard.NodeID
	Drains        bool // Leaves does; else the placement is improved
}

// Exchange looks for a member of shard s that had better go, and the node to take its place: a member that drains, or else the
// exchange that improves the placement most, if some does. Arguments are as for Spare, but no member of s is left out of
// current, and candidates are its members and who may come.
//
// An exchange improves the placement where, in this order of weight, fewer nodes are in every shard, neighbours share fewer,
// fewer members of s are in one zone, or loads come closer to each other; and the cover does not fall. So each
// makes the whole better, and they come to an end.
func Exchange(current []shard.Configuration, s shard.ID, candidates []Candidate, former []shard.NodeID) (Move, bool) {
	at := indexOf(current, s)
	if at < 0 {
		return Move{}, false
	}
	p := placeOf(current, at, candidates)
	for _, c := range candidates {
		if c.Drains && slices.Contains(p.own, c.ID) {
			joins, ok := p.spare(without(p.own, c.ID), candidates, former)
			return Move{Leaves: c.ID, Joins: joins, Drains: true}, ok
		}
	}
	return p.improve(current, candidates)
}

// mostTried bounds the exchanges whose cover is looked at.
const mostTried = 16

// improve finds the exchange that improves the placement most.
func (p *place) improve(current []shard.Configuration, candidates []Candidate) (Move, bool) {
	type exchange struct {
		Move
		cost [4]int
	}
	var better []exchange
	for _, l := range p.own {
		stay := without(p.own, l)
		for _, c := range candidates {
			if c.Drains || slices.Contains(p.own, c.ID) || p.cover > 0 && p.everywhere[c.ID] {
				continue
			}
			x := exchange{Move{Leaves: l, Joins: c.ID}, [...]int{
				truth(p.everywhere[c.ID]) - truth(p.everywhere[l]),
				p.shares[c.ID] - p.shares[l],
				p.crowd(c.ID, stay) - p.crowd(l, stay),
				p.load[c.ID] + 1 - p.load[l], // half of what the sum of squares grows by
			}}
			if slices.Compare(x.cost[:], []int{0, 0, 0, 0}) < 0 {
				better = append(better, x)
			}
		}
	}
	slices.SortStableFunc(better, func(a, b exchange) int { return slices.Compare(a.cost[:], b.cost[:]) })
	for _, x := range better[:min(len(better), mostTried)] {
		after := slices.Clone(current)
		after[p.at].Members = append(without(p.own, x.Leaves), x.Joins)
		if coverOf(after) >= p.cover {
			return x.Move, true
		}
	}
	return Move{}, false
}

// Excess is the member that shard s should do without, where it has more than its Strength: one that drains, or one that is in every
// shard; of several the one that shares its zone with most, and rather the tail than the head. Where there is none, a copy more
// does no harm.
func Excess(current []shard.Configuration, s shard.ID, candidates []Candidate) (worst shard.NodeID, ok bool) {
	at := indexOf(current, s)
	if at < 0 || len(current[at].Members) < 2 {
		return 0, false
	}
	p := placeOf(current, at, candidates)
	var most [3]int
	for _, m := range p.own {
		drains := slices.ContainsFunc(candidates, func(c Candidate) bool { return c.ID == m && c.Drains })
		cost := [...]int{truth(drains), truth(p.everywhere[m]), p.crowd(m, p.own)}
		if (drains || p.everywhere[m]) && (worst == 0 || slices.Compare(cost[:], most[:]) >= 0) {
			worst, most = m, cost
		}
	}
	return worst, worst != 0
}

// without returns the members but for one.
func without(members []shard.NodeID, n shard.NodeID) []shard.NodeID {
	return slices.DeleteFunc(slices.Clone(members), func(m shard.NodeID) bool { return m == n })
}
