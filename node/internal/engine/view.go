package engine

import (
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
	may := v.candidates(func(n shard.NodeID) bool { return joins(n) && (!home || first.Has(n)) })
	return sequencer.Spare(v.host.living(v.register.Chain.Newest()), v.next, may, first.Members)
}

func (v view) Exchange(joins func(shard.NodeID) bool) (sequencer.Move, bool) {
	newest := v.register.Chain.Newest()
	if slices.ContainsFunc(newest.Members, v.host.detector.Suspects) {
		return sequencer.Move{}, false // there are more urgent things
	}
	first, _ := v.host.opt.Genesis.Configuration(v.next)
	return sequencer.Exchange(v.host.living(newest), v.next, v.candidates(joins), first.Members)
}

func (v view) Excess() (shard.NodeID, bool) {
	newest := v.register.Chain.Newest()
	if slices.ContainsFunc(newest.Members, v.host.detector.Suspects) {
		return 0, false
	}
	return sequencer.Excess(v.host.living(newest), v.next, v.candidates(func(shard.NodeID) bool { return false }))
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

// candidates are the members, and the nodes of which this one thinks well that may join.
func (v view) candidates(joins func(shard.NodeID) bool) (all []sequencer.Candidate) {
	newest := v.register.Chain.Newest()
	for _, c := range v.host.nodes {
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
	if !slices.Equal(h.nodes, nodes) {
		h.nodes, h.changed = slices.Clone(nodes), h.detector.Now()
	}
	// Who is away for less than it takes to be replaced is still counted on.
	for _, c := range nodes {
		h.seen[c.ID] = sighting{h.detector.Now(), c.Drains}
	}
	for _, n := range append(slices.Clone(h.peers), h.opt.Replica.Self) {
		if h.hears(n, 0) {
			h.seen[n] = sighting{h.detector.Now(), h.seen[n].drains}
		}
	}
	h.usable = 0
	for n, s := range h.seen {
		switch {
		case h.detector.Now()-s.at > h.opt.RegrowTicks:
			delete(h.seen, n)
		case !s.drains:
			h.usable++
		}
	}
}

// sighting is when a node was last known to be there, and whether it drained then.
type sighting struct {
	at     int
	drains bool
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
