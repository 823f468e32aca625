package node

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/node/internal/telemetry"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/shard"
)

// startTelemetry opens what the node tells people through: its log, its metrics, its traces.
func (n *Node) startTelemetry(ctx context.Context) (err error) {
	if n.logs, err = telemetry.OpenLog(os.Stderr, n.cfg.LogLevel, n.cfg.LogFormat); err != nil {
		return err
	}
	n.log = n.logs.Logger
	if n.telemetry, err = telemetry.Open(ctx, telemetry.Options{
		Name: n.cfg.Name, Version: Version, Log: n.logs, Ops: n.cfg.Ops, Insecure: n.cfg.Insecure, Ready: n.ready,
		OTLP: n.cfg.OTLP, TraceRatio: n.cfg.TraceRatio, StatusName: rpc.StatusName,
	}); err != nil {
		return err
	}
	n.metrics = n.telemetry.Metrics()
	return nil
}

// ready says why the node cannot serve, if so.
func (n *Node) ready() error {
	switch {
	case n.ctx.Err() != nil:
		return errors.New("the node is stopping")
	case n.member.Load() == nil:
		return errors.New("the node belongs to no cluster yet")
	}
	return nil
}

// watch lets the metrics look at the replicas whenever they are read.
func (n *Node) watch(m *member, host *engine.Host) error {
	self := n.store.Node()
	var hosted []shard.Configuration
	for _, st := range host.Standings() {
		hosted = append(hosted, st.Configuration)
	}
	n.metrics.Hosting(self, hosted)
	_, err := n.metrics.Watch(func() telemetry.Snapshot {
		s := telemetry.Snapshot{LogBytes: n.store.LogBytes(), Queues: map[string]int{
			"log": m.persister.records.len(), "apply": m.applier.tasks.len(), "flush": m.applier.flusher.tasks.len(), "export": m.exporter.tasks.len(),
		}}
		ask(n, m, func(h *engine.Host) {
			for _, st := range h.Standings() {
				c := st.Configuration
				s.Replicas = append(s.Replicas, telemetry.Replica{
					Shard: c.Shard, Role: telemetry.RoleIn(c, self), State: st.State, Epoch: c.Epoch,
					Commit: st.Commit, Applied: m.applier.standing.appliedTo(c.Shard),
				})
			}
		})
		return s
	})
	return err
}

// trace makes an operation's stay at this node a span of its trace, if traces are on.
func (n *Node) trace(q shard.Request, traceparent string, answer func(shard.Result)) (string, func(shard.Result)) {
	tracer := n.telemetry.Tracer()
	if tracer == nil {
		return traceparent, answer
	}
	span := tracer.Start(traceparent, "ringward.node."+kindName(q.Kind))
	span.SetInt("ringward.shard", int64(q.Shard))
	return span.Traceparent(), func(r shard.Result) {
		span.SetText("ringward.status", rpc.StatusName(r.Status))
		if r.Version > 0 {
			span.SetInt("ringward.version", int64(r.Version))
		}
		if r.Status == shard.Refused || r.Status == shard.OutcomeUnknown || r.Status == shard.Overloaded {
			span.Fail(r.Reason)
		}
		span.End()
		answer(r)
	}
}

// sampled is the traceparent if its trace is recorded, which the last bit of its flags says.
func sampled(traceparent string) string {
	if traceparent == "" {
		return "" // the common case
	}
	flags := traceparent[max(0, len(traceparent)-2):]
	if f, err := strconv.ParseUint(flags, 16, 8); err != nil || f&1 == 0 {
		return ""
	}
	return traceparent
}

// position names an entry that is traced.
type position struct {
	shard shard.ID
	seqno shard.Seqno
}

// spans are the parts that this node's replicas have in traced writes under way: from the entry's coming until it is
// durable here and at everyone after. The loop alone uses it.
type spans map[position]telemetry.Span

// follow begins and ends spans as entries come and settle. A wedge ends those of its shard unfinished.
func (s spans) follow(t *telemetry.Tracer, e shard.Event) {
	at := position{shard: e.Shard, seqno: e.To.Seqno}
	switch e.Kind {
	case shard.EventEntered:
		span := t.Start(e.Trace, "ringward.replica.append")
		span.SetInt("ringward.shard", int64(e.Shard))
		span.SetInt("ringward.epoch", int64(e.To.Epoch))
		span.SetInt("ringward.seqno", int64(e.To.Seqno))
		s[at] = span
	case shard.EventSettled:
		if span, ok := s[at]; ok {
			span.End()
			delete(s, at)
		}
	case shard.EventWedged:
		for p, span := range s {
			if p.shard == e.Shard {
				span.Fail("wedged")
				span.End()
				delete(s, p)
			}
		}
	}
}

func kindName(k shard.RequestKind) string {
	switch k {
	case shard.Get:
		return "get"
	case shard.Put:
		return "put"
	case shard.Delete:
		return "delete"
	}
	return "open-session"
}

// event tells people and metrics what happened.
func (n *Node) event(spans spans, e shard.Event) {
	n.metrics.Event(e)
	if tracer := n.telemetry.Tracer(); tracer != nil {
		spans.follow(tracer, e)
	}
	switch e.Kind {
	case shard.EventWedged:
		n.log.Info("wedged", "shard", e.Shard, "at", e.From, "successor", e.Configuration)
	case shard.EventViewChange:
		n.log.Info("view change", "shard", e.Shard, "from", e.From, "to", e.To)
	case shard.EventReconfigured:
		n.log.Info("decided", "shard", e.Shard, "configuration", e.Configuration)
	case shard.EventSynced:
		n.log.Debug("synced", "shard", e.Shard, "at", e.To)
	case shard.EventSuspected:
		n.log.Warn("suspects", "peer", e.Node)
		n.forwarder.Reset(e.Node)
	case shard.EventTrusted:
		n.log.Info("trusts again", "peer", e.Node)
	case shard.EventIncomparable:
		n.log.Error("a neighbour lacks what was persistent: an old copy of its directory?", "shard", e.Shard, "peer", e.Node)
	}
}
