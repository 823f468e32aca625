package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/wedge"
)

// Options are what a host is told once.
type Options struct {
	Genesis *sequencer.Genesis
	Replica shard.Options
	// SuspectTicks is for how many ticks a node must be silent to be suspected.
	SuspectTicks int
	// GraceTicks is how long after its start a node waits for the first word of another.
	GraceTicks int
	// ReportTicks is for how long a report of a suspicion is believed.
	ReportTicks int
	// SessionTicks is for how long a session may go unused.
	SessionTicks int
	// RegrowTicks is for how long a shard that lost a member waits for it before another node takes its place.
	// Zero: nobody ever does, nor does the member come back.
	RegrowTicks int
	// TickMicros is how long a tick is, for people to read.
	TickMicros uint64
}

// Recovered is one replica as it comes up from the disk.
type Recovered struct {
	Stored   shard.Stored
	Register *sequencer.Register
}

// Host is the protocol of one node: all replicas it hosts and its opinion of other nodes. It is driven by one
// caller: whatever happens is a call of a method, whatever is to be done is in the next Ready.
type Host struct {
	opt      Options
	now      uint64 // see Now
	engines  map[shard.ID]*engine
	hosted   []*engine // the same in order of shard
	detector *wedge.Detector
	// known holds for each shard the newest chain of decided configurations that this node has heard
	// of: hints for routing and heartbeats; for a replica hosted here, a wedge.
	known   map[shard.ID]shard.Chain
	learned []shard.Chain
	writes  []shard.ID // whose are the records that are not durable yet, in log order
	events  []shard.Event
	strays  []shard.Message       // answers of this node as one that hosts no such replica
	nodes   []sequencer.Candidate // that could become members, just now
	seen    map[shard.NodeID]sighting
	lasting []sequencer.Candidate // those that could a while ago as well: those of seen, in order
	usable  int                   // how many of them do not drain
	changed int                   // the tick at which what is known of the ring changed last
	losable bool                  // a node could be lost in the beginning, whichever it was
	leaving bool                  // see HandOver
	leaveAt int                   // the tick before which it has not left
	// pledges are the shards that this node said it could learn, and until which tick that holds.
	pledges map[shard.ID]int
	dirty   bool             // the set of peers may have changed
	given   Ready            // what the last Ready returned: its room is used again
	counts  map[shard.ID]int // see Durable, reused
	peers   []shard.NodeID
}

// NewHost brings up the replicas that the log holds.
func NewHost(opt Options, replicas map[shard.ID]Recovered) (*Host, error) {
	if err := opt.Genesis.Valid(); err != nil {
		return nil, err
	}
	h := &Host{
		opt: opt, engines: map[shard.ID]*engine{}, known: map[shard.ID]shard.Chain{},
		detector: wedge.NewDetector(opt.SuspectTicks, opt.GraceTicks),
		seen:     map[shard.NodeID]sighting{}, pledges: map[shard.ID]int{}, counts: map[shard.ID]int{},
	}
	_, fragile := sequencer.Everywhere(opt.Genesis.Initial)
	h.losable = !fragile
	for _, c := range opt.Genesis.Initial {
		h.known[c.Shard] = shard.Chain{c}
	}
	for _, id := range slices.Sorted(maps.Keys(replicas)) {
		if _, ok := h.known[id]; !ok {
			return nil, fmt.Errorf("the log holds shard %d, which is not in the ring of cluster %s", id, opt.Genesis.Cluster)
		}
		r := replicas[id]
		replica, err := shard.NewReplica(h.opt.Replica, r.Stored)
		if err != nil {
			return nil, err
		}
		h.host(newEngine(h, id, replica, r.Register))
	}
	for _, e := range h.hosted {
		h.learn(e.replica.Chain())
		h.learn(e.register.Chain)
	}
	for _, chain := range h.known {
		for _, m := range chain.Newest().Members {
			h.seen[m] = sighting{sequencer.Candidate{ID: m}, h.detector.Now()} // it may take a while until they have met
		}
	}
	h.watch()
	return h, nil
}

