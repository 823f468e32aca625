package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// world is the nodes of a cluster with their disks and the network between them. It is quick and kind: what a
// host wants done is done before the next tick, unless the test has crashed a node or cut a connection.
type world struct {
	t       testing.TB
	opt     Options // but for what differs between nodes
	nodes   []*node
	net     []shard.Message
	cuts    map[[2]shard.NodeID]bool // from, to
	drop    map[shard.MessageKind]bool
	asked   int
	ticks   int
	verbose bool // every message is written down
	out     strings.Builder
}

// node is one data directory and, unless it has crashed, the host over it.
type node struct {
	id       shard.NodeID
	boot     uint64
	host     *Host
	log      map[shard.ID][]shard.Record // durable
	pending  []shard.Record
	stalled  int // ticks for which the disk has not answered; -1: it does
	late     bool
	machines map[shard.ID]*shard.Machine
	contents map[shard.ID]*contents
	filled   map[shard.ID]*contents // by a snapshot: what outlives a crash
	exports  map[shard.Number]*contents
}

func id(name string) shard.NodeID { return shard.NodeID(name[0]-'a') + 1 }

func name(n shard.NodeID) string { return string(rune('a' + n - 1)) }

func ids(word string) (ids []shard.NodeID) {
	for _, n := range word {
		ids = append(ids, id(string(n)))
	}
	return ids
}

func names(ids []shard.NodeID) string {
	var b strings.Builder
	for _, n := range ids {
		b.WriteString(name(n))
	}
	return b.String()
}

func describe(c shard.Configuration) string { return fmt.Sprintf("%d(%s)", c.Epoch, names(c.Members)) }

func testOptions() Options {
	return Options{
		Replica:      shard.Options{MessageBytes: 1 << 20, InFlightBytes: 1 << 20, WaitingReads: 100},
		SuspectTicks: 4, GraceTicks: 8, ReportTicks: 8, SessionTicks: 20, TickMicros: 10000,
	}
}

// newWorld starts a cluster: one word for the members of each shard, in the order of the ring.
func newWorld(t testing.TB, opt Options, shards ...string) *world {
	w := &world{t: t, opt: opt, cuts: map[[2]shard.NodeID]bool{}, drop: map[shard.MessageKind]bool{}}
	g := &sequencer.Genesis{Cluster: "test", Ring: sequencer.NewRing(len(shards))}
	for i, members := range shards {
		g.Initial = append(g.Initial, shard.Configuration{Shard: shard.ID(i + 1), Epoch: 1, Members: ids(members)})
	}
	w.opt.Genesis = g
	for _, n := range ids("abcdefgh") {
		if !slices.ContainsFunc(g.Initial, func(c shard.Configuration) bool { return c.Has(n) }) {
			continue
		}
		x := newNode(n)
		for _, c := range g.Initial {
			if c.Has(n) {
				x.log[c.Shard] = []shard.Record{{
					Shard: c.Shard, Kind: shard.RecordState, Chain: shard.Chain{c}, Epoch: 1, Lineage: shard.Lineage{{Epoch: 1}},
				}}
			}
		}
		w.nodes = append(w.nodes, x)
	}
	for _, n := range w.nodes {
		w.start(n)
	}
	return w
}

func newNode(n shard.NodeID) *node {
	return &node{id: n, log: map[shard.ID][]shard.Record{}, stalled: -1, filled: map[shard.ID]*contents{}}
}

func (w *world) node(n shard.NodeID) *node {
	i := slices.IndexFunc(w.nodes, func(x *node) bool { return x.id == n })
	if i < 0 {
		w.t.Fatalf("no node %v", n)
	}
	return w.nodes[i]
}

