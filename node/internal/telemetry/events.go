package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ringward/ringward/shard"
)

// eventMetrics follows the events of a node's replicas: it counts them, and measures how long
// each shard is without service.
type eventMetrics struct {
	now func() time.Time

	suspicions       metric.Int64Counter
	falseSuspicions  metric.Int64Counter
	suspected        metric.Int64UpDownCounter
	wedged           metric.Int64Counter
	viewChanges      metric.Int64Counter
	reconfigurations metric.Int64Counter
	incomparable     metric.Int64Counter
	pause            metric.Float64Histogram

	mu       sync.Mutex
	self     shard.NodeID
	suspects map[shard.NodeID]time.Time  // since when
	members  map[shard.ID][]shard.NodeID // of the newest configuration known of a hosted shard
	began    map[shard.ID]time.Time      // when the pause of a shard began that is not over
}

func newEventMetrics(in *instruments) eventMetrics {
	return eventMetrics{
		now:              time.Now,
		suspicions:       in.counter("ringward.suspicions", "{suspicion}", "Times that this node began to suspect another, by node."),
		falseSuspicions:  in.counter("ringward.suspicions.false", "{suspicion}", "Suspicions of another that was heard of again and had not restarted, by node."),
		suspected:        in.upDown("ringward.suspected.nodes", "{node}", "Nodes that this node suspects."),
		wedged:           in.counter("ringward.wedged", "{wedge}", "Times that a replica here learned of a decided successor and stopped, by shard."),
		viewChanges:      in.counter("ringward.view.changes", "{change}", "Times that a replica here became ACTIVE, by shard."),
		reconfigurations: in.counter("ringward.reconfigurations", "{decision}", "Configurations decided by sequencers here, by shard."),
		incomparable:     in.counter("ringward.incomparable", "{neighbour}", "Neighbours that lack what was persistent, by shard. Each is a damaged disk."),
		pause:            in.durations("ringward.reconfiguration.duration", "Time from the suspicion of a dropped member, or from the wedge where this node suspected none, until the replica here is ACTIVE, by shard."),
		suspects:         map[shard.NodeID]time.Time{},
		members:          map[shard.ID][]shard.NodeID{},
		began:            map[shard.ID]time.Time{},
	}
}

// Hosting tells which node this is and what its replicas start with. Events before are counted, and no
// pause is measured.
func (m *Metrics) Hosting(self shard.NodeID, configurations []shard.Configuration) {
	e := &m.events
	e.mu.Lock()
	defer e.mu.Unlock()
	e.self = self
	for _, c := range configurations {
		e.members[c.Shard] = c.Members
	}
}

// Event takes note of what happened to a replica.
func (m *Metrics) Event(ev shard.Event) {
	e, ctx := &m.events, context.Background()
	of := with(attribute.Int64("shard", int64(ev.Shard)))
	e.mu.Lock()
	defer e.mu.Unlock()
	switch ev.Kind {
	case shard.EventSuspected:
		e.suspicions.Add(ctx, 1, with(attribute.Stringer("peer", ev.Node)).add...)
		if _, already := e.suspects[ev.Node]; !already {
			e.suspects[ev.Node] = e.now()
			e.suspected.Add(ctx, 1)
		}
	case shard.EventTrusted:
		if _, known := e.suspects[ev.Node]; known {
			delete(e.suspects, ev.Node)
			e.suspected.Add(ctx, -1)
		}
	case shard.EventWedged:
		e.wedged.Add(ctx, 1, of.add...)
		e.stopped(ev.Configuration)
	case shard.EventViewChange:
		e.viewChanges.Add(ctx, 1, of.add...)
		if began, ok := e.began[ev.Shard]; ok {
			e.pause.Record(ctx, e.now().Sub(began).Seconds(), of.record...)
			delete(e.began, ev.Shard)
		}
	case shard.EventReconfigured:
		e.reconfigurations.Add(ctx, 1, of.add...)
	case shard.EventIncomparable:
		e.incomparable.Add(ctx, 1, of.add...)
	}
}

// FalseSuspicion counts a suspicion that has turned out to be wrong.
func (m *Metrics) FalseSuspicion(of shard.NodeID) {
	m.events.falseSuspicions.Add(context.Background(), 1, with(attribute.Stringer("peer", of)).add...)
}

// stopped begins the pause of a shard, unless it goes on from an earlier decision. It
// reaches back to the latest suspicion of a member that the successor drops. Callers hold mu.
func (e *eventMetrics) stopped(successor shard.Configuration) {
	id := successor.Shard
	before := e.members[id]
	e.members[id] = successor.Members
	if !successor.Has(e.self) {
		delete(e.began, id) // others will serve; here nothing is waited for
		return
	}
	if _, pausing := e.began[id]; pausing {
		return
	}
	var suspected time.Time
	for _, n := range before {
		if t, ok := e.suspects[n]; ok && !slices.Contains(successor.Members, n) && t.After(suspected) {
			suspected = t
		}
	}
	if suspected.IsZero() {
		suspected = e.now()
	}
	e.began[id] = suspected
}
