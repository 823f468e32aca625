package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
)

// failoverRequest is what the flags of failover ask for.
type failoverRequest struct {
	etcd, workload, out string
	servers             int
	timeouts            []time.Duration
	faults, targets     []string
	options             failover.Options
}

func failoverVerb(stop <-chan struct{}) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Measure how long etcd's clients are without service when its leader fails, and check that nothing was lost",
		Args:  cli.Exactly(),
	}
	r := newFailoverRequest(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.measure(cmd.Context(), stop) }
	return cmd
}

func newFailoverRequest(f *pflag.FlagSet) *failoverRequest {
	r := &failoverRequest{}
	f.SortFlags = false // what belongs together stays together
	o := &r.options
	f.StringVar(&r.etcd, "etcd", etcdPath, "the etcd executable; install.sh makes one there")
	f.IntVar(&r.servers, "servers", 3, "servers of the cluster")
	f.DurationSliceVar(&r.timeouts, "election-timeout", []time.Duration{50 * time.Millisecond, time.Second},
		"election timeouts, one cluster after the other; heartbeats are a tenth, and 10ms at least")
	f.StringSliceVar(&r.faults, "faults", []string{"kill"}, "what happens: some of kill, pause")
	f.StringSliceVar(&r.targets, "targets", []string{"head"}, "whom it hits: some of head (the leader), tail (a follower), random")
	f.IntVar(&o.Rounds, "rounds", 20, "faults of each kind for each timeout and target")
	f.DurationVar(&o.Calm, "calm", 20*time.Second, "for how long nothing happens, for each timeout")
	f.StringVar(&r.workload, "workload", "a", "mix of operations: "+strings.Join(bench.WorkloadNames(), ", "))
	o.Load.Records, o.Load.ValueSize, o.CheckTime = 1000, 100, 2*time.Minute
	cli.LoadFlags(f, &o.Load)
	cli.PatienceFlags(f, &o.Patience, &o.CheckTime)
	cli.OutFlag(f, &r.out, failover.Kind)
	return r
}

// measure does it.
func (r *failoverRequest) measure(ctx context.Context, stop <-chan struct{}) error {
	o := &r.options
	if err := r.choose(); err != nil {
		return err
	}
	version, err := versionOf(r.etcd)
	if err != nil {
		return cli.Usagef("--etcd %s: %w", r.etcd, err)
	}
	o.Start = func(ctx context.Context, election time.Duration) (failover.System, error) {
		s, err := startEtcd(ctx, r.etcd, version, r.servers, election)
		if err != nil {
			return nil, err // and not a system that is nil
		}
		return s, nil
	}
	o.Stop, o.Tell = stop, tell
	m := measurement(failover.Kind, r.out)
	m.Takes = o.Estimate()
	m.Run = func() (page.Report, error) {
		report, err := failover.Run(ctx, *o)
		if report == nil || len(report.Series) == 0 {
			return nil, err
		}
		return report, err
	}
	return m.Do()
}

// choose checks what was asked for and completes it.
func (r *failoverRequest) choose() (err error) {
	o := &r.options
	o.Store, o.TimeoutName = "etcd", "election-timeout"
	o.Cluster.Nodes, o.Cluster.Shards, o.Cluster.Replicas = r.servers, 1, r.servers
	o.Start = func(context.Context, time.Duration) (failover.System, error) { return nil, nil } // which says that no Ringward is meant
	if err := validServers(r.servers); err != nil {
		return err
	}
	if err := cli.Patient(o.Patience, o.CheckTime); err != nil {
		return err
	}
	for _, d := range r.timeouts {
		if err := validElection(d); err != nil {
			return err
		}
	}
	o.Timeouts = r.timeouts
	for _, s := range r.faults {
		f, err := failover.ParseFault(s)
		if err != nil {
			return cli.Usagef("--%w", err)
		}
		o.Faults = append(o.Faults, f)
	}
	for _, s := range r.targets {
		t, err := failover.ParseTarget(s)
		if err != nil {
			return cli.Usagef("--%w", err)
		}
		o.Targets = append(o.Targets, t)
	}
	if o.Load.Workload, err = bench.ParseWorkload(r.workload); err != nil {
		return cli.Usagef("--%w", err)
	}
	o.Load.Distribution = o.Load.Workload.Distribution
	if err := o.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	return nil
}

// maxServers is more than anybody lets elect a leader.
const maxServers = 9

func validServers(n int) error {
	if n < 3 || n > maxServers || n%2 == 0 {
		return cli.Usagef("--servers %d: want an odd number of 3 to %d, most of which are left when one fails", n, maxServers)
	}
	return nil
}

func validElection(d time.Duration) error {
	if d < 5*minHeartbeat || d > failover.MaxSuspect {
		return cli.Usagef("--election-timeout %v: want %v to %v", d, 5*minHeartbeat, failover.MaxSuspect)
	}
	return nil
}
