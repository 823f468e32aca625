package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// moment is a point in simulated time, and a length of it. A tick of a node is a thousand, see clocks.go.
type moment int64

const tick moment = 1000

func (t moment) ticks() float64 { return float64(t) / float64(tick) }

func (t moment) String() string { return fmt.Sprintf("%d.%03d", t/tick, t%tick) }

// plan is what a seed decides before the first step: the cluster, the temper of its parts, and how
// often what goes wrong.
type plan struct {
	nodes, shards, replicas int
	placed                  bool // by sequencer.Place, not at random

	// The node's settings.
	suspectTicks, graceTicks, reportTicks, sessionTicks int
	messageBytes, inFlightBytes, waitingReads           int
	regrowTicks                                         int // 0: chains only shrink
	zones                                               int // 0: no node names its own
	keepBytes, partBytes, fillBytes, lineageViews       int
	segmentBytes, logKeep, logHold, sourceTicks         int
	honestTicks                                         bool // a late tick says so

	// Time for things to take: the least and, for most, the greatest.
	network, fsync, apply, turn between
	slow                        float64 // share of messages that take up to slowest
	slowest                     moment
	groupCommit                 bool // one fsync at a time, for all that has gathered
	production                  bool // disks are production's store, and no model of it
	flushEvery                  moment

	clients, keys, pipeline int
	clientLoss              float64
	deletes, reads          float64
	rest                    moment // between two calls of a client, at most
	patience                moment // of a client with one attempt

	faults     rates
	faultsEnd  moment
	calmWithin moment // after the last repair, until everything is ACTIVE and every call has ended
	fullWithin moment // the same, until every shard has as many members as it can have
}

// between is a range of times.
type between struct{ least, most moment }

func (b between) pick(r *rand.Rand) moment {
	return b.least + moment(r.Int64N(int64(b.most-b.least)+1))
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// least draws a number of a range, the lower ones more often: what is wrong shows in small clusters as well, and
// many of them are lived through in the time of a large one.
func least(r *rand.Rand, from, to int) int {
	n := to - from + 1
	return from + min(r.IntN(n), r.IntN(n), r.IntN(n))
}

// productionShare of the seeds have production's store, which takes ten times as long as the model of it.
const productionShare = 0.07

// newPlan decides all of it.
func newPlan(r *rand.Rand, only []Family) plan {
	p := plan{
		nodes: least(r, 2, 9), shards: least(r, 1, 12), placed: chance(r, 0.5),
		suspectTicks: oneOf(r, 1, 2, 3, 5, 10, 30), reportTicks: oneOf(r, 2, 5, 20),
		sessionTicks: oneOf(r, 20, 100, 100000),
		messageBytes: oneOf(r, 1, 100, 1000, 1<<20), inFlightBytes: oneOf(r, 200, 2000, 1<<20), waitingReads: oneOf(r, 2, 1000),
		segmentBytes: oneOf(r, 2000, 10000, 1<<20), honestTicks: chance(r, 0.7),
		network: between{10, oneOf[moment](r, 50, 300, 1000)}, slow: oneOf(r, 0, 0.01, 0.1), slowest: oneOf[moment](r, 2000, 8000),
		fsync: between{20, oneOf[moment](r, 100, 600, 3000)}, apply: between{1, oneOf[moment](r, 20, 500, 3000)},
		turn: between{0, oneOf[moment](r, 0, 20, 200)}, groupCommit: chance(r, 0.5), flushEvery: oneOf[moment](r, 5, 30, 100) * tick,
		clients: 1 + r.IntN(6), keys: 1 + r.IntN(8), pipeline: 1 + r.IntN(3),
		clientLoss: oneOf(r, 0, 0.02, 0.1), deletes: oneOf(r, 0, 0.1, 0.2), reads: oneOf(r, 0.2, 0.5, 0.9), rest: oneOf(r, tick/2, 2*tick, 5*tick), patience: oneOf(r, 2*tick, 8*tick),
		faultsEnd: moment(30+r.IntN(170)) * tick, calmWithin: 400 * tick,
	}
	p.replicas = min(oneOf(r, 1, 2, 2, 3, 3, 4), p.nodes)
	if chance(r, 0.01) {
		// Long enough for pauses of minutes, and calmer.
		p.faultsEnd, p.rest = moment(1+r.IntN(3))*minute, 40*tick
	}
	p.graceTicks = p.suspectTicks + r.IntN(10)
	p.regrowTicks = oneOf(r, 0, 2, 10, 10, 40)
	p.zones = oneOf(r, 0, 0, 2, 3)
	// Who was dropped again and again waits for up to six times regrowTicks; of what else it takes, some may have to be done twice.
	// A node that drains is replaced in one shard after the other.
	p.fullWithin = p.calmWithin + moment(80*p.suspectTicks+16*p.regrowTicks+p.shards*(8*p.suspectTicks+2*p.regrowTicks))*tick
	p.lineageViews = oneOf(r, 3, 8, 0, 0)
	p.keepBytes, p.partBytes, p.fillBytes = oneOf(r, 0, 200, 1000, 1<<20), oneOf(r, 1, 100, 1000, 1<<20), oneOf(r, 0, 100, 1000)
	p.logKeep, p.logHold, p.sourceTicks = oneOf(r, 0, 2000, 10000, 1<<20), oneOf(r, 0, 10000, 1<<20), oneOf(r, 0, 0, 300)
	p.faults = newRates(r, only)
	share := productionShare
	if slices.Contains(only, Torn) && len(only) < int(Families) {
		share = 0.8 // who picks what the model cannot suffer wants to see it
	}
	if p.production = chance(r, share); p.production {
		p.groupCommit, p.segmentBytes = true, oneOf(r, 1000, 2000, 10000)
	}
	return p
}

func (p *plan) String() string {
	storage := "a model of the store"
	if p.production {
		storage = "production's store"
	}
	return fmt.Sprintf("%d nodes, %d shards, %d replicas, suspect after %d ticks, regrow after %d, %s, network %v..%v (%.0f%% up to %v), fsync %v..%v, faults until %v: %v",
		p.nodes, p.shards, p.replicas, p.suspectTicks, p.regrowTicks, storage, p.network.least, p.network.most, 100*p.slow, p.slowest, p.fsync.least, p.fsync.most, p.faultsEnd, p.faults)
}

// candidates are the nodes with their zones, as gossip tells of them.
func (p *plan) candidates() []sequencer.Candidate {
	nodes := make([]sequencer.Candidate, p.nodes)
	for i := range nodes {
		nodes[i].ID = shard.NodeID(i + 1)
		if p.zones > 0 {
			nodes[i].Zone = fmt.Sprintf("zone-%d", i%p.zones)
		}
	}
	return nodes
}

// genesis lays the ring out.
func (p *plan) genesis(r *rand.Rand) (*sequencer.Genesis, error) {
	ring, nodes := sequencer.NewRing(p.shards), p.candidates()
	g := &sequencer.Genesis{Cluster: "sim", Ring: ring}
	if p.placed {
		initial, err := sequencer.Place(ring, nodes, p.replicas)
		g.Initial = initial
		return g, err
	}
	for _, s := range ring {
		c := shard.Configuration{Shard: s.Shard, Epoch: 1}
		for _, i := range r.Perm(p.nodes)[:p.replicas] {
			c.Members = append(c.Members, nodes[i].ID)
		}
		g.Initial = append(g.Initial, c)
	}
	return g, nil
}
