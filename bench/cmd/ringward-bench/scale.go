package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/page"
	"github.com/ringward/ringward/bench/internal/scale"
)

// scaleRequest is what the flags of scale ask for.
type scaleRequest struct {
	options       scale.Options
	workload, out string
}

func (p *program) scaleVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure throughput, and the pause when a node fails, with more and more shards and nodes on this machine",
		Long: `For each number of nodes and each number of shards a cluster of real processes is started on this machine. Clients work on it, without a fault
for --duration: that is its throughput and latency. Then, in a cluster like it, a node is killed (-9) and started again from its data, --rounds times, another
one each time: that is its pause, until every shard that the node was a member of acknowledged a write again.

All nodes share this machine: what is found is what shards and nodes cost, not what more machines bring.

What clients saw is checked as by failover: exit code 1, and history and logs kept, where a promise was broken or where that could not be decided.

--out gets report.json, report.txt, report.html, which needs nothing else to be looked at, and its charts as SVG.`,
		Args: cli.Exactly(),
	}
	r := newScaleRequest(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := r.resolve(); err != nil {
			return err
		}
		return p.scale(cmd.Context(), r)
	}
	return cmd
}

func newScaleRequest(f *pflag.FlagSet) *scaleRequest {
	r := &scaleRequest{}
	f.SortFlags = false // what belongs together stays together
	o, m := &r.options, &r.options.Measure
	f.IntSliceVar(&o.Nodes, "nodes", []int{3, 5, 8}, "nodes of the clusters, separated by commas")
	f.IntSliceVar(&o.Shards, "shards", []int{5, 16, 64}, "their shards; each number of these with each number of nodes")
	f.IntVar(&m.Cluster.Replicas, "replicas", 2, "copies of each shard")
	f.DurationVar(&o.SuspectAfter, "suspect-after", time.Second, "silence after which a node is suspected")
	f.IntVar(&m.Rounds, "rounds", 5, "kills for each cluster")
	f.DurationVar(&m.Calm, "duration", 10*time.Second, "for how long throughput and latency are measured without a fault, for each cluster")
	f.DurationVar(&m.Load.Warmup, "warmup", 2*time.Second, "for how long it works before that")

	measureFlags(f, m, &r.workload)

	cli.OutFlag(f, &r.out, scale.Kind)
	f.StringVar(&m.Cluster.Ringward, "ringward", "", "the ringward executable (default: beside this one, else on PATH)")
	f.StringVar(&m.Cluster.Mutant, "sabotage", "", "a deliberate bug for the nodes, whose executable was built with -tags mutants: the run should fail")
	return r
}

// resolve checks what was asked for and completes it. Errors are the user's.
func (r *scaleRequest) resolve() (err error) {
	o := &r.options
	if err := resolveMeasure(&o.Measure, r.workload); err != nil {
		return err
	}
	if err := o.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	o.Measure.Cluster.Ringward, err = findRingward(o.Measure.Cluster.Ringward)
	return err
}

// scale measures, and reports what was measured whatever ended it.
func (p *program) scale(ctx context.Context, r *scaleRequest) error {
	o := r.options
	o.Measure.Stop, o.Measure.Tell = p.stop, p.tell
	m := cli.Measurement{Verb: scale.Kind, Out: r.out, Command: p.command, Takes: o.Estimate(), Stdout: p.stdout, Tell: p.tell}
	m.Run = func() (page.Report, error) {
		report, err := scale.Run(ctx, o)
		if report == nil || len(report.Points) == 0 {
			return nil, err
		}
		return report, err
	}
	return m.Do()
}
