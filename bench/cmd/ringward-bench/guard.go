package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/guard"
)

// guardRequest is what the flags of guard ask for.
type guardRequest struct {
	options guard.Options
	loads   []string
	output  outputFormat
}

func (p *program) guardVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guard BASE [NEW]",
		Short: "Set two commits beside each other, and fail if one became slower",
		Long: `Builds ringward and ringward-bench of two commits of the repository that the current directory belongs to, and lets them take turns on this machine: for
each load, in each round, one works for --duration and then the other, each with a cluster of its own. NEW is the working tree unless a commit is named.

The exit code is 1 where NEW's median throughput under some load is less than --least times BASE's, and a sentence says which; also where the
comparison did not come to its end.

Machines are noisy. Only the ratios of the medians of one such run mean something: do not set figures of two runs beside each other, nor single rounds. How
far the rounds of one commit are apart is shown as well. Where that is far, or where a ratio is near --least, --rounds 15 or --duration 10s say
more; and a commit beside itself (guard HEAD HEAD) shows how far from 1 a ratio comes here by chance. The machine should do nothing else meanwhile.

Nothing is left behind, in the repository either.`,
		Args: cli.Exactly("BASE", "[NEW]"),
	}
	r := newGuardRequest(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := r.resolve(cmd.Context(), args); err != nil {
			return err
		}
		return p.guard(cmd.Context(), r)
	}
	return cmd
}

func newGuardRequest(f *pflag.FlagSet) *guardRequest {
	r := &guardRequest{output: "text"}
	f.SortFlags = false // what belongs together stays together
	o := &r.options
	f.StringSliceVar(&r.loads, "loads", []string{"puts:64", "gets:64", "puts:256", "gets:256", "puts:1", "gets:1"},
		"what clients do, each WORKLOAD:CLIENTS, separated by commas; workloads are those of run")
	f.IntVar(&o.Rounds, "rounds", 5, "how often each load is measured, of both commits")
	f.Float64Var(&o.Least, "least", 0.9, "the ratio of throughput, NEW by BASE, below which a load is too slow; 0: none is")
	f.DurationVar(&o.Each.Duration, "duration", 3*time.Second, "length of one measurement")
	f.DurationVar(&o.Each.Warmup, "warmup", time.Second, "length of the phase before it")
	o.Each.Records = 1000 // a single client loads them too, each time
	cli.LoadFlags(f, &o.Each)
	f.Lookup("clients").Usage = "clients of loads that do not say how many, each of which does one operation at a time"
	f.IntVar(&o.Cluster.Nodes, "nodes", 4, "nodes of each cluster")
	f.IntVar(&o.Cluster.Shards, "shards", 4, "its shards")
	f.IntVar(&o.Cluster.Replicas, "replicas", 3, "copies of each shard")
	f.VarP(&r.output, "output", "o", "form of the report: text or json")
	return r
}

// resolve checks what was asked for and completes it. Errors are the user's.
func (r *guardRequest) resolve(ctx context.Context, args []string) (err error) {
	o := &r.options
	if o.Loads, err = guard.ParseLoads(r.loads, o.Each.Clients); err != nil {
		return cli.Usagef("--loads: %w", err)
	}
	if err := o.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	if o.Repository, err = guard.Find(ctx, "."); err != nil {
		return cli.Usagef("%w", err)
	}
	if o.Base, err = o.Repository.Commit(ctx, args[0]); err != nil {
		return cli.Usagef("BASE %w", err)
	}
	if len(args) == 1 {
		o.New, err = o.Repository.WorkingTree(ctx)
	} else {
		o.New, err = o.Repository.Commit(ctx, args[1])
	}
	if err != nil {
		return cli.Usagef("NEW %w", err)
	}
	return nil
}

// guard measures, and reports what was measured whatever ended it.
func (p *program) guard(ctx context.Context, r *guardRequest) error {
	o := r.options
	o.Stop, o.Tell = p.stop, p.tell
	p.tell(fmt.Sprintf("this takes about %v; Ctrl-C ends it, and what was measured by then is reported", o.Estimate()))
	report, err := guard.Run(ctx, o)
	if report == nil {
		return err
	}
	report.Command = p.command
	return errors.Join(p.print(r.output, report), err, report.Verdict())
}
