package node

import (
	"fmt"
	"time"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// member is what a node has once it belongs to a cluster: its replicas and what drives them.
type member struct {
	*proxy
	inbox     *inbox
	loop      *loop
	persister *persister
	applier   *applier
	exporter  *exporter
	recaller  *recaller
}

// What no user needs to set.
const (
	// graceAfterStart is how long a node that has just started waits for the first word of another: all of a cluster
	// may be starting.
	graceAfterStart = 10 * time.Second
	// sessionsEvery is how often the idle time of sessions is looked at.
	sessionsEvery = 10 * time.Second
	// batchBytes bounds the entries in one message between nodes: enough that its cost is theirs.
	batchBytes = 1 << 20
	// keepBytes of committed entries are kept in memory for each replica: who is behind by no more needs nothing from the disk.
	keepBytes = 1 << 20
	// sourceTime is how long a node may take to read a part of a snapshot before another is asked.
	sourceTime = 2 * time.Second
	// holdTimes is how much longer than otherwise the log may become while somebody learns, and lacks what is in it.
	holdTimes = 4
	// nodesEvery is how often it is looked which nodes could become members, and what is lacking elsewhere.
	nodesEvery = time.Second
)

// join brings up the replicas, and lets the node take part.
func (n *Node) join(g *sequencer.Genesis) error {
	self := n.store.Node()
	tick, patience := tickLength(n.cfg.SuspectAfter)
	m := &member{inbox: newInbox()}
	clock := func() time.Duration { return time.Since(n.began) }
	m.persister = newPersister(n.store, n.metrics, int64(n.cfg.LogKeep+n.cfg.LogRetention), int64(n.cfg.Memtable), clock,
		func(durable int) { m.inbox.add(func(x *news) { x.durable += durable }) },
		func(held []shard.ID) {
			m.inbox.add(func(x *news) { x.calls = append(x.calls, func(h *engine.Host) { h.Rewrite(held) }) })
		}, n.fail)
	var err error
	if m.applier, err = newApplier(n.store, n.metrics, m.inbox, n.cfg.TransferRate, sessionsEvery, n.fail); err != nil {
		return err
	}
	m.exporter = newExporter(n.store, m.inbox, n.log, n.partBytes(), n.fail)
	m.recaller = newRecaller(n.store, m.inbox, n.cfg.TransferRate, n.fail)
	recovered := map[shard.ID]engine.Recovered{}
	hosted := map[shard.ID]bool{}
	for id, stored := range n.store.Replicas() {
		recovered[id] = engine.Recovered{Stored: *stored, Register: m.applier.register(id)}
		hosted[id] = true
	}
	host, err := engine.NewHost(engine.Options{
		Genesis: g,
		Replica: shard.Options{
			Self: self, Numbers: shard.NewNumbers(n.store.Boot()),
			MessageBytes: min(batchBytes, int(n.cfg.MaxMessage)/2), InFlightBytes: int(n.cfg.MaxInFlightBytes), WaitingReads: n.cfg.MaxQueuedReads,
			MinReplicas: n.cfg.MinReplicas, KeepBytes: keepBytes, FillBytes: max(1, int(float64(n.cfg.TransferRate)*tick.Seconds())),
			SourceTicks: int(sourceTime / tick),
		},
		SuspectTicks: patience, GraceTicks: int(graceAfterStart / tick), ReportTicks: 2 * patience,
		SessionTicks: int(n.cfg.SessionExpiry / tick), RegrowTicks: int((n.cfg.RegrowAfter + tick - 1) / tick),
		TickMicros: uint64(tick / time.Microsecond),
	}, recovered)
	if err != nil {
		return fmt.Errorf("replicas of cluster %s: %w", g.Cluster, err)
	}
	m.loop = &loop{
		node: n, member: m, host: host, inbox: m.inbox, tick: tick, ended: make(chan struct{}), spans: spans{},
		doubts: suspicions{boots: map[shard.NodeID]uint64{}}, hosted: hosted, nodesEvery: uint64(max(1, nodesEvery/tick)),
	}
	m.proxy = &proxy{
		self: self, ring: g.Ring, serves: m.applier.standing.serves, newest: map[shard.ID]shard.Configuration{},
		forward: n.forwarder.Forward,
	}
	for _, c := range g.Initial {
		m.proxy.learn(shard.Chain{c})
	}
	if err := n.gossip.SetCluster(g.Cluster); err != nil {
		return err
	}
	if err := n.watch(m, host); err != nil {
		return err
	}
	n.member.Store(m)
	n.goroutine(func() { m.persister.run(n.ctx) })
	n.goroutine(func() { m.persister.runTrim(n.ctx) })
	n.goroutine(func() { m.persister.runPrepare(n.ctx) })
	n.goroutine(func() { m.applier.run(n.ctx) })
	n.goroutine(func() { m.applier.flusher.run(n.ctx) })
	n.goroutine(func() { m.exporter.run(n.ctx) })
	n.goroutine(func() { m.recaller.run(n.ctx) })
	n.goroutine(func() { m.loop.run(n.ctx) })
	n.server.SetServing(true)
	n.log.Info("node belongs to a cluster", "cluster", g.Cluster, "shards", len(g.Ring), "replicas", len(recovered), "suspect-after", n.cfg.SuspectAfter, "tick", tick)
	return nil
}

// partBytes is the size of a part of a snapshot: with the longest key and value behind it, it still fits into a message.
func (n *Node) partBytes() int {
	room := n.cfg.MaxMessage - n.cfg.MaxKey - n.cfg.MaxValue - messageFrame/2
	return min(partBytes, int(room))
}

// candidates are the nodes of this cluster that seem to be alive.
func (n *Node) candidates() []sequencer.Candidate {
	var nodes []sequencer.Candidate
	cluster := n.cluster()
	for _, x := range n.gossip.Nodes() {
		if x.Alive && x.Cluster == cluster && !n.ended(x.ID, x.Boot) {
			nodes = append(nodes, sequencer.Candidate{ID: x.ID, Zone: x.Zone, Drains: x.Drains})
		}
	}
	return nodes
}

// Submit takes operations of a client, or of a node that forwards them.
func (n *Node) Submit(ops []rpc.Operation) {
	m := n.member.Load()
	if m == nil {
		for _, op := range ops {
			op.Answer(shard.Result{Status: rpc.Unavailable, Reason: "this node belongs to no cluster yet: run ringward init"})
		}
		return
	}
	local := make([]shard.Request, 0, len(ops))
	for _, op := range ops {
		if n.route(m, &op) {
			local = append(local, op.Request)
		}
	}
	if len(local) > 0 {
		m.inbox.add(func(x *news) { x.requests = append(x.requests, local...) })
	}
}

// route forwards an operation, or reports that it is for a replica of this node.
func (n *Node) route(m *member, op *rpc.Operation) (local bool) {
	if op.Shard == 0 {
		op.Shard = m.ring.Owner(op.Key)
	} else if owner := m.ring.Owner(op.Key); op.Kind != shard.OpenSession && owner != op.Shard || m.configuration(op.Shard).Epoch == 0 {
		op.Answer(shard.Result{Status: rpc.Invalid, Reason: fmt.Sprintf("shard %d does not own key %q: shard %d does", op.Shard, op.Key, owner)})
		return false
	}
	op.Traceparent, op.Answer = n.trace(op.Request, op.Traceparent, op.Answer)
	op.Trace = sampled(op.Traceparent)
	op.Answer = n.metrics.Observe(op.Request, op.Answer)
	return m.route(op)
}

// Ring is the ring as this node knows it.
func (n *Node) Ring() (rpc.Ring, error) {
	m := n.member.Load()
	if m == nil {
		return rpc.Ring{}, fmt.Errorf("%w: run ringward init", rpc.ErrNoCluster)
	}
	r := rpc.Ring{Cluster: n.cluster(), Slices: m.ring, Configurations: m.configurations()}
	for _, x := range n.gossip.Nodes() {
		r.Nodes = append(r.Nodes, rpc.Node{ID: x.ID, Name: x.Name, Zone: x.Zone, Address: x.Address})
	}
	return r, nil
}

// Receive takes messages of another node.
func (n *Node) Receive(from shard.NodeID, messages []shard.Message) {
	if m := n.member.Load(); m != nil {
		n.metrics.Received(messages)
		m.inbox.add(func(x *news) {
			x.messages = append(x.messages, messages...)
			x.heard = append(x.heard, sign{node: from})
		})
	}
}

// Alive takes a heartbeat (iAmAlive) of another node.
func (n *Node) Alive(from shard.NodeID, beat rpc.Heartbeat) {
	if m := n.member.Load(); m != nil {
		n.metrics.Heartbeat()
		stalled := int(beat.StorageStalled / m.loop.tick)
		// Time counts in ticks: a turn of the loop for each heartbeat would tell it nothing sooner.
		m.inbox.note(func(x *news) { x.heard = append(x.heard, sign{node: from, beat: true, stalled: stalled}) })
	}
}

// down tells that messages sent to peer may be lost.
func (n *Node) down(peer shard.NodeID, t shard.Traffic) {
	if m := n.member.Load(); m != nil && t == shard.ChainTraffic {
		m.inbox.add(func(x *news) { x.reconnects = append(x.reconnects, peer) })
	}
}

// hint takes decided configurations that gossip spread.
func (n *Node) hint(c shard.Chain) {
	if m := n.member.Load(); m != nil {
		m.inbox.add(func(x *news) { x.hints = append(x.hints, c) })
	}
}

// learned takes decided configurations that were news to the host: requests follow them, and others hear of them.
func (n *Node) learned(m *member, c shard.Chain) {
	m.proxy.learn(c)
	if err := n.gossip.Hint(c); err != nil {
		n.log.Warn("hint not spread", "error", err)
	}
}
