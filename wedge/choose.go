package wedge

import (
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Answer is what a wedged replica said of itself, durable at the time.
type Answer struct {
	Active  shard.Epoch // the last epoch in which it was ever ACTIVE
	Last    shard.Seqno
	Lineage shard.Lineage
}

// Choose picks, for the head of the newest configuration of chain, whose history to inherit. Not ok
// means that more answers are needed.
//
// It walks back from the configuration before the newest. From each at least one member must have
// answered. If one of those was ACTIVE there, what was persistent is found: whatever
// became persistent there is held by all its members, and whatever was persistent before was
// inherited. If all were still PENDING, that configuration never made anything persistent
// and, with one of them promised away, never will. A configuration of which nobody
// answered is never skipped.
//
// Among all answers the highest (last ACTIVE epoch, last seqno) is chosen. A longer history of a lower epoch may hold
// what was void already; among those of the highest epoch any is safe, and the
// longest keeps the most of what was not acknowledged. prefer wins ties.
func Choose(chain shard.Chain, answers map[shard.NodeID]Answer, prefer shard.NodeID) (owner shard.NodeID, ok bool) {
	if !walkBack(chain, answers) && !mutant.On(mutant.NoWalkBack) {
		return 0, false
	}
	better := func(a, b Answer) bool {
		if mutant.On(mutant.LongestHistory) {
			return a.Last > b.Last
		}
		return a.Active > b.Active || (a.Active == b.Active && a.Last > b.Last)
	}
	if _, own := answers[prefer]; own {
		owner = prefer
	}
	for _, n := range chain.Members() {
		if a, answered := answers[n]; answered && (owner == 0 || better(a, answers[owner])) {
			owner = n
		}
	}
	return owner, owner != 0
}

// walkBack reports whether the answers reach back to a configuration that was ACTIVE.
func walkBack(chain shard.Chain, answers map[shard.NodeID]Answer) bool {
	for i := len(chain) - 2; i >= 0; i-- {
		answered := false
		for _, n := range chain[i].Members {
			a, ok := answers[n]
			if ok && (a.Active >= chain[i].Epoch || mutant.On(mutant.WalkBackStopsAtPending)) {
				return true
			}
			answered = answered || ok
		}
		if !answered {
			return false
		}
	}
	// The oldest was ACTIVE at all its members: that none of them says so cannot be.
	return false
}
