package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ringward/ringward/shard"
)

// Snapshot is what a node holds at one moment.
type Snapshot struct {
	Replicas []Replica
	LogBytes int64          // length of the history log on disk
	Queues   map[string]int // lengths of the queues, by name
}

// Replica is where one hosted replica stands.
type Replica struct {
	Shard   shard.ID
	Role    Role
	State   shard.State
	Epoch   shard.Epoch
	Commit  shard.Seqno
	Applied shard.Seqno
}

// Role is a replica's place in its chain.
type Role string

// The roles. A member that has no neighbours is Sole: head and tail in one.
const (
	Head   Role = "head"
	Middle Role = "middle"
	Tail   Role = "tail"
	Sole   Role = "sole"
	None   Role = "none" // no member of the newest configuration it knows
)

// RoleIn is the role of node n in configuration c.
func RoleIn(c shard.Configuration, n shard.NodeID) Role {
	switch {
	case !c.Has(n):
		return None
	case len(c.Members) == 1:
		return Sole
	case c.Head() == n:
		return Head
	case c.Tail() == n:
		return Tail
	}
	return Middle
}

// Watch asks for a snapshot whenever the metrics are read. The function is called from any goroutine, and
// not after the returned one was.
func (m *Metrics) Watch(snapshot func() Snapshot) (stop func() error, err error) {
	in := instruments{meter: m.provider.Meter("ringward")}
	var (
		epoch   = in.gauge("ringward.shard.epoch", "", "Newest epoch that the replica knows, by shard and role.")
		state   = in.gauge("ringward.shard.state", "", "1 for the state that the replica is in, by shard, role and state.")
		commit  = in.gauge("ringward.shard.commit", "", "Position up to which the history is persistent, as far as the replica knows.")
		applied = in.gauge("ringward.shard.applied", "", "Position up to which the history is applied.")
		log     = in.gauge("ringward.log.size", "By", "Length of the history log.")
		queue   = in.gauge("ringward.queue.length", "{item}", "Items that wait, by queue.")
	)
	for _, err := range in.errs {
		if err != nil {
			return nil, err
		}
	}
	registration, err := in.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := snapshot()
		for _, r := range s.Replicas {
			id, role := attribute.Int64("shard", int64(r.Shard)), attribute.String("role", string(r.Role))
			of := metric.WithAttributes(id, role)
			o.ObserveInt64(epoch, int64(r.Epoch), of)
			o.ObserveInt64(commit, int64(r.Commit), of)
			o.ObserveInt64(applied, int64(r.Applied), of)
			o.ObserveInt64(state, 1, metric.WithAttributes(id, role, attribute.String("state", word(r.State.String()))))
		}
		for name, n := range s.Queues {
			o.ObserveInt64(queue, int64(n), metric.WithAttributes(attribute.String("queue", name)))
		}
		o.ObserveInt64(log, s.LogBytes)
		return nil
	}, epoch, state, commit, applied, log, queue)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
