package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
	"github.com/ringward/ringward/bench/internal/volume"
)

// failoverRequest is what the flags of failover ask for.
type failoverRequest struct {
	flags    *pflag.FlagSet
	options  failover.Options
	workload string
	timeouts []time.Duration
	faults   []string
	targets  []string
	out      string
	against  []string
	external failover.External
}

// timeoutsByDefault are from the shortest there is to what others need.
var timeoutsByDefault = []time.Duration{
	time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
}

func (p *program) failoverVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Measure how long clients are without service when a node fails, and check that nothing was lost",
		Long: `For each timeout a cluster of real processes is started on this machine, clients work on it, and one fault after the other happens to it: kill
(-9, and a start from the node's data), pause (SIGSTOP), partition (the node and all others do not hear each other), oneway (nobody
hears the node), reset (its connections break), slow-disk (each sync takes 250ms more; needs FUSE). The target is a part in the chain of a shard, another shard each round: its
head, its tail, the head of its sequencer, a node that is in both, or any node. After each fault the ring is waited for until it has its full
strength again.

A pause is the time from the fault until every shard that the node was a member of acknowledged a write again. The nodes tell how much of
it went into detection, decision, wedge and activation. Without a fault it is measured what each timeout costs in throughput and false suspicions, and what
gaps there are anyway.

All calls go into a history, which must be linearizable; every acknowledged write must be there, counters exact, all nodes of one mind,
every shard healed. The exit code is 1 otherwise, and history and logs are kept. --sabotage shows that this can fail.

--out gets report.json, report.txt, report.html, which needs nothing else to be looked at, and its charts as SVG. With --endpoints the cluster is one that runs already: --inject and
--heal are commands that find in their environment RINGWARD_FAULT, RINGWARD_NODE, RINGWARD_NODE_ID and RINGWARD_ADDRESS.`,
		Args: cli.Exactly(),
	}
	r := newFailoverRequest(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := r.resolve(); err != nil {
			return err
		}
		return p.failover(cmd.Context(), r)
	}
	return cmd
}

func newFailoverRequest(f *pflag.FlagSet) *failoverRequest {
	r := &failoverRequest{flags: f}
	f.SortFlags = false // what belongs together stays together
	o := &r.options
	c := &o.Cluster
	f.IntVar(&c.Nodes, "nodes", 5, "nodes of the cluster")
	f.IntVar(&c.Shards, "shards", 5, "its shards")
	f.IntVar(&c.Replicas, "replicas", 2, "copies of each shard")
	f.DurationSliceVar(&r.timeouts, "suspect-after", timeoutsByDefault, "silences after which a node is suspected, one cluster after the other")
	f.StringSliceVar(&r.faults, "faults", []string{"kill", "pause", "partition"},
		"what happens: some of kill, pause, partition, oneway, slow-disk, reset; none: nothing does")
	f.StringSliceVar(&r.targets, "targets", []string{"head", "tail", "sequencer", "random"}, "whom it hits: some of head, middle, tail, sequencer, both, random")
	f.IntVar(&o.Rounds, "rounds", 5, "faults of each kind for each timeout and target")
	f.DurationVar(&o.Calm, "calm", 20*time.Second, "for how long nothing happens, for each timeout")

	measureFlags(f, o, &r.workload)

	cli.OutFlag(f, &r.out, failover.Kind)
	f.StringSliceVar(&r.against, "against", nil, "report.json of other stores, as bench/others writes it, to be drawn beside this one, separated by commas")
	f.StringVar(&c.Ringward, "ringward", "", "the ringward executable (default: beside this one, else on PATH)")
	f.StringVar(&c.Mutant, "sabotage", "", "a deliberate bug for the nodes, whose executable was built with -tags mutants: the run should fail")
	f.StringSliceVar(&r.external.Endpoints, "endpoints", nil, "addresses of any nodes of a running cluster, separated by commas: it is used, and none started")
	f.StringVar(&r.external.Inject, "inject", "", "shell command that begins a fault; with --endpoints")
	f.StringVar(&r.external.Heal, "heal", "", "shell command that ends it; with --endpoints")
	return r
}

