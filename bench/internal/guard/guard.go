package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/page"
)

// Options say what to compare, and how.
type Options struct {
	Repository *Repository
	Base, New  Source

	Loads []Load
	// Each is what all loads have in common: records, their size, rate, seed, warmup and duration. Its workload and clients are set here.
	Each bench.Options
	// Cluster has the nodes, shards and replicas of all clusters.
	Cluster cluster.Options
	Rounds  int
	// Least is the ratio of throughput, new by base, below which a load is too slow.
	Least float64

	Stop <-chan struct{} // closed: the measurement ends
	Tell func(string)    // lines for people
}

// The limits of Options.
const (
	MaxRounds = 1000
	MaxLeast  = 10
)

// Valid reports what is wrong with o, if anything, but for its commits. The texts say what a command line should say too.
func (o *Options) Valid() error {
	switch {
	case len(o.Loads) == 0:
		return errors.New("loads: want at least one")
	case o.Rounds < 1 || o.Rounds > MaxRounds:
		return fmt.Errorf("rounds %d: want 1 to %d", o.Rounds, MaxRounds)
	case !(o.Least >= 0 && o.Least <= MaxLeast):
		return fmt.Errorf("least %v: want 0 to %d", o.Least, MaxLeast)
	}
	if err := bench.Distinct("loads", o.Loads); err != nil {
		return err
	}
	for _, l := range o.Loads {
		one := o.Each
		one.Clients = l.Clients
		if err := one.Valid(); err != nil {
			return err
		}
	}
	return o.Cluster.Valid()
}

// aside is about how long one of the two takes for a load beside warmup and duration: a cluster's start and end, and the records.
const aside = 3 * time.Second

// Estimate is about how long it takes, without the builds.
func (o *Options) Estimate() time.Duration {
	return time.Duration(2*o.Rounds*len(o.Loads)) * (o.Each.Warmup + o.Each.Duration + aside)
}

// Run builds both sources and measures them in turn. It leaves nothing behind. What was measured is in the report whatever ended it; nil: nothing was. An error
// is one that kept the rest from being measured, being stopped among them.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if err := o.Valid(); err != nil {
		return nil, err
	}
	ctx, cancel := bench.UntilStopped(ctx, o.Stop)
	defer cancel()
	w, err := newWorkshop()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var sides [2]side
	for i, source := range []Source{o.Base, o.New} {
		s := &sides[i]
		s.name, s.source = names[i], source
		o.Tell(fmt.Sprintf("building %s: %v", s.name, source))
		if err := w.build(ctx, o.Repository, s); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("building %s: %w", s.name, err)
		}
	}
	return measure(ctx, &o, w, sides)
}

// measure carries out all rounds with what was built.
func measure(ctx context.Context, o *Options, w *workshop, sides [2]side) (*Report, error) {
	r := &Report{Heading: page.Begin(Kind, Schema), Base: Side{Source: o.Base}, New: Side{Source: o.New}, Rounds: o.Rounds, Least: o.Least,
		Cluster: Cluster{Nodes: o.Cluster.Nodes, Shards: o.Cluster.Shards, Replicas: o.Cluster.Replicas}}
	m := make(measured, len(o.Loads))
	err := m.rounds(ctx, o, w, sides)
	if r.End(); !r.fill(o, m) {
		return nil, err
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = errors.New("interrupted: not all rounds were measured")
	}
	r.OK = err == nil && len(r.Slower()) == 0
	return r, err
}

// pair is one round of a load: base's report and new's.
type pair [2]*bench.Report

// measured has the rounds of each load.
type measured [][]pair

func (m measured) rounds(ctx context.Context, o *Options, w *workshop, sides [2]side) error {
	for round := range o.Rounds {
		o.Tell(fmt.Sprintf("round %d of %d", round+1, o.Rounds))
		for i, l := range o.Loads {
			p, err := o.pair(ctx, w, sides, l, round%2)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return context.Cause(ctx)
			default:
				return fmt.Errorf("round %d of %d, %v: %w", round+1, o.Rounds, l, err)
			}
			m[i] = append(m[i], p)
			o.Tell(fmt.Sprintf("  %-9v base %.0f, new %.0f operations a second", l, p[0].Total.PerSecond, p[1].Total.PerSecond))
		}
	}
	return nil
}

// pair lets the two work one after the other; first is who begins.
func (o *Options) pair(ctx context.Context, w *workshop, sides [2]side, l Load, first int) (p pair, err error) {
	for _, i := range []int{first, 1 - first} {
		if p[i], err = w.run(ctx, &sides[i], o.arguments(l)); err != nil {
			return p, fmt.Errorf("%s: %w", sides[i].name, err)
		}
	}
	return p, nil
}

// arguments are those of ringward-bench for one load, without the executable of its nodes.
func (o *Options) arguments(l Load) []string {
	args := []string{"run", "--output", "json", "--workload", l.Workload}
	for _, f := range []struct {
		name  string
		value any
	}{
		{"clients", l.Clients}, {"records", o.Each.Records}, {"value-size", o.Each.ValueSize}, {"rate", o.Each.Rate}, {"seed", o.Each.Seed},
		{"warmup", o.Each.Warmup}, {"duration", o.Each.Duration},
		{"nodes", o.Cluster.Nodes}, {"shards", o.Cluster.Shards}, {"replicas", o.Cluster.Replicas},
	} {
		args = append(args, "--"+f.name, fmt.Sprint(f.value))
	}
	return args
}
