package engine

import (
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// HandOver lets the node leave its chains: it says so to those who sequence them, who decide successors without it. It
// learns no shard any more.
func (h *Host) HandOver() {
	h.leaving = true
	if h.learnsOther(0) {
		h.leaveAt = h.detector.Now() + lateTicks // it may be about to become a member
	}
	for _, e := range h.all() {
		e.suspect()
	}
}

// lateTicks is how long a decision that is under way may take.
const lateTicks = 8

// HandedOver reports whether the node is a member of no chain any more, but for those that would have no other one.
func (h *Host) HandedOver() bool {
	return h.detector.Now() >= h.leaveAt && !slices.ContainsFunc(h.hosted, (*engine).leaves)
}

// leaves reports whether the replica is a member that others could do without.
func (e *engine) leaves() bool { return e.member() && len(e.replica.Configuration().Members) > 1 }

// pledge reports whether this node stands by what it says to a MsgRecruit. Those who ask know nothing of each other: it alone
// knows all that it may become.
func (h *Host) pledge(m shard.Message) bool {
	switch {
	case h.leaving:
		return false
	case m.Done && h.learnsOther(m.Shard):
		return false // one thing after the other
	case !m.Synced && h.everywhere(m.Shard):
		return false
	}
	h.pledges[m.Shard] = h.detector.Now() + max(h.opt.RegrowTicks/quietParts, lateTicks)
	return true
}

// learns reports whether this node learns a shard, or has said that it could.
func (h *Host) learns(id shard.ID) bool {
	e := h.engines[id]
	return h.pledges[id] > h.detector.Now() || e != nil && e.replica.Learns()
}

// learnsOther reports whether it learns another shard than this one; 0: any.
func (h *Host) learnsOther(id shard.ID) bool {
	return slices.ContainsFunc(h.opt.Genesis.Ring, func(s sequencer.Slice) bool { return s.Shard != id && h.learns(s.Shard) })
}

// everywhere reports whether this node would be in every shard as a member of this one, and nobody is now.
func (h *Host) everywhere(id shard.ID) bool {
	self := h.opt.Replica.Self
	var all []shard.Configuration
	for _, s := range h.opt.Genesis.Ring {
		c := h.known[s.Shard].Newest()
		if s.Shard != id && !c.Has(self) && !h.learns(s.Shard) {
			return false
		}
		all = append(all, c)
	}
	_, already := sequencer.Everywhere(all)
	return h.losable && !already
}