// host takes one more replica in.
func (h *Host) host(e *engine) {
	h.engines[e.id] = e
	i, _ := slices.BinarySearchFunc(h.hosted, e.id, func(e *engine, id shard.ID) int { return cmp.Compare(e.id, id) })
	h.hosted = slices.Insert(h.hosted, i, e)
	h.touch(e)
}

// engine is the replica of a shard, if there is one, for something to happen to.
func (h *Host) engine(id shard.ID) *engine {
	e := h.engines[id]
	if e != nil {
		h.touch(e)
	}
	return e
}

// all are all replicas, for something to happen to them.
func (h *Host) all() []*engine {
	for _, e := range h.hosted {
		h.touch(e)
	}
	return h.hosted
}

// touch notes that something happens to a replica: it alone may want something done then. Where a node hosts many, most are
// at rest in most turns.
func (h *Host) touch(e *engine) { e.touched = true }

// Step takes a message that has passed Message.Valid.
func (h *Host) Step(m shard.Message) {
	ring := h.opt.Genesis.Ring
	if _, ok := h.known[m.Shard]; !ok {
		return
	}
	if len(m.Chain) > 0 {
		h.learn(m.Chain)
	}
	e := h.engines[m.Shard]
	office := h.engines[ring.Sequencer(m.Shard)]
	switch m.Kind {
	case shard.MsgReport, shard.MsgRecruited, shard.MsgServed:
		if office != nil {
			office.step(m)
		}
	case shard.MsgRecruit:
		h.recruit(m)
	case shard.MsgWedged:
		if office != nil {
			office.step(m)
		}
		if e != nil && e != office {
			e.step(m)
		}
	case shard.MsgWedge:
		if e == nil {
			// Never an empty history: that would be taken for one.
			h.strays = append(h.strays, shard.Message{
				Kind: shard.MsgWedged, Shard: m.Shard, Epoch: m.Epoch, From: h.opt.Replica.Self, To: m.From, Number: m.Number, Unknown: true,
			})
			return
		}
		e.step(m)
	default:
		if e != nil {
			e.step(m)
		}
	}
}

// recruit makes this node a learner of a shard, or tells that it could become one.
func (h *Host) recruit(m shard.Message) {
	e := h.engines[m.Shard]
	may := h.pledge(m)
	switch {
	case may && e != nil:
	case !may || !m.Synced:
		h.strays = append(h.strays, shard.Message{
			Kind: shard.MsgRecruited, Shard: m.Shard, Epoch: m.Epoch, From: h.opt.Replica.Self, To: m.From, Number: m.Number, Done: !may,
		})
		return
	default:
		replica, err := shard.NewLearner(h.opt.Replica, m.Chain)
		if err != nil {
			return // it has passed Message.Valid
		}
		e = newEngine(h, m.Shard, replica, h.opt.Genesis.InitialRegister(m.Shard))
		h.host(e)
		h.dirty = true
		h.learn(h.known[m.Shard]) // the sequencer may be one that is behind
	}
	e.step(m)
}

// Learn takes a hint: decided configurations of some shard, from wherever. It is
// ignored where it does not fit the ring. A chain must be whole, as it was learned: where
// it begins is the claim that this configuration was ACTIVE at all its members.
func (h *Host) Learn(chain shard.Chain) {
	if chain.Valid() == nil {
		h.learn(chain)
	}
}

// learn keeps what is newest of each shard, and wedges the replica hosted here.
func (h *Host) learn(chain shard.Chain) {
	id := chain.Newest().Shard
	known, ok := h.known[id]
	if !ok {
		return
	}
	if chain.Newest().Epoch > known.Newest().Epoch {
		h.known[id] = slices.Clone(chain)
		h.learned = append(h.learned, h.known[id])
		h.dirty, h.changed = true, h.detector.Now()
	}
	if e := h.engine(id); e != nil && e.replica.Learn(chain) {
		e.follow()
	}
}

