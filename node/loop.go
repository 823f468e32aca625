package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/shard"
)

// loop is the one goroutine that drives the protocol of this node. Each turn takes all news, steps the
// host, and hands out what it wants done, in the order that engine.Ready explains.
type loop struct {
	node   *Node
	member *member
	host   *engine.Host
	inbox  *inbox
	tick   time.Duration
	// nodesEvery is after how many ticks the host is told again which nodes there are.
	nodesEvery uint64
	own        []shard.Message // from this node to itself, taken in the next turn
	send       []shard.Message // reused
	spans      spans
	ticked     time.Time      // when the last tick came
	lost       []shard.NodeID // reused
	doubts     suspicions
	hosted     map[shard.ID]bool // the shards that have a replica here
	left       chan struct{}     // closed when what was asked for by HandOver is done; nil: it was not asked for
	ended      chan struct{}     // closed when run has returned
}

// maxTick bounds the time between two ticks; a tick is a part of suspect-after otherwise.
const maxTick = 50 * time.Millisecond

// ticksPerSuspicion is how many ticks of silence make a suspicion, where they are not too short for it.
const ticksPerSuspicion = 5

// tickLength is how long a tick is, at least a millisecond, and how many of them suspect-after takes.
func tickLength(suspectAfter time.Duration) (tick time.Duration, patience int) {
	tick = min(max(suspectAfter/ticksPerSuspicion, time.Millisecond), maxTick)
	return tick, max(1, int(suspectAfter/tick))
}

// run drives the host until ctx ends or a replica sees an invariant broken.
func (l *loop) run(ctx context.Context) {
	defer close(l.ended)
	ticker := time.NewTicker(l.tick)
	defer ticker.Stop()
	l.ticked = time.Now()
	var spare news
	for ticks := uint64(0); ; {
		ticked := false
		select {
		case <-ctx.Done():
			return
		case <-l.inbox.wake:
			gather()
		case <-ticker.C:
			ticked = true
		}
		l.host.Now(uint64(time.Now().UnixMicro()))
		taken := l.inbox.take(&spare)
		l.turn(&taken)
		spare = taken
		if ticked {
			l.host.Tick(!l.mayAccuse())
			l.ticked = time.Now()
			if ticks%l.nodesEvery == 0 {
				l.host.Nodes(l.node.candidates())
				l.node.store.Hold(l.host.Lacking())
			}
			ticks++
			l.node.beat(l.member, ticks)
		}
		for l.handle() {
			// What the node tells itself is news as well.
			own := l.own
			l.own = nil
			for _, m := range own {
				l.host.Step(m)
			}
		}
		if err := l.host.Err(); err != nil {
			l.node.fail(err)
			return
		}
		if l.left != nil && l.host.HandedOver() {
			close(l.left)
			l.left = nil
		}
	}
}

// mayAccuse reports whether this node's opinion of others is worth anything. One that was stalled itself comes late to all that
// happened, and where one stops others may be stopping as well.
func (l *loop) mayAccuse() bool {
	return !l.node.stopping.Load() && time.Since(l.ticked) <= 3*l.tick
}

// turn tells the host what happened.
func (l *loop) turn(n *news) {
	l.signs(n.heard)
	if n.durable > 0 {
		l.host.Durable(n.durable)
	}
	for _, a := range n.applied {
		l.host.Applied(a.shard, a.seqno, a.register)
	}
	for _, f := range n.filled {
		l.host.Filled(f.shard, f.number)
	}
	for _, x := range n.exported {
		l.host.Exported(x.export, x.part)
	}
	for _, x := range n.recalled {
		l.host.Recalled(x.recall, x.entries)
	}
	for _, c := range n.hints {
		l.host.Learn(c)
	}
	for _, peer := range n.reconnects {
		l.host.Reconnect(peer)
	}
	for _, peer := range n.appeared {
		l.host.Appeared(peer)
	}
	for _, m := range n.messages {
		l.host.Step(m)
	}
	for _, q := range n.requests {
		if !l.host.Request(q) {
			q.Token.(done)(shard.Result{Status: shard.Refused, Reason: fmt.Sprintf("this node hosts no replica of shard %d", q.Shard)})
		}
	}
	for _, s := range n.sessions {
		l.host.Sessions(s.shard, s.open)
	}
	for _, call := range n.calls {
		call(l.host)
	}
}

// signs tells the host who was heard of, and then who was lost and not heard of after that.
func (l *loop) signs(signs []sign) {
	l.lost = l.lost[:0]
	for _, s := range signs {
		l.lost = slices.DeleteFunc(l.lost, func(n shard.NodeID) bool { return n == s.node })
		switch {
		case s.lost:
			l.lost = append(l.lost, s.node)
		case s.beat:
			l.host.Heard(s.node, s.stalled)
		default:
			l.host.Spoke(s.node)
		}
	}
	if len(l.lost) == 0 {
		return
	}
	l.host.Nodes(l.node.candidates())
	if l.mayAccuse() {
		l.host.Lost(l.lost)
	}
}

// hosts looks for the first record of a replica that is new here.
func (l *loop) hosts(records []shard.Record) {
	for _, rec := range records {
		if !l.hosted[rec.Shard] && rec.Kind == shard.RecordPromise {
			l.hosted[rec.Shard] = true
			l.node.metrics.Hosting(l.node.store.Node(), []shard.Configuration{rec.Chain.Newest()})
			l.node.log.Info("learns a shard", "shard", rec.Shard, "configuration", rec.Chain.Newest())
		}
	}
}

// handle hands out what the host wants done. It reports whether some of it is for this node itself.
func (l *loop) handle() bool {
	r := l.host.Ready()
	if r.Empty() {
		return false
	}
	if len(r.Write) > 0 {
		l.hosts(r.Write)
		l.member.persister.write(r.Write)
	}
	for _, m := range r.Send {
		if m.To == m.From {
			l.own = append(l.own, m)
		} else {
			l.send = append(l.send, m)
		}
	}
	if len(l.send) > 0 {
		l.node.metrics.Sent(l.send)
		l.node.peers.Send(l.send)
		clear(l.send)
		l.send = l.send[:0]
	}
	if len(r.Work) > 0 {
		l.member.applier.tasks.put(r.Work)
	}
	if len(r.Exports) > 0 {
		l.member.exporter.export(r.Exports)
	}
	if len(r.Recalls) > 0 {
		l.member.recaller.tasks.put(r.Recalls)
	}
	for _, reply := range r.Replies {
		reply.Token.(done)(reply.Result)
	}
	for _, c := range r.Learned {
		l.node.learned(l.member, c)
	}
	for _, e := range r.Events {
		if l.doubts.follow(e, l.node.incoming.of(e.Node).boot) {
			l.node.metrics.FalseSuspicion(e.Node)
		}
		l.node.event(l.spans, e)
	}
	return len(l.own) > 0
}
