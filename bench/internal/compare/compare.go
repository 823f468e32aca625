package compare

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
)

// Store is one of those that are compared.
type Store struct {
	Name string
	// Promises is how it runs here, and what is sure of a write that it has acknowledged, for people.
	Promises     string
	Linearizable bool
	// Start starts a fresh cluster on this machine.
	Start func(ctx context.Context) (Cluster, error)
}

// Cluster is a store that runs, with nothing in it yet.
type Cluster interface {
	// Version is what its executable says of itself.
	Version() string
	// Open opens clients, each of whose calls takes no longer than patience.
	Open(ctx context.Context, patience time.Duration) ([]bench.Parted, error)
	// Stop ends it, and removes what it wrote.
	Stop() error
}

// Ringward is the store that others are compared with.
func Ringward(o cluster.Options) Store {
	return Store{
		Name: "ringward", Linearizable: true,
		Promises: fmt.Sprintf("%d nodes, %d shards, %d replicas: an acknowledged write is synced by all members of its shard", o.Nodes, o.Shards, o.Replicas),
		Start:    func(ctx context.Context) (Cluster, error) { return failover.Start(ctx, o) },
	}
}

// Options say what to do.
type Options struct {
	Stores    []Store  // ratios are against the first one
	LeftOut   []string // which others are not compared, and why
	Workloads []bench.Workload
	Repeats   int // runs of each store with each workload
	// Load is what the clients do. Workload, distribution, history and who watches are set for each run.
	Load bench.Options
	// Patience bounds one call.
	Patience time.Duration
	// Check records every call, and checks at the end of each run that the history is linearizable, for no longer than CheckTime.
	Check     bool
	CheckTime time.Duration

	// Stop ends the measurement when it is closed; what was measured by then is reported.
	Stop <-chan struct{}
	// Tell is called with lines for people.
	Tell func(string)
}

// MaxRepeats bounds Options.Repeats.
const MaxRepeats = 1000

// Valid reports what is wrong with o, if anything. The texts say what a command line should say too.
func (o *Options) Valid() error {
	switch {
	case len(o.Stores) == 0:
		return errors.New("stores: want at least one")
	case len(o.Workloads) == 0:
		return errors.New("workloads: want at least one")
	case o.Repeats < 1 || o.Repeats > MaxRepeats:
		return fmt.Errorf("repeats %d: want 1 to %d", o.Repeats, MaxRepeats)
	case o.Patience <= 0:
		return fmt.Errorf("timeout %v: want more than 0s", o.Patience)
	case o.Check && o.CheckTime <= 0:
		return fmt.Errorf("check-timeout %v: want more than 0s", o.CheckTime)
	}
	var names []string
	for _, w := range o.Workloads {
		names = append(names, w.Name)
	}
	if err := bench.Distinct("workloads", names); err != nil {
		return err
	}
	load := o.load(o.Workloads[0])
	return load.Valid()
}

// load is that of one run.
func (o *Options) load(w bench.Workload) bench.Options {
	load := o.Load
	load.Workload, load.Distribution, load.Stop = w, w.Distribution, o.Stop
	if o.Check {
		load.History = history.NewRecorder(true)
	}
	return load
}

// usualRest is about how long a run takes beside its warmup and its measured phase: start, load, check and end.
const usualRest = 6 * time.Second

// Estimate is about how long it takes.
func (o *Options) Estimate() time.Duration {
	runs := time.Duration(len(o.Stores) * len(o.Workloads) * o.Repeats)
	return (runs * (o.Load.Warmup + o.Load.Duration + usualRest)).Round(10 * time.Second)
}

// Run lets the stores take turns. Stop ends it, and what was measured by then is in the report. An error is one that kept a run from being
// carried out; the report has those before it.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Valid(); err != nil {
		return nil, err
	}
	r := &Report{Heading: page.Begin(Kind, Schema), Repeats: o.Repeats, LeftOut: o.LeftOut, Runs: []Result{}}
	for _, s := range o.Stores {
		r.Stores = append(r.Stores, StoreInfo{Name: s.Name, Promises: s.Promises, Linearizable: s.Linearizable})
	}
	err := r.run(ctx, &o)
	r.End()
	r.summarize()
	return r, err
}

func (r *Report) run(ctx context.Context, o *Options) error {
	// What is being started ends at once when the measurement is stopped; a run that works ends by itself then.
	starting, cancel := bench.UntilStopped(ctx, o.Stop)
	defer cancel()
	for _, w := range o.Workloads {
		for repeat := range o.Repeats {
			for i := range o.Stores {
				report, err := r.one(ctx, starting, o, i, w)
				if report != nil {
					r.Runs = append(r.Runs, Result{Workload: w.Name, Store: o.Stores[i].Name, Repeat: repeat + 1, Report: report})
					o.Tell(r.Runs[len(r.Runs)-1].String())
				}
				if starting.Err() != nil || errors.Is(err, bench.ErrStopped) { // which is why whatever has failed did
					r.Interrupted = true
					return nil
				}
				if err != nil {
					return fmt.Errorf("%s, workload %s: %w", o.Stores[i].Name, w.Name, err)
				}
			}
		}
	}
	return nil
}

// one is one run. A report may come with an error that does not spoil it.
func (r *Report) one(ctx, starting context.Context, o *Options, store int, w bench.Workload) (_ *bench.Report, err error) {
	runtime.GC() // what the last run left is no burden of this one
	c, err := o.Stores[store].Start(starting)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	r.Stores[store].Version = c.Version()
	opened, err := c.Open(starting, o.Patience)
	defer func() {
		for _, s := range opened {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return nil, err
	}
	load := o.load(w)
	clients := make([]bench.Store, min(len(opened), load.Clients))
	for i := range clients {
		clients[i] = opened[i]
	}
	report, err := bench.Run(ctx, load, clients)
	if err != nil {
		return nil, err
	}
	report.Target = bench.Target{Store: o.Stores[store].Name, Endpoints: []string{}}
	if load.History != nil {
		h := load.History.History()
		verdict := h.Check(o.CheckTime)
		report.Check = bench.NewCheck(verdict)
		if !verdict.OK() {
			report.Check.History, err = h.WriteTemp()
		}
	}
	return report, err
}