// Known is the newest chain this node has heard of; empty for a shard that is not in the ring.
func (h *Host) Known(id shard.ID) shard.Chain { return h.known[id] }

// Request takes a client's operation. It reports false, and does nothing, where no replica of the shard is hosted or
// the kind is unknown.
func (h *Host) Request(q shard.Request) bool {
	e := h.engine(q.Shard)
	switch {
	case e == nil:
		return false
	case q.Kind == shard.Get:
		e.replica.Read(q)
	case q.Kind == shard.Put, q.Kind == shard.Delete, q.Kind == shard.OpenSession:
		e.replica.Write(q)
	default:
		return false
	}
	return true
}

// Durable tells that the first n records written and not yet confirmed are fsynced.
func (h *Host) Durable(n int) {
	clear(h.counts)
	for _, id := range h.writes[:n] {
		h.counts[id]++
	}
	h.writes = slices.Delete(h.writes, 0, n)
	for _, e := range h.hosted {
		if c := h.counts[e.id]; c > 0 {
			h.touch(e)
			e.replica.Durable(c)
			e.follow()
		}
	}
}

// Applied tells up to where the work of a hosted shard is done, and what its register is there.
func (h *Host) Applied(id shard.ID, seqno shard.Seqno, register *sequencer.Register) {
	if e := h.engine(id); e != nil {
		e.applied(seqno, register)
	}
}

// Sessions tells which sessions a hosted shard has, now and then: their idle time is counted from here.
func (h *Host) Sessions(id shard.ID, open []shard.Idle) {
	if e := h.engine(id); e != nil {
		e.sessions(open)
	}
}

// Rewrite lets the log drop its older segments, which hold records of these shards that are still needed.
func (h *Host) Rewrite(shards []shard.ID) {
	for _, id := range shards {
		if e := h.engine(id); e != nil {
			e.replica.Rewrite()
		}
	}
}

// Exported takes the part of a snapshot that the node has read; nil where that snapshot is gone.
func (h *Host) Exported(x shard.Export, p *shard.Part) {
	if e := h.engine(x.Shard); e != nil {
		e.replica.Exported(x, p)
	}
}

// Recalled takes the entries that the node has read from its log; none where they are gone. Each Recall is answered, once.
func (h *Host) Recalled(x shard.Recall, entries []shard.Entry) {
	if e := h.engine(x.Shard); e != nil {
		e.replica.Recalled(x, entries)
		e.follow()
	}
}

// Lacking tells for each shard that somebody learns from this node the position above which entries are lacking there.
func (h *Host) Lacking() map[shard.ID]shard.Seqno {
	lacking := map[shard.ID]shard.Seqno{}
	for _, e := range h.hosted {
		if at := e.replica.Lacking(); at < shard.MaxSeqno {
			lacking[e.id] = at
		}
	}
	return lacking
}

// Filled tells that the part of a snapshot with this number is in the contents; and after the last that all are on disk.
func (h *Host) Filled(id shard.ID, number shard.Number) {
	if e := h.engine(id); e != nil {
		e.replica.Filled(number)
	}
}

// Heard notes a heartbeat of a node, whose disk has not answered for stalled ticks.
func (h *Host) Heard(n shard.NodeID, stalled int) { h.detector.Heard(n, stalled) }

// Spoke notes another sign of life of a node.
func (h *Host) Spoke(n shard.NodeID) { h.detector.Spoke(n) }

// Lost takes evidence that nodes have failed: they are suspected in this very turn, until they are heard of again.
func (h *Host) Lost(nodes []shard.NodeID) {
	before := len(h.events)
	for _, n := range nodes {
		if h.detector.Lost(n) {
			h.events = append(h.events, shard.Event{Kind: shard.EventSuspected, Node: n})
		}
	}
	if len(h.events) == before {
		return
	}
	for _, e := range h.all() {
		e.suspect()
		e.propose() // it may have waited for a word of one of them
	}
}

