package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// node is one process: the production core, driven as package node drives it, by events instead of goroutines. It
// has an inbox that is taken in turns, an applier that works some time later, and a disk that outlives it.
type node struct {
	w    *world
	id   shard.NodeID
	disk *disk

	up       bool
	lost     bool // for good: dead, without a working disk, or cut off
	leaving  bool // it hands over, in this life
	drains   bool
	drained  bool // and will not take that back
	life     int  // rises with each boot and each crash, so that what belongs to another life is known as such
	boots    uint64
	pausedTo moment
	// downSince is when it was up last, where it is down.
	downSince moment
	slowTo    moment // until when all that it does takes slowBy longer
	slowBy    between
	stands    moment // until when its clock stands still
	deafTo    moment // until when it hears no heartbeats
	host      *engine.Host
	inbox     []func()
	waking    bool
	lastTick  moment
	machines  map[shard.ID]*shard.Machine
	contents  map[shard.ID]contents
	hosted    []shard.ID // of the machines
	exports   map[export]*exported
	work      []shard.Work
	applying  bool
	ticks     int
	// tickLength is how long a tick of its clock takes.
	tickLength moment
}

func newNode(w *world, id shard.NodeID) *node {
	n := &node{w: w, id: id, tickLength: tick}
	n.disk = newDisk(w, n)
	return n
}

// boot brings the node up from its disk.
func (n *node) boot() {
	n.life++
	n.up, n.inbox, n.waking, n.work, n.applying, n.ticks = true, nil, false, nil, false, 0
	n.machines, n.contents, n.exports = map[shard.ID]*shard.Machine{}, map[shard.ID]contents{}, map[export]*exported{}
	recovered, err := n.recover()
	if err != nil {
		n.up = false
		n.w.faults.stopped(n, fmt.Errorf("does not come up: %w", err))
		return
	}
	n.host, err = engine.NewHost(n.options(), recovered)
	if err != nil {
		n.w.fail(0, 0, "node %d does not come up: %v", n.id, err)
		return
	}
	n.host.Nodes(n.w.candidates())
	n.w.trace.note(n, 0, fmt.Sprintf("boots, for the %d. time", n.boots))
	n.w.rare.boots(n)
	n.lastTick = n.w.now
	n.every(moment(n.w.random.node.Int64N(int64(tick))), func() moment { return n.tickLength + moment(n.w.random.node.Int64N(20)) - 10 }, n.tick)
	n.every(n.w.plan.flushEvery, func() moment { return n.w.plan.flushEvery }, n.disk.flush)
	n.turn()
	if n.up {
		n.w.faults.booted(n)
	}
}

func (n *node) options() engine.Options {
	p := &n.w.plan
	return engine.Options{
		Genesis: n.w.genesis,
		Replica: shard.Options{
			Self: n.id, Numbers: shard.NewNumbers(n.boots),
			MessageBytes: p.messageBytes, InFlightBytes: p.inFlightBytes, WaitingReads: p.waitingReads,
			KeepBytes: p.keepBytes, FillBytes: p.fillBytes, SourceTicks: p.sourceTicks, LineageViews: p.lineageViews,
		},
		SuspectTicks: p.suspectTicks, GraceTicks: p.graceTicks, ReportTicks: p.reportTicks, SessionTicks: p.sessionTicks,
		RegrowTicks: p.regrowTicks, TickMicros: uint64(tick) * momentMicros,
	}
}

// recover reads the disk: the log, trimmed to what the contents hold, and the contents.
func (n *node) recover() (map[shard.ID]engine.Recovered, error) {
	boot, stored, err := n.disk.open()
	if err != nil {
		return nil, err
	}
	n.boots = boot
	recovered := map[shard.ID]engine.Recovered{}
	n.hosted = slices.Sorted(maps.Keys(stored))
	for _, id := range n.hosted {
		m, err := n.openMachine(id)
		if err != nil {
			return nil, err
		}
		recovered[id] = engine.Recovered{Stored: *stored[id], Register: m.Register().(*sequencer.Register)}
	}
	return recovered, nil
}

// openMachine opens the machine of a shard on what its contents hold.
func (n *node) openMachine(id shard.ID) (*shard.Machine, error) {
	c := n.disk.storage.contents(id)
	m, err := shard.OpenMachine(c, n.w.genesis.InitialRegister(id), sequencer.DecodeRegister)
	if err != nil {
		return nil, err
	}
	applied, _ := m.Applied()
	stored, err := c.committed()
	if err != nil {
		return nil, err
	}
	n.contents[id], n.machines[id] = c, m
	n.w.check.Boots(n.id, id, applied, stored)
	return m, nil
}