func (w *world) logf(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

// start brings a host up from its log. Its contents are empty, or what a snapshot brought: everything else is applied once more.
func (w *world) start(n *node) {
	n.boot++
	n.machines, n.contents, n.exports = map[shard.ID]*shard.Machine{}, map[shard.ID]*contents{}, map[shard.Number]*contents{}
	recovered := map[shard.ID]Recovered{}
	for s, log := range n.log {
		var stored shard.Stored
		for _, rec := range log {
			if err := stored.Replay(rec); err != nil {
				w.t.Fatalf("log of %s: %v", name(n.id), err)
			}
		}
		if stored.Void() {
			delete(n.filled, s)
		}
		m := w.machine(n, s)
		if err := stored.Forget(m.Applied()); err != nil {
			w.t.Fatalf("log of %s: %v", name(n.id), err)
		}
		recovered[s] = Recovered{Stored: stored, Register: m.Register().(*sequencer.Register)}
	}
	opt := w.opt
	opt.Replica.Self, opt.Replica.Numbers = n.id, shard.NewNumbers(n.boot)
	var err error
	if n.host, err = NewHost(opt, recovered); err != nil {
		w.t.Fatal(err)
	}
	w.meet(n)
}

// join starts nodes that hold nothing, and lets all know of all.
func (w *world) join(spares string) {
	for _, n := range ids(spares) {
		w.nodes = append(w.nodes, newNode(n))
		w.start(w.nodes[len(w.nodes)-1])
	}
	for _, n := range w.nodes {
		w.meet(n)
	}
}

// meet tells a node which others there are.
func (w *world) meet(n *node) {
	var all []sequencer.Candidate
	for _, other := range w.nodes {
		all = append(all, sequencer.Candidate{ID: other.id})
	}
	n.host.Nodes(all)
}

// machine opens that of a shard, whose contents are those of its last snapshot.
func (w *world) machine(n *node, s shard.ID) *shard.Machine {
	if m := n.machines[s]; m != nil {
		return m
	}
	c := &contents{kv: map[string][]byte{}}
	if filled := n.filled[s]; filled != nil {
		c = filled.clone()
	}
	m, err := shard.OpenMachine(c, w.opt.Genesis.InitialRegister(s), sequencer.DecodeRegister)
	if err != nil {
		w.t.Fatal(err)
	}
	n.contents[s], n.machines[s] = c, m
	return m
}

// crash loses what was not fsynced, and what was on its way to the node.
func (w *world) crash(n *node) {
	n.host, n.pending = nil, nil
	w.net = slices.DeleteFunc(w.net, func(m shard.Message) bool { return m.To == n.id })
}

// tick passes one unit of time at every node: heartbeats first, then the tick, then all that follows from it.
func (w *world) tick() {
	w.ticks++
	for _, from := range w.nodes {
		if from.host == nil {
			continue
		}
		if from.stalled >= 0 {
			from.stalled++
		}
		for _, to := range from.host.Peers() {
			if n := w.node(to); n.host != nil && !w.cuts[[2]shard.NodeID{from.id, to}] {
				n.host.Heard(from.id, max(from.stalled, 0))
			}
		}
	}
	for _, n := range w.nodes {
		if n.host != nil {
			n.host.Now(uint64(w.ticks) * w.opt.TickMicros)
			n.host.Tick(n.late)
			n.late = false
		}
	}
	w.settle()
}

// settle does what the hosts want done until they want nothing more.
func (w *world) settle() {
	for range 1000 {
		busy := false
		for _, n := range w.nodes {
			busy = w.drain(n) || busy
		}
		arriving := w.net
		w.net = nil
		for _, m := range arriving {
			if n := w.node(m.To); n.host != nil {
				n.host.Step(m)
				w.drain(n)
			}
			busy = true
		}
		if !busy {
			return
		}
	}
	w.t.Fatal("the hosts do not come to rest")
}

// drain does what one host wants done, in the order of Ready.
func (w *world) drain(n *node) (busy bool) {
	if n.host == nil {
		return false
	}
	for {
		n.host.wantTouched(w.t)
		r := n.host.Ready()
		if r.Empty() {
			return busy
		}
		busy = true
		n.pending = append(n.pending, r.Write...)
		for _, m := range r.Send {
			w.send(m)
		}
		for _, work := range r.Work {
			w.work(n, work)
		}
		for _, x := range r.Exports {
			n.host.Exported(x, w.export(n, x))
		}
		for _, x := range r.Recalls {
			n.host.Recalled(x, w.recall(n, x))
		}
		for _, reply := range r.Replies {
			w.logf("%s answers %v: %s", name(n.id), reply.Token, describeResult(reply.Result))
		}
		for _, e := range r.Events {
			w.event(n, e)
		}
		if n.stalled < 0 {
			w.fsync(n)
		}
		if err := n.host.Err(); err != nil {
			w.t.Fatalf("node %s stops: %v", name(n.id), err)
		}
	}
}

func (w *world) send(m shard.Message) {
	if err := m.Valid(); err != nil {
		w.t.Fatalf("%s sends what no correct node sends: %v", name(m.From), err)
	}
	lost := w.cuts[[2]shard.NodeID{m.From, m.To}] || w.drop[m.Kind]
	if w.verbose {
		w.logf("%s -> %s %v of shard %d, epoch %d%s", name(m.From), name(m.To), m.Kind, m.Shard, m.Epoch, map[bool]string{true: ", lost"}[lost])
	}
	if !lost {
		w.net = append(w.net, m)
	}
}

func (w *world) fsync(n *node) {
	if len(n.pending) == 0 {
		return
	}
	k := len(n.pending)
	for _, rec := range n.pending {
		n.log[rec.Shard] = append(n.log[rec.Shard], rec)
	}
	n.pending = nil
	n.host.Durable(k)
}

func (w *world) work(n *node, work shard.Work) {
	m := w.machine(n, work.Shard)
	var result shard.Result
	var err error
	if work.Clear {
		err = m.Clear()
	} else if work.Part != nil {
		if err = m.Fill(work.Part); work.Part.Done {
			n.filled[work.Shard] = n.contents[work.Shard].clone()
			seqno, _ := m.Applied()
			n.host.Applied(work.Shard, seqno, m.Register().(*sequencer.Register))
		}
		n.host.Filled(work.Shard, work.Part.Number)
	} else if work.Entry == nil {
		result, err = m.Read(work.Key)
	} else if result, err = m.Apply(work.Entry); err == nil {
		err = m.Commit()
		seqno, _ := m.Applied()
		n.host.Applied(work.Shard, seqno, m.Register().(*sequencer.Register))
	}
	if err != nil {
		w.t.Fatalf("applier of %s: %v", name(n.id), err)
	}
	if work.Token != nil {
		w.logf("%s answers %v: %s", name(n.id), work.Token, describeResult(result))
	}
}

func describeResult(r shard.Result) string {
	s := r.Status.String()
	if r.Version > 0 {
		s += fmt.Sprintf(" version=%d", r.Version)
	}
	if r.Value != nil {
		s += fmt.Sprintf(" value=%s", r.Value)
	}
	if len(r.Chain) > 0 {
		s += " newest=" + describe(r.Chain.Newest())
	}
	return s
}

func (w *world) event(n *node, e shard.Event) {
	switch e.Kind {
	case shard.EventSuspected:
		w.logf("tick %d: %s suspects %s", w.ticks, name(n.id), name(e.Node))
	case shard.EventTrusted:
		w.logf("tick %d: %s trusts %s", w.ticks, name(n.id), name(e.Node))
	case shard.EventReconfigured:
		w.logf("tick %d: %s sees shard %d reconfigured: %s", w.ticks, name(n.id), e.Shard, describe(e.Configuration))
	case shard.EventWedged:
		w.logf("tick %d: %s is wedged in shard %d at %v by %s", w.ticks, name(n.id), e.Shard, e.From, describe(e.Configuration))
	case shard.EventViewChange:
		w.logf("tick %d: %s changes view in shard %d from %v to %v", w.ticks, name(n.id), e.Shard, e.From, e.To)
	case shard.EventSynced:
		w.logf("tick %d: %s is synced in shard %d at %v", w.ticks, name(n.id), e.Shard, e.To)
	default:
		w.logf("tick %d: %s %v", w.ticks, name(n.id), e.Kind)
	}
}

func (w *world) standing(n *node) {
	if n.host == nil {
		w.logf("%s crashed", name(n.id))
		return
	}
	for _, s := range n.host.Standings() {
		flags := ""
		if s.Synced {
			flags += " synced"
		}
		if s.Held {
			flags += " held"
		}
		var chain []string
		for _, c := range s.Register.Chain {
			chain = append(chain, describe(c))
		}
		learner := ""
		if s.Register.Learner != 0 {
			learner = " learner " + name(s.Register.Learner)
		}
		w.logf("%s shard %d %v %s last=%d commit=%d%s, next %d: %s activated %d%s", name(n.id), s.Configuration.Shard, s.State,
			describe(s.Configuration), s.Last, s.Commit, flags, s.Next, strings.Join(chain, ","), s.Register.Activated, learner)
	}
}

// history shows what the replicas of a node remember of decisions about a shard.
func (w *world) history(n *node, of shard.ID) {
	for _, s := range n.host.Standings() {
		if s.Next != of {
			continue
		}
		for _, d := range s.Register.Decisions {
			reason := map[bool]string{true: "an operator", false: "grown"}[d.By == 0]
			for i, x := range d.Suspicions {
				reason = map[bool]string{true: "", false: reason + ", "}[i == 0] + fmt.Sprintf("%s suspects %s, silent %d", name(x.By), name(x.Of), x.Silent)
				if x.By == x.Of {
					reason = name(x.Of) + " leaves"
				}
			}
			outcome := "not ACTIVE yet"
			if d.Active {
				outcome = fmt.Sprintf("base %d, persisted %d, wedge %d, inherit %d, all active %d", d.Base, d.Persisted, d.Wedge, d.Inherit, d.AllActive)
			}
			if d.Served != 0 {
				outcome += fmt.Sprintf(", served %d", d.Served)
			}
			by := "nobody"
			if d.By != 0 {
				by = name(d.By)
			}
			w.logf("%s: at %d by %s: %s; %s", describe(d.Configuration), d.At, by, reason, outcome)
		}
	}
}

// contents keeps a shard's applied state in memory.
type contents struct{ kv map[string][]byte }

func (c *contents) Get(key []byte) ([]byte, bool, error) {
	v, ok := c.kv[string(key)]
	return slices.Clone(v), ok, nil
}

func (c *contents) Set(key, value []byte) error {
	c.kv[string(key)] = slices.Clone(value)
	return nil
}

func (c *contents) Delete(key []byte) error {
	delete(c.kv, string(key))
	return nil
}

func (c *contents) Scan(prefix []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(c.kv)) {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), c.kv[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contents) clone() *contents { return &contents{kv: maps.Clone(c.kv)} }

func (c *contents) From(after []byte, f func(key, value []byte) bool) error {
	for _, k := range slices.Sorted(maps.Keys(c.kv)) {
		if k > string(after) && !f([]byte(k), c.kv[k]) {
			break
		}
	}
	return nil
}

func (c *contents) Clear() error {
	clear(c.kv)
	return nil
}

func (c *contents) Commit() error { return nil }

// wantTouched fails where a replica wants something done that Ready would pass over.
func (h *Host) wantTouched(t testing.TB) {
	t.Helper()
	for _, e := range h.hosted {
		if e.touched {
			continue
		}
		out := e.replica.Output()
		if r := (Ready{Write: out.Write, Send: append(out.Send, e.out...), Work: out.Work, Exports: out.Exports, Recalls: out.Recalls,
			Replies: out.Replies, Events: append(out.Events, e.events...)}); !r.Empty() {
			t.Fatalf("nobody noted that something happened to shard %d, which wants %+v", e.id, r)
		}
	}
}
