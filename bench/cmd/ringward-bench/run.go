package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
)

func (p *program) runVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a workload and report throughput, latencies and errors",
		Long: `Loads the records, warms up, measures, and reports.

The cluster is the one that --endpoints or RINGWARD_ENDPOINTS names. Without either, one is started on this
machine and removed at the end; then driver and nodes share the machine, and take from each other.

Workloads are the core mixes of YCSB: a (50% read, 50% update), b (95% read, 5% update), c (read), d (95% read the latest,
5% insert), f (50% read, 50% read-modify-write); puts and gets are one operation only.`,
		Args: cli.Exactly(),
	}
	r := newRequest(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := r.resolve(); err != nil {
			return err
		}
		return p.measure(cmd.Context(), r)
	}
	return cmd
}

// measure does what was asked for, from the cluster's start to its end, and reports.
func (p *program) measure(ctx context.Context, r *request) error {
	target := bench.Target{Store: "ringward", Endpoints: r.endpoints}
	report, err := p.withCluster(ctx, r, &target)
	if report == nil {
		return err
	}
	report.Command, report.Target = p.command, target
	if r.options.History != nil {
		err = errors.Join(err, p.judge(r, report))
	}
	if report.Total.Count == 0 {
		err = errors.Join(err, errors.New("no operation succeeded"))
	}
	return errors.Join(p.print(r.output, report), err)
}

// withCluster measures the cluster that the request names or describes. That of the latter kind
// lives no longer than this call. A report may come with an error that does not spoil it.
func (p *program) withCluster(ctx context.Context, r *request, target *bench.Target) (_ *bench.Report, err error) {
	if r.ownCluster() {
		var c *cluster.Cluster
		err := p.unlessStopped(ctx, func(ctx context.Context) (err error) {
			c, err = p.start(ctx, r.cluster)
			return err
		})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, c.Stop()) }()
		target.Endpoints = c.Endpoints()
		target.Cluster = &bench.Cluster{
			Ringward: c.Version(), Nodes: r.cluster.Nodes, Shards: r.cluster.Shards, Replicas: r.cluster.Replicas,
			SuspectAfter: r.cluster.SuspectAfter.Seconds(),
		}
		if r.profile != "" {
			p := &profiles{dir: r.profile, nodes: c.Nodes(), length: r.options.Duration}
			r.options.Begin = p.begin
			defer func() { err = errors.Join(err, p.end()) }()
		}
	}
	var opened []bench.Store
	defer func() {
		for _, s := range opened {
			err = errors.Join(err, s.Close())
		}
	}()
	for range r.connections {
		err := p.unlessStopped(ctx, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, r.timeout)
			defer cancel()
			s, err := p.open(ctx, target.Endpoints, r.timeout)
			if err == nil {
				opened = append(opened, s)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	line := newLine(p.stderr)
	defer line.clear()
	r.options.Progress, r.options.Stop = line.show(), p.stop
	return bench.Run(ctx, r.options, opened)
}

// unlessStopped prepares the measurement; being told to stop ends that at once.
func (p *program) unlessStopped(ctx context.Context, prepare func(context.Context) error) error {
	ctx, cancel := bench.UntilStopped(ctx, p.stop)
	defer cancel()
	err := prepare(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// judge checks the history, and keeps it where that was asked for or is needed.
func (p *program) judge(r *request, report *bench.Report) error {
	h := r.options.History.History()
	verdict := h.Check(r.checkTimeout)
	report.Check = bench.NewCheck(verdict)
	var kept error
	if name := r.history; name != "" {
		report.Check.History, kept = name, h.WriteFile(name)
	} else if !verdict.OK() {
		report.Check.History, kept = h.WriteTemp()
	}
	if kept != nil {
		report.Check.History = ""
		kept = fmt.Errorf("the history is not kept: %w", kept)
	}
	return errors.Join(judgement(verdict), kept)
}

// print writes a report to standard output.
func (p *program) print(form outputFormat, report interface{ WriteText(io.Writer) error }) error {
	if form == "text" {
		return report.WriteText(p.stdout)
	}
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	return e.Encode(report)
}
