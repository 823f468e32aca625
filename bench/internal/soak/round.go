package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/bench/internal/inspect"
	"github.com/ringward/ringward/bench/internal/stores"
	"github.com/ringward/ringward/rpc/client"
)

// Bounds of what must happen after the faults. They are for a machine that is busy with other things.
const (
	HealTime  = time.Minute
	CallTime  = inspect.CallTime
	CheckTime = 2 * time.Minute
)

const (
	// settled is how many calls must have ended well before the first fault.
	settled = 100
	// insisted is how many things each worker does at the end, of which none may fail.
	insisted = 20
	// ringTime is how long is waited for who is who before a fault; what was known before will do.
	ringTime = 200 * time.Millisecond
	// diskBytes is the size of disks that get full. It holds what a round writes many times.
	diskBytes = 64 << 20
	// regrowAfter is the nodes' setting: others take the place of a lost node while many faults last.
	regrowAfter = 500 * time.Millisecond
	// instances is how many clients of the SDK the workers share.
	instances = 3
)

// Round is one cluster with what happens to it. Its zero fields are not drawn: see NewRound.
type Round struct {
	Seed     uint64 // of what the clients ask for
	Topology faults.Topology
	// SuspectAfter is the nodes' setting.
	SuspectAfter time.Duration
	// Patience bounds a client's call while there are faults.
	Patience time.Duration
	// ValueBytes is about how long values are.
	ValueBytes int
	// SmallLog makes nodes begin new segments of their log often, and drop old ones.
	SmallLog bool
	Plan     faults.Plan
	// Mutant is the bug of the nodes: see cluster.Options.
	Mutant string
}

var topologies = []faults.Topology{
	{Nodes: 5, Shards: 5, Replicas: 2}, {Nodes: 4, Shards: 4, Replicas: 2}, {Nodes: 3, Shards: 3, Replicas: 2},
	{Nodes: 5, Shards: 5, Replicas: 3}, {Nodes: 4, Shards: 8, Replicas: 3},
}

// NewRound draws a round from a seed.
func NewRound(seed uint64, kinds []faults.Kind) Round {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := Round{
		Seed:         seed,
		Topology:     topologies[rng.IntN(len(topologies))],
		SuspectAfter: []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, time.Second}[rng.IntN(3)],
		Patience:     []time.Duration{500 * time.Millisecond, 3 * time.Second, 10 * time.Second}[rng.IntN(3)],
		ValueBytes:   []int{10, 1000, 8000}[rng.IntN(3)],
		SmallLog:     rng.IntN(2) == 0,
	}
	r.Plan = faults.NewPlan(rng, kinds, r.Topology)
	if r.Plan.Has(faults.DiskFull) {
		// Otherwise there is room enough in the present segment.
		r.SmallLog, r.ValueBytes = true, 8000
	}
	return r
}

func (r *Round) String() string {
	return fmt.Sprintf("%d nodes, %d shards, %d replicas, suspect-after %v, patience %v, values of %d bytes, small log %v",
		r.Topology.Nodes, r.Topology.Shards, r.Topology.Replicas, r.SuspectAfter, r.Patience, r.ValueBytes, r.SmallLog)
}

// Result is what became of a round.
type Result struct {
	Events           []faults.Event
	Calls            int
	Unknown          int            // of unknown outcome
	Failures         map[string]int // calls that failed, by kind
	Reconfigurations int
	Healed           time.Duration // until every shard was ACTIVE
}

// running is a round under way.
type running struct {
	*Round
	*Result
	cluster *cluster.Cluster
	load    *load
}

// Run carries out the round. An error says what did not hold, or what kept the round from being carried out. When ctx ends
// so does the round, without a verdict, and with its error.
func (r *Round) Run(ctx context.Context, ringward string, tell func(string)) (_ *Result, err error) {
	o := cluster.Options{
		Ringward: ringward, Nodes: r.Topology.Nodes, Shards: r.Topology.Shards, Replicas: r.Topology.Replicas,
		SuspectAfter: r.SuspectAfter, Links: true, Mutant: r.Mutant, Settings: []string{"--regrow-after", regrowAfter.String()},
	}
	if r.SmallLog {
		o.Settings = append(o.Settings, "--log-segment", "1MiB", "--log-retention", "2MiB", "--log-keep", "1MiB", "--memtable", "1MiB")
	}
	if r.Plan.Has(faults.DiskFull) {
		o.DiskBytes = diskBytes
	}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("starting a cluster: %w", err)
	}
	run := &running{Round: r, Result: &Result{Failures: map[string]int{}}, cluster: c, load: newLoad(r.Seed, r.ValueBytes)}
	defer func() {
		if err != nil && ctx.Err() == nil {
			c.Keep()
			err = errors.Join(err, run.load.recorder.History().WriteFile(filepath.Join(c.Dir(), "history.jsonl")),
				fmt.Errorf("logs and history are in %s", c.Dir()))
		}
		err = errors.Join(err, c.Stop())
	}()
	at, err := run.carryOut(ctx, tell)
	if ctx.Err() != nil {
		return run.Result, context.Cause(ctx)
	}
	return run.Result, errors.Join(err, run.judge(at))
}