// learns opens the machines of shards that the host has come to learn since it came up. It reports false where the disk fails, which
// ends the node.
func (n *node) learns() bool {
	for _, s := range n.host.Standings() {
		id := s.Configuration.Shard
		if n.machines[id] != nil {
			continue
		}
		if _, err := n.openMachine(id); err != nil {
			n.disk.fail(fmt.Errorf("shard %d: %w", id, err))
			return false
		}
		n.hosted = append(n.hosted, id)
		slices.Sort(n.hosted)
	}
	return true
}

// crash ends the node's life, with all that was not on disk: the power fails.
func (n *node) crash() { n.end(true) }

func (n *node) end(power bool) {
	n.up, n.inbox, n.work, n.pausedTo, n.leaving, n.downSince = false, nil, nil, 0, false, n.w.now
	n.life++
	n.disk.crash(power)
	n.w.network.crashed(n)
	n.w.rare.crashes(n)
	n.w.faults.evidence(n)
}

// pause stops the node for a time, or for longer where it is paused already.
func (n *node) pause(lasts moment) {
	n.pausedTo = max(n.pausedTo, n.w.now+lasts)
	n.w.after(lasts, n.resume)
}

func (n *node) paused() bool { return n.pausedTo > n.w.now }

// resume goes on with what waited for the end of a pause.
func (n *node) resume() {
	n.wake()
	n.apply()
}

// repair takes back what faults did to the node, its life apart, and what is lost for good.
func (n *node) repair() {
	n.disk.repair()
	n.pausedTo, n.slowTo, n.stands, n.deafTo, n.tickLength, n.drains = 0, 0, 0, 0, tick, n.drained
	n.resume()
}

// every calls do again and again in the present life.
func (n *node) every(first moment, period func() moment, do func()) {
	life := n.life
	var again func()
	again = func() {
		if n.life == life {
			do()
			n.w.after(period(), again)
		}
	}
	n.w.after(first, again)
}

// take puts news into the inbox, which is looked at some time later.
func (n *node) take(news func()) {
	if n.up {
		n.inbox = append(n.inbox, news)
		n.wake()
	}
}

func (n *node) wake() {
	if n.waking || len(n.inbox) == 0 || n.paused() {
		return
	}
	n.waking = true
	life := n.life
	n.w.after(n.w.plan.turn.pick(n.w.random.node)+n.slowed(), func() {
		if n.life != life {
			return
		}
		if n.waking = false; !n.paused() {
			n.turn()
		}
	})
}

// slowed is what the node takes beyond the usual.
func (n *node) slowed() moment {
	if n.slowTo <= n.w.now {
		return 0
	}
	return n.slowBy.pick(n.w.random.node)
}

// turn tells the host all news and does what it wants.
func (n *node) turn() {
	n.host.Now(uint64(n.w.now) * momentMicros)
	for len(n.inbox) > 0 && n.w.failure == nil {
		inbox := n.inbox
		n.inbox = nil
		for _, news := range inbox {
			news()
		}
	}
	n.handle()
	if n.up {
		n.wake()
	}
}

// handle does what the host wants, as package engine's Ready orders it. The node may crash anywhere on the way.
func (n *node) handle() {
	r := n.host.Ready()
	if !n.learns() {
		return
	}
	n.w.faults.ready(n, r.Write, r.Send, r.Events)
	crash := n.w.faults.crashPoint(n, len(r.Write), len(r.Send))
	if crash == 0 {
		n.w.faults.crashNode(n, n.w.faults.downtime())
		return
	}
	if crash > 0 {
		r.Send = r.Send[:crash-1]
	}
	n.w.rare.ready(n, &r)
	n.w.check.Accepts(n.id, r.Write)
	for i := range r.Send {
		n.w.check.Sends(n.id, &r.Send[i])
	}
	for i := range r.Work {
		var came check.Moment
		stale := false
		if a, ok := r.Work[i].Token.(*attempt); ok {
			came, stale = a.came, a.request.Stale
		}
		n.w.check.Works(n.id, &r.Work[i], came, stale)
	}
	for _, s := range n.host.Standings() {
		n.w.check.Stands(n.id, &s.Standing)
	}
	if len(r.Write) > 0 {
		n.disk.write(r.Write)
		if slices.ContainsFunc(r.Write, func(rec shard.Record) bool { return rec.Kind != shard.RecordEntry }) {
			n.w.faults.turning(n)
		}
	}
	for _, m := range r.Send {
		n.send(m)
	}
	if crash > 0 {
		n.w.faults.crashNode(n, n.w.faults.downtime())
		return
	}
	n.work = append(n.work, r.Work...)
	n.apply()
	for _, x := range r.Exports {
		n.export(x)
	}
	for _, x := range r.Recalls {
		n.disk.recall(x)
	}
	for _, reply := range r.Replies {
		reply.Token.(*attempt).answer(n, reply.Result)
	}
	for _, e := range r.Events {
		n.w.trace.event(n, &e)
	}
	for _, chain := range r.Learned {
		n.w.network.gossip(n, chain)
	}
	if err := n.host.Err(); err != nil {
		n.w.fail(0, n.w.broken(n), "node %d stops: %v", n.id, err)
	}
}

