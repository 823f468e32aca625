package scale

import (
	"context"
	"fmt"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
)

// Options say what to measure.
type Options struct {
	// Nodes and Shards are how many there are: each of these with each of those, one cluster after the other.
	Nodes, Shards []int
	SuspectAfter  time.Duration
	// Measure is how each combination is measured. Calm is for how long it works without a fault, after the load's warmup. Its cluster's nodes and shards, its
	// timeout and what happens to whom are set here.
	Measure failover.Options
}

// MaxNumbers is how many numbers of nodes, or of shards, there may be.
const MaxNumbers = 100

// Valid reports what is wrong with o, if anything. The texts say what a command line should say too.
func (o *Options) Valid() error {
	for _, list := range []struct {
		name string
		of   []int
	}{{"nodes", o.Nodes}, {"shards", o.Shards}} {
		if len(list.of) < 1 || len(list.of) > MaxNumbers {
			return fmt.Errorf("%s: %d numbers: want 1 to %d", list.name, len(list.of), MaxNumbers)
		}
		if err := bench.Distinct(list.name, list.of); err != nil {
			return err
		}
	}
	if d := o.Measure.Calm; d < failover.MinCalm || d > bench.MaxDuration {
		return fmt.Errorf("duration %v: want %v to %v", d, failover.MinCalm, bench.MaxDuration)
	}
	for _, nodes := range o.Nodes {
		for _, shards := range o.Shards {
			one := o.combination(nodes, shards)
			if err := one.Valid(); err != nil {
				return err
			}
		}
	}
	return nil
}

// probesTogether is how many writes all probes together make in a second, at most; a probe's pause is never shorter than leastPause.
const (
	probesTogether = 4000
	leastPause     = 2 * time.Millisecond
)

// combination is what to do with a cluster of so many nodes and shards.
func (o *Options) combination(nodes, shards int) failover.Options {
	m := o.Measure
	m.Cluster.Nodes, m.Cluster.Shards = nodes, shards
	m.Timeouts = []time.Duration{o.SuspectAfter}
	m.Faults, m.Targets = []failover.Fault{failover.Kill}, []failover.Target{failover.Random}
	m.Unprobed, m.ProbePause = true, max(leastPause, time.Duration(shards)*time.Second/probesTogether)
	return m
}

// Estimate is about how long it takes.
func (o *Options) Estimate() (d time.Duration) {
	for _, nodes := range o.Nodes {
		for _, shards := range o.Shards {
			one := o.combination(nodes, shards)
			d += one.Estimate()
		}
	}
	return d
}

// Run measures all combinations. The first with a verdict that is not good ends it; so does Stop, and what was measured by then is in the
// report. An error is one that kept a combination from being measured; the report has those before it.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Valid(); err != nil {
		return nil, err
	}
	r := &Report{Heading: page.Begin(Kind, Schema), Replicas: o.Measure.Cluster.Replicas,
		SuspectAfter: float64(o.SuspectAfter.Microseconds()) / 1000, Points: []*Point{}}
	err := r.run(ctx, &o)
	r.End()
	r.OK = len(r.Points) > 0
	for _, p := range r.Points {
		r.OK = r.OK && p.OK()
	}
	return r, err
}

func (r *Report) run(ctx context.Context, o *Options) error {
	for _, nodes := range o.Nodes {
		for _, shards := range o.Shards {
			o.Measure.Tell(fmt.Sprintf("%d nodes, %d shards", nodes, shards))
			m, err := failover.Run(ctx, o.combination(nodes, shards))
			if m == nil {
				return err
			}
			r.Interrupted = m.Interrupted
			if len(m.Series) > 0 {
				r.Points = append(r.Points, newPoint(nodes, shards, m))
				r.Build, r.Machine, r.Setting = m.Build, m.Machine, m.Setting
				r.Setting.Warmup, r.Setting.Duration = o.Measure.Load.Warmup.Seconds(), o.Measure.Calm.Seconds()
			}
			if c := m.Target.Cluster; c != nil {
				r.Ringward = c.Ringward
			}
			if err != nil {
				return fmt.Errorf("%d nodes, %d shards: %w", nodes, shards, err)
			}
			if m.Interrupted || !m.OK {
				return nil
			}
		}
	}
	return nil
}
