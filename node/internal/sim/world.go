package sim

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// world is one run: the nodes, what lies between them, and the queue of what will happen. Everything in
// it happens in one goroutine, one event at a time, in an order that the seed alone decides.
type world struct {
	plan    plan
	random  sources
	genesis *sequencer.Genesis
	check   *check.Checker
	trace   *trace

	now   moment
	steps int
	queue queue
	order uint64 // breaks ties in the queue: what was planned first comes first

	nodes   []*node
	network *network
	faults  *faults
	clients *clients
	rare    *rare

	calm    bool   // no fault happens any more, and everything is quick
	calmAt  moment // when the last repair was done
	beyond  bool   // what was lost is more than a ring can do without
	done    bool
	failure *Failure
}

// sources are the randomness, apart for each part, so that a change in one disturbs the others little.
type sources struct {
	plan, network, disk, node, faults, clients *rand.Rand
}

func newSources(seed uint64) sources {
	source := func(part uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, part)) }
	return sources{plan: source(1), network: source(2), disk: source(3), node: source(4), faults: source(5), clients: source(6)}
}

func newWorld(o Options) (*world, error) {
	w := &world{random: newSources(o.Seed), trace: newTrace(o.Trace)}
	w.trace.world = w
	w.plan = newPlan(w.random.plan, o.Swarm)
	var err error
	if w.genesis, err = w.plan.genesis(w.random.plan); err != nil {
		return nil, err
	}
	ids := make([]shard.NodeID, w.plan.nodes)
	for i := range ids {
		ids[i] = shard.NodeID(i + 1)
	}
	w.check = check.New(w.genesis.Initial, ids, check.Limits{
		InFlightBytes: w.plan.inFlightBytes, RequestBytes: largestRequest, WaitingReads: w.plan.waitingReads,
	})
	w.network = newNetwork(w)
	for _, id := range ids {
		w.nodes = append(w.nodes, newNode(w, id))
	}
	w.faults = newFaults(w, o.Skip)
	w.clients = newClients(w)
	w.rare = newRare(w)
	return w, nil
}

// mostSteps bounds a run: some hundred times what the longest take.
const mostSteps = 10_000_000

// run lets the world live until it is calm and done, or broken.
func (w *world) run() {
	defer func() {
		for _, n := range w.nodes {
			n.disk.storage.close()
		}
	}()
	w.trace.note(nil, 0, w.plan.String())
	for _, c := range w.genesis.Initial {
		w.trace.note(nil, c.Shard, fmt.Sprintf("begins with %v", numbers(c.Members)))
	}
	for _, n := range w.nodes {
		n.boot()
	}
	w.clients.begin()
	w.faults.begin()
	w.after(w.plan.faultsEnd, w.faults.end)
	for w.failure == nil && !w.done {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		w.steps++
		e.do()
		if v := w.check.Violation(); v != nil {
			w.fail(v.Invariant, v.Shard, "%s", v.Reason)
		}
		if w.steps == mostSteps {
			w.fail(check.Liveness, 0, "after %d events the nodes are still at work", w.steps)
		}
	}
}

// watch looks, once all is calm, whether everything has come to its end: every shard ACTIVE, every call answered.
func (w *world) watch() {
	id, stuck := w.unsettled()
	switch {
	case stuck == "":
		w.check.Ends()
		w.end()
	case w.now > w.calmAt+w.plan.calmWithin && !w.faults.repairable():
		// A decision that was under way left a shard to lost members: it is stuck by design (section 6.1).
		w.beyond = true
		w.end()
	case w.now > w.calmAt+w.plan.calmWithin:
		w.fail(8, id, "%v after the last repair something is stuck:\n%s", w.now-w.calmAt, stuck)
	default:
		w.after(tick, w.watch)
	}
}

// end judges what the clients were told, whatever has become of the ring.
func (w *world) end() {
	calls := w.clients.calls()
	w.check.Once(calls)
	w.check.Linearizable(calls)
	w.done = true
}

// unsettled describes what has not come to its end, empty if everything has, and names the first shard of that.
func (w *world) unsettled() (first shard.ID, words string) {
	var b strings.Builder
	for _, c := range w.genesis.Initial {
		if !w.settled(c.Shard) {
			first = cmp.Or(first, c.Shard)
			epoch, members := w.check.Newest(c.Shard)
			fmt.Fprintf(&b, "shard %d: decided is epoch %d with %v\n", c.Shard, epoch, numbers(members))
			for _, n := range w.nodes {
				if n.lost {
					fmt.Fprintf(&b, "  node %d: lost\n", n.id)
				}
				for _, s := range n.host.Standings() {
					if s.Configuration.Shard == c.Shard {
						fmt.Fprintf(&b, "  node %d: %v in epoch %d of %v, synced %v, active in %d, last %d, durable %d, commit %d, held %v; sequences shard %d: epoch %d, activated %d\n",
							n.id, s.State, s.Configuration.Epoch, numbers(s.Configuration.Members), s.Synced, s.Active, s.Last, s.Durable, s.Commit, s.Held,
							s.Next, s.Register.Chain.Newest().Epoch, s.Register.Activated)
					}
				}
			}
		}
	}
	w.clients.unfinished(&b)
	return first, b.String()
}

// settled reports whether all members of a shard's newest configuration are ACTIVE and at one, and the head of
// its sequencer knows that.
func (w *world) settled(id shard.ID) bool {
	epoch, members := w.check.Newest(id)
	_, sequencers := w.check.Newest(w.genesis.Ring.Sequencer(id))
	if w.node(sequencers[0]).lost {
		return false
	}
	for _, s := range w.node(sequencers[0]).host.Standings() {
		if s.Next == id && s.Register.Activated != epoch {
			return false
		}
	}
	for _, m := range members {
		if w.node(m).lost {
			return false
		}
		ok := false
		for _, s := range w.node(m).host.Standings() {
			if s.Configuration.Shard == id {
				// The others learn of the last commit with the next entry or read.
				ok = s.State == shard.Active && s.Configuration.Epoch == epoch && s.Synced && (m != members[0] || s.Commit == s.Last)
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *world) node(id shard.NodeID) *node { return w.nodes[id-1] }

// after plans an event.
func (w *world) after(d moment, do func()) {
	w.order++
	heap.Push(&w.queue, event{at: w.now + max(d, 0), order: w.order, do: do})
}

func (w *world) fail(invariant int, id shard.ID, format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{Invariant: invariant, Shard: id, Step: w.steps, Moment: w.now.String(), Reason: fmt.Sprintf(format, args...)}
	}
}

// event is something that will happen.
type event struct {
	at    moment
	order uint64
	do    func()
}

// queue is a heap of events.
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(e any)   { *q = append(*q, e.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}