// broken is the shard that made the node stop.
func (w *world) broken(n *node) shard.ID {
	for _, s := range n.host.Standings() {
		if s.Err != nil {
			return s.Configuration.Shard
		}
	}
	return 0
}

func (n *node) send(m shard.Message) {
	n.w.trace.message(n, "sends", &m)
	if m.To == n.id {
		n.inbox = append(n.inbox, func() { n.step(m) })
		return
	}
	n.w.network.send(n, m)
}

// step takes a message, which passes the wire's validation first.
func (n *node) step(m shard.Message) {
	n.w.trace.message(n, "takes", &m)
	if err := m.Valid(); err != nil {
		n.w.fail(0, m.Shard, "node %d sends what the wire refuses: %v", m.From, err)
		return
	}
	n.w.check.Takes(n.id, &m)
	n.w.rare.takes(n, &m)
	n.host.Step(m)
}

// tick comes every tick of the node's clock; a paused node takes one of those it missed, late.
func (n *node) tick() {
	if n.stands > n.w.now || n.pausedTo-n.w.now > n.tickLength {
		return
	}
	n.take(func() {
		late := n.w.plan.honestTicks && n.w.now-n.lastTick > 3*n.tickLength
		n.lastTick = n.w.now
		n.tickHost(late)
	})
}

// tickHost tells the host that one unit of time has passed, and others that the node lives.
func (n *node) tickHost(late bool) {
	n.ticks++
	n.host.Tick(late)
	stalled := 0
	if n.disk.since > 0 {
		stalled = int((n.w.now - n.disk.since) / tick)
	}
	for _, peer := range n.host.Peers() {
		n.w.network.beat(n, peer, stalled)
	}
	if n.ticks%exchangeEvery == 0 {
		n.w.network.exchange(n)
	}
	if n.ticks%10 == 0 {
		n.host.Nodes(n.w.candidates())
		n.disk.storage.hold(n.host.Lacking())
		for _, id := range n.hosted {
			open := n.machines[id].Sessions()
			n.take(func() { n.host.Sessions(id, open) })
		}
	}
}

func (n *node) durable(records int) {
	n.w.faults.synced(n)
	n.take(func() { n.host.Durable(records) })
}

// apply lets the applier work some time later, on some of what there is.
func (n *node) apply() {
	if n.applying || len(n.work) == 0 || n.paused() {
		return
	}
	n.applying = true
	life := n.life
	takes := n.w.plan.apply.pick(n.w.random.node) + n.slowed()
	if n.w.calm {
		takes = min(takes, tick/10)
	}
	n.w.after(takes, func() {
		if n.life != life {
			return
		}
		if n.applying = false; n.paused() {
			return
		}
		batch := n.work[:1+n.w.random.node.IntN(len(n.work))]
		n.work = n.work[len(batch):]
		n.applyBatch(batch)
		n.apply()
	})
}

func (n *node) applyBatch(batch []shard.Work) {
	touched := map[shard.ID]bool{}
	answers, at := make([]shard.Result, len(batch)), make([]shard.Seqno, len(batch))
	for i, w := range batch {
		m := n.machines[w.Shard]
		var err error
		switch {
		case w.Clear || w.Part != nil:
			delete(touched, w.Shard) // what was applied before is taken away with the rest
			err = n.fill(m, &w)
		case w.Entry == nil:
			answers[i], err = m.Read(w.Key)
		default:
			touched[w.Shard] = true
			answers[i], err = m.Apply(w.Entry)
		}
		if err != nil {
			n.disk.fail(fmt.Errorf("shard %d: apply: %w", w.Shard, err))
			return
		}
		if w.Entry != nil {
			n.w.check.Applied(n.id, w.Shard, w.Entry.Seqno(), answers[i])
		}
		n.w.rare.applied(n, &w, &answers[i])
		at[i], _ = m.Applied()
	}
	for _, id := range n.hosted {
		if !touched[id] {
			continue
		}
		m := n.machines[id]
		if err := m.Commit(); err != nil {
			n.disk.fail(fmt.Errorf("shard %d: commit: %w", id, err))
			return
		}
		applied, _ := m.Applied()
		stored, err := n.contents[id].committed()
		if err != nil {
			n.disk.fail(fmt.Errorf("shard %d: scan: %w", id, err))
			return
		}
		n.w.check.Shows(n.id, id, applied, stored)
		register := m.Register().(*sequencer.Register)
		n.take(func() { n.host.Applied(id, applied, register) })
	}
	for i, w := range batch {
		if a, ok := w.Token.(*attempt); ok {
			n.w.check.Answers(n.id, &a.request, a.came, at[i], answers[i])
			a.answer(n, answers[i])
			if w.Entry != nil {
				n.w.faults.at(AtAnswered, n, w.Shard)
			}
		}
	}
}
