package failover

import (
	"slices"
	"time"

	"github.com/ringward/ringward/rpc/adminpb"
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

// without is the first decision since the fault whose members lack the node; nil where there is none.
func without(all []*adminpb.Decision, node uint64, fault time.Time) *adminpb.Decision {
	for _, d := range all {
		since := time.UnixMicro(int64(d.GetAtUs())).Sub(fault)
		if since >= -slack && !slices.Contains(d.GetConfiguration().GetMembers(), node) {
			return d
		}
	}
	return nil
}

// newSplit divides the time from the fault to the acknowledgement that first finds after the new head was ACTIVE; nil where there was none.
func newSplit(d *adminpb.Decision, fault time.Time, first func(active time.Duration) *time.Duration) (*Split, *time.Duration) {
	us := func(n uint64) time.Duration { return time.Duration(n) * time.Microsecond }
	proposed := time.UnixMicro(int64(d.GetAtUs())).Sub(fault)
	known := max(0, proposed-us(d.GetStoodUs()))
	force := max(known, proposed+us(d.GetPersistedUs()))
	active := force + us(d.GetWedgeUs()) + us(d.GetInheritUs())
	s := &Split{
		Epoch:     d.GetConfiguration().GetEpoch(),
		Detection: sinceMS(known), Decision: sinceMS(force - known), Wedge: sinceMS(us(d.GetWedgeUs())), Activation: sinceMS(us(d.GetInheritUs())),
	}
	for _, p := range d.GetSuspicions() {
		s.Evidence = s.Evidence || p.GetSilentUs() == 0
	}
	again := first(active)
	if again != nil {
		s.Resume = sinceMS(*again - active)
	}
	return s, again
}
