package failover

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

// Run carries out all series: for each timeout one in which nothing happens, and one for each kind of fault. The first whose verdict is not
// good ends it; so does Stop, and what was measured by then is in the report. An error is one that kept a series from
// being carried out; the report has those before it.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Valid(); err != nil {
		return nil, err
	}
	r := &Report{Heading: page.Begin(Kind, Schema), Target: bench.Target{Store: cmp.Or(o.Store, "ringward")}, Timeout: cmp.Or(o.TimeoutName, "suspect-after")}
	err := r.run(ctx, &o)
	r.End()
	r.Interrupted = o.stopped() || ctx.Err() != nil
	r.summarize()
	return r, err
}

func (r *Report) run(ctx context.Context, o *Options) error {
	if e := o.External; e != nil {
		all, err := everybody(ctx, e.Endpoints)
		if err != nil {
			return err
		}
		o.External = &External{Endpoints: all, Inject: e.Inject, Heal: e.Heal}
		r.Target.Endpoints = all
	}
	for _, timeout := range o.Timeouts {
		for _, f := range slices.Concat([]Fault{none}, o.Faults) {
			if o.stopped() || ctx.Err() != nil {
				return nil
			}
			s := &series{o: o, suspectAfter: timeout, fault: f}
			o.Tell(fmt.Sprintf("%s %v, faults: %s", r.Timeout, timeout, f))
			result, err := s.run(ctx)
			if result != nil {
				r.Series = append(r.Series, result)
				o.Tell(result.String())
			}
			if s.system != nil && s.system.Version() != "" && r.Target.Cluster == nil {
				c := o.Cluster
				r.Target.Cluster = &bench.Cluster{Ringward: s.system.Version(), Nodes: c.Nodes, Shards: c.Shards, Replicas: c.Replicas}
			}
			switch {
			case o.stopped() && result == nil:
				return nil
			case err != nil:
				return fmt.Errorf("%s %v, faults %s: %w", r.Timeout, timeout, f, err)
			case !result.Verdict.OK:
				return nil
			}
		}
	}
	return nil
}

// stopped reports whether the measurement was told to end.
func (o *Options) stopped() bool {
	select {
	case <-o.Stop:
		return true
	default:
		return false
	}
}
