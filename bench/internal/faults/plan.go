package faults

import (
	"math/rand/v2"
	"time"
)

// Topology is what a plan needs to know of the cluster.
type Topology struct {
	Nodes, Shards, Replicas int
}

// What a plan draws from.
const (
	minFaults, maxFaults = 3, 6
	// Between the beginnings of two faults; they last about as long, so that some overlap and others do not.
	minGap, maxGap = 200 * time.Millisecond, 2500 * time.Millisecond
)

// lasting is how long faults of a kind last. Those that are silent last from far below any suspicion to far above it.
var lasting = map[Kind][2]time.Duration{
	Kill:      {0, 3 * time.Second},
	KillAll:   {0, time.Second},
	Stop:      {0, 3 * time.Second},
	StopAll:   {0, time.Second},
	Pause:     {20 * time.Millisecond, 3 * time.Second},
	Partition: {50 * time.Millisecond, 4 * time.Second},
	Mute:      {50 * time.Millisecond, 4 * time.Second},
	Deaf:      {50 * time.Millisecond, 4 * time.Second},
	Link:      {50 * time.Millisecond, 4 * time.Second},
	Reset:     {},
	Delay:     {500 * time.Millisecond, 4 * time.Second},
	DiskFull:  {2 * time.Second, 4 * time.Second},
}

const minLate, maxLate = time.Millisecond, 300 * time.Millisecond

// NewPlan draws a plan of some of the kinds. Some kinds are drawn first, and the faults from those only: so there are plans
// of nothing but pauses, and plans of everything. Half of the plans keep to one shard and its sequencer, which then hardly
// come to rest.
func NewPlan(rng *rand.Rand, kinds []Kind, t Topology) Plan {
	chosen := make([]Kind, 1+rng.IntN(3))
	for i := range chosen {
		chosen[i] = kinds[rng.IntN(len(kinds))]
	}
	roles := []Role{Head, Tail, Sequencer, Any}
	if t.Replicas > 2 {
		roles = append(roles, Middle)
	}
	shards, first := t.Shards, 0
	if rng.IntN(2) == 0 {
		shards, first = 1, rng.IntN(t.Shards)
	}
	var p Plan
	var at time.Duration
	for range minFaults + rng.IntN(maxFaults-minFaults+1) {
		at += between(rng, minGap, maxGap)
		f := Fault{
			At: at, Kind: chosen[rng.IntN(len(chosen))],
			Target: Target{Role: roles[rng.IntN(len(roles))], Shard: first + rng.IntN(shards), Node: rng.IntN(t.Nodes)},
			Other:  1 + rng.IntN(max(1, t.Nodes-1)), Late: between(rng, minLate, maxLate),
		}
		f.For = between(rng, lasting[f.Kind][0], lasting[f.Kind][1])
		p = append(p, f)
	}
	return p
}

// between draws a time, to the millisecond, and shorter ones more often.
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	x := rng.Float64()
	return (low + time.Duration(x*x*float64(high-low))).Round(time.Millisecond)
}
