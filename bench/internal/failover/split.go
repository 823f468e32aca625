package failover

import (
	"slices"
	"time"
)

// Split is where a shard's pause went, in milliseconds that add up to it. A part that nobody knows is 0, and its time is in those that
// follow it.
type Split struct {
	Epoch uint64 `json:"epoch"` // that was decided
	// Evidence: a machine said that the node's process had ended; otherwise it was silence.
	Evidence bool `json:"evidence"`
	// Detection is from the fault until the head of the sequencer knew of a suspicion, Decision from then until the decision was in force.
	Detection float64 `json:"detection_ms"`
	Decision  float64 `json:"decision_ms"`
	// Wedge is from when the new head learned of it until it knew which history to inherit, Activation from then until it was ACTIVE.
	Wedge      float64 `json:"wedge_ms"`
	Activation float64 `json:"activation_ms"`
	// Resume is the rest, until a client was acknowledged a write: that the new head learned of the decision, that its successors
	// are ACTIVE too, and that the client found it.
	Resume float64 `json:"resume_ms"`
}

// slack is how much before the fault a decision may seem to have been proposed: clocks tell times rounded.
const slack = time.Millisecond

// without is the first decision since the fault whose members lack the node. It is nil where there is none; member is false where the shard had
// lost the node already, by a decision that nobody had told of when the node was chosen.
func without(all []*Decision, node uint64, fault time.Time) (d *Decision, member bool) {
	member = true
	for _, d := range all {
		in := slices.Contains(d.GetConfiguration().GetMembers(), node)
		if time.UnixMicro(int64(d.GetAtUs())).Sub(fault) < -slack {
			member = in
		} else if !in {
			return d, member
		}
	}
	return nil, member
}

// newSplit divides the pause of a shard that ended by a decision, and says how long it was. Acks are the times since the fault at which writes were
// acknowledged. It is nil where the decision ended no pause: writes were acknowledged almost until then, or never again.
func newSplit(d *Decision, fault time.Time, acks []time.Duration) (s *Split, again time.Duration) {
	us := func(n uint64) time.Duration { return time.Duration(n) * time.Microsecond }
	proposed := time.UnixMicro(int64(d.GetAtUs())).Sub(fault)
	known := max(0, proposed-us(d.GetStoodUs()))
	force := max(known, proposed+us(d.GetPersistedUs()))
	i, _ := slices.BinarySearch(acks, force)
	if i == len(acks) || i > 0 && 2*acks[i-1] > acks[i] {
		return nil, 0
	}
	// The nodes measure one after the other, each by its own looks at a clock: together it may come to a little too much.
	left := acks[i] - force
	wedge := min(us(d.GetWedgeUs()), left)
	inherit := min(us(d.GetInheritUs()), left-wedge)
	s = &Split{
		Epoch: d.GetConfiguration().GetEpoch(), Detection: sinceMS(known), Decision: sinceMS(force - known), Wedge: sinceMS(wedge),
		Activation: sinceMS(inherit), Resume: sinceMS(left - wedge - inherit),
	}
	for _, p := range d.GetSuspicions() {
		s.Evidence = s.Evidence || p.GetSilentUs() == 0
	}
	return s, acks[i]
}
