package engine

import (
	"maps"
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// view is what a recruiter sees of the ring: as much as this node knows of it.
type view struct{ *engine }

var _ sequencer.View = view{}

// Strength is as many members as the shard began with, or fewer where the nodes that are left are too few. Where one node was in
// every shard from the beginning, whoever began it was warned, and wanted it so.
func (v view) Strength() int { return v.host.strength(v.next) }

func (v view) Spare(home bool, joins func(shard.NodeID) bool) (shard.NodeID, bool) {
	first, _ := v.host.opt.Genesis.Configuration(v.next)
	may := v.candidates(v.host.nodes, func(n shard.NodeID) bool { return joins(n) && (!home || first.Has(n)) })
	return sequencer.Spare(v.host.living(v.register.Chain.Newest()), v.next, may, first.Members)
}

// Exchange does not ask who is there just now: gossip's opinion comes and goes on a busy machine, and nothing hurries.
func (v view) Exchange(joins func(shard.NodeID) bool) (sequencer.Move, bool) {
	if v.doubts() {
		return sequencer.Move{}, false
	}
	first, _ := v.host.opt.Genesis.Configuration(v.next)
	return sequencer.Exchange(v.host.living(v.register.Chain.Newest()), v.next, v.candidates(v.host.lasting, joins), first.Members)
}

func (v view) Excess() (shard.NodeID, bool) {
	if v.doubts() {
		return 0, false
	}
	own := v.candidates(v.host.lasting, func(shard.NodeID) bool { return false })
	return sequencer.Excess(v.host.living(v.register.Chain.Newest()), v.next, own)
}

// doubts reports whether a member is suspected: then there are more urgent things.
func (v view) doubts() bool {
	return slices.ContainsFunc(v.register.Chain.Newest().Members, v.host.detector.Suspects)
}

// Quiet reports whether nothing in the ring has changed for a while, and nothing will as far as is known: then improvements
// may be thought of.
func (v view) Quiet() bool {
	h := v.host
	if h.detector.Now()-h.changed < h.opt.RegrowTicks/quietParts {
		return false
	}
	for _, other := range h.engines {
		if other != v.engine && other.recruiter.Busy() && other.replica.Leads() {
			return false
		}
	}
	return !slices.ContainsFunc(h.living(v.register.Chain.Newest()), func(c shard.Configuration) bool { return len(c.Members) < h.strength(c.Shard) })
}

// quietParts is how many parts RegrowTicks has, of which one is a while.
const quietParts = 4

// candidates are those of the nodes that are members, or may join and are not suspected.
func (v view) candidates(nodes []sequencer.Candidate, joins func(shard.NodeID) bool) (all []sequencer.Candidate) {
	newest := v.register.Chain.Newest()
	for _, c := range nodes {
		if newest.Has(c.ID) || joins(c.ID) && !v.host.detector.Suspects(c.ID) {
			all = append(all, c)
		}
	}
	return all
}

// strength is how many members a shard should have now.
func (h *Host) strength(id shard.ID) int {
	first, _ := h.opt.Genesis.Configuration(id)
	if !h.losable || len(h.nodes) == 0 {
		return len(first.Members)
	}
	return sequencer.Strength(len(first.Members), len(h.opt.Genesis.Ring), h.usable, h.opt.Replica.MinReplicas)
}

// Nodes tells which nodes there are that could become members of a shard: a hint, to be repeated now and then.
func (h *Host) Nodes(nodes []sequencer.Candidate) {
	now := h.detector.Now()
	h.nodes = slices.Clone(nodes)
	for _, c := range nodes {
		h.seen[c.ID] = sighting{c, now}
	}
	for _, n := range append(slices.Clone(h.peers), h.opt.Replica.Self) {
		if h.hears(n, 0) {
			h.seen[n] = sighting{sequencer.Candidate{ID: n, Zone: h.seen[n].Zone, Drains: h.seen[n].Drains}, now}
		}
	}
	// Who is away for less than it takes to be replaced is still counted on.
	maps.DeleteFunc(h.seen, func(_ shard.NodeID, s sighting) bool { return now-s.at > h.opt.RegrowTicks })
	var lasting []sequencer.Candidate
	h.usable = 0
	for _, n := range slices.Sorted(maps.Keys(h.seen)) {
		lasting = append(lasting, h.seen[n].Candidate)
		if !h.seen[n].Drains {
			h.usable++
		}
	}
	if !slices.Equal(lasting, h.lasting) {
		h.lasting, h.changed = lasting, now
	}
}

// sighting is what a node was like when it was last known to be there.
type sighting struct {
	sequencer.Candidate
	at int
}

// living are the configurations of all shards, in the order of the ring, as far as this node knows them and without those it
// suspects; of one shard it is the given one.
func (h *Host) living(of shard.Configuration) []shard.Configuration {
	all := make([]shard.Configuration, len(h.opt.Genesis.Ring))
	for i, s := range h.opt.Genesis.Ring {
		if all[i] = h.known[s.Shard].Newest(); s.Shard == of.Shard {
			all[i] = of
		}
		if slices.ContainsFunc(all[i].Members, h.detector.Suspects) {
			all[i].Members = slices.DeleteFunc(slices.Clone(all[i].Members), h.detector.Suspects)
		}
	}
	return all
}