// measureFlags are those of a load and of how it is checked.
func measureFlags(f *pflag.FlagSet, o *failover.Options, workload *string) {
	f.StringVar(workload, "workload", "a", "mix of operations: "+strings.Join(bench.WorkloadNames(), ", "))
	o.Load.Records, o.Load.ValueSize, o.CheckTime = 1000, 100, 2*time.Minute
	cli.LoadFlags(f, &o.Load)
	cli.PatienceFlags(f, &o.Patience, &o.CheckTime)
}

// resolveMeasure checks what they ask for.
func resolveMeasure(o *failover.Options, workload string) (err error) {
	if o.Load.Workload, err = bench.ParseWorkload(workload); err != nil {
		return cli.Usagef("--%w", err)
	}
	o.Load.Distribution = o.Load.Workload.Distribution
	return cli.Patient(o.Patience, o.CheckTime)
}

// resolve checks what was asked for and completes it. Errors are the user's.
func (r *failoverRequest) resolve() (err error) {
	o := &r.options
	o.Timeouts = r.timeouts
	if len(r.faults) == 0 {
		return cli.Usagef("--faults: want at least one, or none by that name")
	}
	if !slices.Equal(r.faults, []string{"none"}) {
		for _, name := range r.faults {
			if name == "none" {
				return cli.Usagef("--faults %s: none stands alone: without a fault it is measured in any case", strings.Join(r.faults, ","))
			}
			f, err := failover.ParseFault(name)
			if err != nil {
				return cli.Usagef("--%w", err)
			}
			o.Faults = append(o.Faults, f)
		}
	}
	if !r.flags.Changed("targets") && o.Cluster.Replicas > 2 {
		r.targets = slices.Insert(r.targets, 1, string(failover.Middle))
	}
	for _, name := range r.targets {
		t, err := failover.ParseTarget(name)
		if err != nil {
			return cli.Usagef("--%w", err)
		}
		o.Targets = append(o.Targets, t)
	}
	if err := resolveMeasure(o, r.workload); err != nil {
		return err
	}
	if err := r.resolveTarget(); err != nil {
		return err
	}
	if err := o.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	if o.External == nil && slices.Contains(o.Faults, failover.SlowDisk) {
		if err := volume.SlowAvailable(); err != nil {
			return fmt.Errorf("--faults %s: disks that can be slow cannot be had here: %w", failover.SlowDisk, err)
		}
	}
	if o.External == nil {
		o.Cluster.Ringward, err = findRingward(o.Cluster.Ringward)
	}
	return err
}

// resolveTarget finds out which cluster is meant.
func (r *failoverRequest) resolveTarget() error {
	e := r.external
	if len(e.Endpoints) == 0 {
		if e.Inject != "" || e.Heal != "" {
			return cli.Usagef("--inject %q, --heal %q: are for a cluster that runs already: name it with --endpoints", e.Inject, e.Heal)
		}
		return nil
	}
	for _, name := range []string{"nodes", "shards", "replicas", "ringward", "sabotage"} {
		if f := r.flags.Lookup(name); f.Changed {
			return cli.Usagef("--%s %v: --endpoints names a cluster that runs already: leave one of the two out", name, f.Value)
		}
	}
	if !r.flags.Changed("suspect-after") {
		r.options.Timeouts = []time.Duration{time.Second} // the nodes' default
	}
	if len(r.options.Timeouts) != 1 {
		return cli.Usagef("--suspect-after %v: the nodes that --endpoints names have one setting: want that one", r.options.Timeouts)
	}
	if len(r.options.Faults) > 0 && (e.Inject == "" || e.Heal == "") {
		return cli.Usagef("--inject %q, --heal %q: want a command for each, or --faults none", e.Inject, e.Heal)
	}
	r.options.External = &e
	return nil
}

// failover measures, and reports what was measured whatever ended it.
func (p *program) failover(ctx context.Context, r *failoverRequest) error {
	others, err := readReports(r.against)
	if err != nil {
		return err
	}
	o := r.options
	o.Stop = p.stop
	o.Tell = p.tell
	m := cli.Measurement{Verb: failover.Kind, Out: r.out, Command: p.command, Takes: o.Estimate(), Stdout: p.stdout, Tell: p.tell}
	m.Run = func() (page.Report, error) {
		report, err := failover.Run(ctx, o)
		if report == nil || len(report.Series) == 0 {
			return nil, err
		}
		report.Against = others
		return report, err
	}
	return m.Do()
}