// Reconnect tells that what was sent to peer on the chain stream may be lost.
func (h *Host) Reconnect(peer shard.NodeID) {
	for _, e := range h.all() {
		e.replica.Reconnect(peer)
	}
}

// Appeared tells that peer, which may have been away, is there.
func (h *Host) Appeared(peer shard.NodeID) {
	for _, e := range h.all() {
		e.replica.Appeared(peer)
	}
}

// Tick passes one unit of time. Late says that it came so late that this node was stalled
// itself, and accuses nobody.
func (h *Host) Tick(late bool) {
	suspected, trusted := h.detector.Tick(late)
	for _, n := range suspected {
		h.events = append(h.events, shard.Event{Kind: shard.EventSuspected, Node: n})
	}
	for _, n := range trusted {
		h.events = append(h.events, shard.Event{Kind: shard.EventTrusted, Node: n})
	}
	for _, e := range h.all() {
		e.tick()
	}
	if h.dirty {
		h.watch()
	}
}

func (h *Host) hears(n shard.NodeID, after int) bool {
	return n == h.opt.Replica.Self || h.detector.Hears(n, after)
}

func (h *Host) watch() {
	set := map[shard.NodeID]bool{}
	for _, e := range h.hosted {
		e.peers(func(n shard.NodeID) { set[n] = true })
	}
	delete(set, h.opt.Replica.Self)
	h.peers = slices.Sorted(maps.Keys(set))
	h.detector.Watch(h.peers)
	h.dirty = false
}

// Peers are the nodes to send heartbeats to, in order.
func (h *Host) Peers() []shard.NodeID { return h.peers }

// Suspected are the nodes suspected now, in order.
func (h *Host) Suspected() []shard.NodeID { return h.detector.Suspected() }

// Err is the first error of a hosted replica: it saw an invariant broken, and the node must stop.
func (h *Host) Err() error {
	for _, e := range h.hosted {
		if err := e.replica.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Standing is one hosted replica as it sees itself and what it sequences.
type Standing struct {
	shard.Standing
	Next     shard.ID
	Register *sequencer.Register
}

// Standings lists the hosted replicas in order of shard.
func (h *Host) Standings() []Standing {
	var all []Standing
	for _, e := range h.hosted {
		all = append(all, Standing{Standing: e.replica.Standing(), Next: e.next, Register: e.register})
	}
	return all
}

// Ready returns what is to be done, and forgets it. Its slices are the caller's until the next call.
func (h *Host) Ready() Ready {
	r := h.given.emptied()
	r.Send, h.strays = append(r.Send, h.strays...), shard.Emptied(h.strays)
	r.Events, h.events = append(r.Events, h.events...), shard.Emptied(h.events)
	for _, e := range h.hosted {
		if !e.touched {
			continue
		}
		e.touched = false
		out := e.replica.Output()
		e.timed(out.Send)
		for range out.Write {
			h.writes = append(h.writes, e.id)
		}
		r.Write = append(r.Write, out.Write...)
		r.Send = append(r.Send, out.Send...)
		for _, m := range e.out {
			m.From = h.opt.Replica.Self
			r.Send = append(r.Send, m)
		}
		r.Work = append(r.Work, out.Work...)
		r.Exports = append(r.Exports, out.Exports...)
		r.Recalls = append(r.Recalls, out.Recalls...)
		r.Replies = append(r.Replies, out.Replies...)
		r.Events = append(append(r.Events, out.Events...), e.events...)
		e.out, e.events = shard.Emptied(e.out), shard.Emptied(e.events)
	}
	r.Learned, h.learned = append(r.Learned, h.learned...), shard.Emptied(h.learned)
	h.given = r
	return r
}
