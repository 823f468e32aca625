package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"

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
	ids     []shard.NodeID // of the nodes
	network *network
	faults  *faults
	clients *clients
	rare    *rare

	calm        bool   // no fault happens any more, and everything is quick
	calmAt      moment // when the last repair was done
	settledOnce bool   // since then everything has come to its end at one moment
	beyond      bool   // what was lost is more than a ring can do without
	done        bool
	failure     *Failure
	operator    *operator // nil: nobody rules where the ring cannot decide
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
	random := newSources(o.Seed)
	return newWorldOf(newPlan(random.plan, o.Swarm), random, o)
}

// newWorldOf makes the world of a plan.
func newWorldOf(p plan, random sources, o Options) (*world, error) {
	w := &world{plan: p, random: random, trace: newTrace(o.Trace)}
	w.trace.world = w
	var err error
	if w.genesis, err = w.plan.genesis(w.random.plan); err != nil {
		return nil, err
	}
	for i := range w.plan.nodes {
		w.ids = append(w.ids, shard.NodeID(i+1))
	}
	w.check = check.New(w.genesis.Initial, w.ids, check.Limits{
		InFlightBytes: w.plan.inFlightBytes, RequestBytes: largestRequest, WaitingReads: w.plan.waitingReads,
	})
	w.network = newNetwork(w)
	for _, id := range w.ids {
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
	ended := w.ended()
	unfinished, why := w.unfinished()
	owes := w.operator != nil && w.operator.owes()
	within := w.plan.calmWithin
	if w.settledOnce = w.settledOnce || ended; w.settledOnce {
		within = w.plan.fullWithin + w.feeding() // chains are growing
	}
	switch {
	case ended && unfinished == 0:
		w.check.Ends()
		w.end()
	case w.now <= max(w.calmAt, w.operator.calm())+within || w.operator.works():
		w.after(tick, w.watch)
	case owes:
		id, stuck := w.unsettled()
		w.fail(check.Liveness, id, "%v after the last repair, and %d attempts of an operator, not everything has ended.\n%s", w.now-w.calmAt, w.operator.attempts, stuck)
	case !w.faults.repairable():
		// A decision that was under way left a shard to lost members: it is stuck by design (section 6.1).
		w.beyond = true
		w.end()
	case ended:
		w.fail(check.Liveness, unfinished, "%v after the last repair %s", w.now-w.calmAt, why)
	default:
		id, stuck := w.unsettled()
		w.fail(check.Liveness, id, "%v after the last repair not everything has ended; it should within %v.\n%s", w.now-w.calmAt, within, stuck)
	}
}

// feeding is how long it takes to feed a learner from the log, where a message, or what is read in a tick, holds no more than an entry or two: each is
// read by itself.
func (w *world) feeding() moment {
	const few = 100 // bytes
	if w.plan.messageBytes > few && w.plan.fillBytes > few {
		return 0
	}
	longest := 0
	for _, c := range w.genesis.Initial {
		_, entries := w.check.Epochs(c.Shard)
		longest = max(longest, entries)
	}
	return moment(longest) * 4 * tick
}

// steadyTicks is the patience from which on nodes that nothing happens to do not suspect each other.
const steadyTicks = 5

// ended reports whether every shard is ACTIVE, and every call has been answered.
func (w *world) ended() bool {
	for _, c := range w.genesis.Initial {
		if !w.settled(c.Shard) {
			return false
		}
	}
	return w.clients.ended()
}

// end judges what the clients were told, whatever has become of the ring.
func (w *world) end() {
	calls := w.clients.calls()
	w.check.Once(calls)
	w.check.Linearizable(calls)
	w.done = true
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
