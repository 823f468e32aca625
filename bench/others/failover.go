package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/failover"
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
		Args:  noArguments,
	}
	r, f := &failoverRequest{}, cmd.Flags()
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
	f.IntVar(&o.Load.Clients, "clients", 64, "clients, each of which does one operation at a time")
	f.StringVar(&r.workload, "workload", "a", "mix of operations: "+strings.Join(bench.WorkloadNames(), ", "))
	f.Float64Var(&o.Load.Rate, "rate", 0, "operations a second; 0: as fast as the clients can")
	f.DurationVar(&o.Patience, "timeout", 10*time.Second, "patience of one operation")
	f.StringVar(&r.out, "out", "etcd-report", "directory for the report")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.measure(cmd.Context(), stop) }
	return cmd
}

// measure does it.
func (r *failoverRequest) measure(ctx context.Context, stop <-chan struct{}) error {
	o := &r.options
	if err := r.choose(); err != nil {
		return err
	}
	version, err := versionOf(r.etcd)
	if err != nil {
		return usagef("--etcd %s: %w", r.etcd, err)
	}
	o.Start = func(ctx context.Context, election time.Duration) (failover.System, error) {
		s, err := startEtcd(ctx, r.etcd, version, r.servers, election)
		if err != nil {
			return nil, err // and not a system that is nil
		}
		return s, nil
	}
	o.Stop, o.Tell = stop, tell
	report, err := failover.Run(ctx, *o)
	if report == nil || len(report.Series) == 0 {
		return cmp.Or(err, bench.ErrStopped)
	}
	report.Command = command()
	return publish(r.out, report, report.OK, err)
}

// choose checks what was asked for and completes it.
func (r *failoverRequest) choose() (err error) {
	o := &r.options
	o.Store, o.TimeoutName, o.CheckTime = "etcd", "election-timeout", 2*time.Minute
	o.Load.Records, o.Load.ValueSize, o.Load.Seed = 1000, 100, 1
	o.Cluster.Nodes, o.Cluster.Shards, o.Cluster.Replicas = r.servers, 1, r.servers
	o.Start = func(context.Context, time.Duration) (failover.System, error) { return nil, nil } // which says that no Ringward is meant
	if err := validServers(r.servers); err != nil {
		return err
	}
	if o.Patience <= 0 {
		return usagef("--timeout %v: want more than 0s", o.Patience)
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
			return usagef("--%w", err)
		}
		o.Faults = append(o.Faults, f)
	}
	for _, s := range r.targets {
		t, err := failover.ParseTarget(s)
		if err != nil {
			return usagef("--%w", err)
		}
		o.Targets = append(o.Targets, t)
	}
	if o.Load.Workload, err = bench.ParseWorkload(r.workload); err != nil {
		return usagef("--%w", err)
	}
	o.Load.Distribution = o.Load.Workload.Distribution
	if err := o.Valid(); err != nil {
		return usagef("--%w", err)
	}
	return nil
}

// maxServers is more than anybody lets elect a leader.
const maxServers = 9

func validServers(n int) error {
	if n < 3 || n > maxServers || n%2 == 0 {
		return usagef("--servers %d: want an odd number of 3 to %d, most of which are left when one fails", n, maxServers)
	}
	return nil
}

func validElection(d time.Duration) error {
	if d < 5*minHeartbeat || d > failover.MaxSuspect {
		return usagef("--election-timeout %v: want %v to %v", d, 5*minHeartbeat, failover.MaxSuspect)
	}
	return nil
}