// carryOut does all but to judge: it returns what the keys held at the end.
func (r *running) carryOut(ctx context.Context, tell func(string)) (map[string]inspect.Found, error) {
	if err := r.suffer(ctx, tell); err != nil {
		return nil, err
	}
	begin := time.Now()
	healing, cancel := context.WithTimeoutCause(ctx, HealTime, fmt.Errorf("not within %v of the last fault's end", HealTime))
	defer cancel()
	if err := r.cluster.AwaitActive(healing); err != nil {
		return nil, err
	}
	r.Healed = time.Since(begin)
	calm, err := r.open(ctx, CallTime)
	if err != nil {
		return nil, err
	}
	defer closeAll(calm)
	r.load.use(calm)
	if err := r.load.insist(ctx, insisted); err != nil {
		return nil, fmt.Errorf("a call after all faults were healed: %w", err)
	}
	ring, err := calm[0].(ringer).Ring(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range ring.Shards {
		r.Reconfigurations += int(s.Epoch) - 1
	}
	var endpoints []string
	for _, n := range r.cluster.Nodes() {
		endpoints = append(endpoints, n.Endpoint)
	}
	return inspect.Survey(ctx, endpoints, r.load.keys(), r.load.recorder)
}

// ringer is a store that knows the ring.
type ringer interface {
	Ring(context.Context) (client.Ring, error)
}

// suffer lets the clients work while the plan is carried out.
func (r *running) suffer(ctx context.Context, tell func(string)) error {
	opened, err := r.open(ctx, r.Patience)
	if err != nil {
		return err
	}
	defer closeAll(opened)
	r.load.use(opened)
	working, stop := context.WithCancel(ctx)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		r.load.run(working)
	}()
	defer func() {
		stop()
		<-worked
	}()
	if err := r.load.await(ctx, settled); err != nil {
		return err
	}
	ring := func(ctx context.Context) (client.Ring, error) {
		ctx, cancel := context.WithTimeout(ctx, ringTime)
		defer cancel()
		known, err := opened[0].(ringer).Ring(ctx)
		if len(known.Shards) > 0 {
			err = nil
		}
		return known, err
	}
	return faults.Run(ctx, r.cluster, ring, r.Plan, func(e faults.Event) {
		r.Events = append(r.Events, e)
		tell(e.String())
	})
}

// open opens clients whose calls take no longer than patience. Each begins with another node.
func (r *running) open(ctx context.Context, patience time.Duration) ([]bench.Store, error) {
	var opened []bench.Store
	for i := range instances {
		ctx, cancel := context.WithTimeout(ctx, CallTime)
		endpoints := r.cluster.Endpoints()
		i %= len(endpoints)
		s, err := stores.Ringward(ctx, append(endpoints[i:], endpoints[:i]...), patience)
		cancel()
		if err != nil {
			closeAll(opened)
			return nil, fmt.Errorf("opening a client: %w", err)
		}
		opened = append(opened, s)
	}
	return opened, nil
}

func closeAll(stores []bench.Store) {
	for _, s := range stores {
		_ = s.Close() // all its calls have ended
	}
}

// judge decides about what the clients saw, and what the nodes say of themselves.
func (r *running) judge(at map[string]inspect.Found) error {
	h := r.load.recorder.History()
	for _, w := range r.load.workers {
		for kind, n := range w.failures {
			r.Failures[kind] += n
		}
	}
	report := h.Check(CheckTime)
	r.Calls, r.Unknown = report.Ops, report.Unknown
	var errs []error
	if report.Verdict != history.Linearizable {
		errs = append(errs, fmt.Errorf("history %v", report))
	}
	if at != nil {
		errs = append(errs, inspect.Missing(h, at), inspect.Miscounted(r.load.counts(), nil, at))
	}
	for _, n := range r.cluster.Nodes() {
		errs = append(errs, inspect.Complaints(n, r.excused))
	}
	return errors.Join(errs...)
}

// excused reports whether a node that logs this has only said that its disk was full, which it was.
func (r *running) excused(line string) bool {
	return r.Plan.Has(faults.DiskFull) && strings.Contains(line, "no space left on device")
}
