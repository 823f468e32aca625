package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/compare"
	"github.com/ringward/ringward/bench/internal/page"
)

// compareRequest is what the flags of compare ask for.
type compareRequest struct {
	flags             *pflag.FlagSet
	stores, workloads []string
	ours              cluster.Options
	etcd, redis, out  string
	servers           int
	election          time.Duration
	options           compare.Options
}

// storeNames are those that can be compared; the first is what the others are compared with.
var storeNames = []string{"ringward", "etcd", "redis"}

func compareVerb(stop <-chan struct{}) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Let Ringward, etcd and redis do the same work in turn, and set them beside each other",
		Long: `For each workload of YCSB the stores take turns, --repeats runs of each, each run with a fresh cluster of real processes on this machine and the same operations.
Reported are medians of the runs, their spread, and ratios of Ringward's medians by the others'.

Every call is recorded, and each history checked; one of a store that promises to be linearizable and is not, or about which that could not be decided,
makes the exit code 1. Redis is a primary with replicas, appendfsync always, whose writes WAIT for most servers: it does not promise that.

Without --stores those are compared whose executables are there. --out gets report.json, report.txt, report.html and its charts as SVG.
Ctrl-C ends it, and what was measured by then is reported.`,
		Args: cli.Exactly(),
	}
	r := newCompareRequest(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := r.resolve(); err != nil {
			return err
		}
		return r.measure(cmd.Context(), stop)
	}
	return cmd
}

func newCompareRequest(f *pflag.FlagSet) *compareRequest {
	r := &compareRequest{flags: f}
	f.SortFlags = false // what belongs together stays together
	o := &r.options
	l := &o.Load
	f.StringSliceVar(&r.stores, "stores", nil, "what is compared: some of ringward, etcd, redis; ratios are against the first of them in this order (default: all that are here)")
	f.StringSliceVar(&r.workloads, "workloads", []string{"a", "b", "c", "d", "f"}, "mixes of operations: some of "+strings.Join(bench.WorkloadNames(), ", "))
	f.IntVar(&o.Repeats, "repeats", 3, "runs of each store with each workload")

	cli.LoadFlags(f, l)
	f.DurationVar(&l.Duration, "duration", 10*time.Second, "length of the measured phase of a run")
	f.DurationVar(&l.Warmup, "warmup", 2*time.Second, "length of the phase before it")
	f.BoolVar(&o.Check, "check", true, "record every call, and check at the end of each run that the history is linearizable")
	cli.PatienceFlags(f, &o.Patience, &o.CheckTime)

	f.StringVar(&r.ours.Ringward, "ringward", "../../.ringward/bin/ringward", "the ringward executable")
	f.IntVar(&r.ours.Nodes, "nodes", 3, "nodes of Ringward")
	f.IntVar(&r.ours.Shards, "shards", 3, "its shards")
	f.IntVar(&r.ours.Replicas, "replicas", 2, "copies of each shard")
	f.DurationVar(&r.ours.SuspectAfter, "suspect-after", 0, "silence after which a node is suspected (default: the nodes' own)")
	f.StringVar(&r.etcd, "etcd", etcdPath, "the etcd executable; install.sh makes one there")
	f.DurationVar(&r.election, "election-timeout", time.Second, "etcd's election timeout; heartbeats are a tenth")
	f.StringVar(&r.redis, "redis", "redis-server", "the redis executable")
	f.IntVar(&r.servers, "servers", 3, "servers of etcd, and of redis")
	cli.OutFlag(f, &r.out, compare.Kind)
	return r
}

// resolve checks what was asked for and completes it.
func (r *compareRequest) resolve() error {
	o := &r.options
	if !r.flags.Changed("stores") {
		r.stores = storeNames
	}
	for _, name := range r.stores {
		if !slices.Contains(storeNames, name) {
			return cli.Usagef("--stores %q: want some of %s", name, strings.Join(storeNames, ", "))
		}
	}
	for _, name := range r.workloads {
		w, err := bench.ParseWorkload(name)
		if err != nil {
			return cli.Usagef("--workloads: %w", err)
		}
		o.Workloads = append(o.Workloads, w)
	}
	if err := r.ours.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	if err := validServers(r.servers); err != nil {
		return err
	}
	if err := validElection(r.election); err != nil {
		return err
	}
	if err := r.findStores(); err != nil {
		return err
	}
	if err := o.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	return nil
}

// findStores finds the executables. What is not there is left out, unless it was asked for by its name.
func (r *compareRequest) findStores() error {
	for _, name := range storeNames {
		if !slices.Contains(r.stores, name) {
			continue
		}
		path := map[string]*string{"ringward": &r.ours.Ringward, "etcd": &r.etcd, "redis": &r.redis}[name]
		s, err := r.find(name, path)
		switch {
		case err == nil:
			r.options.Stores = append(r.options.Stores, s)
		case name == storeNames[0] || r.flags.Changed("stores") || r.flags.Changed(name):
			return cli.Usagef("--%s %q: want an executable: %w", name, *path, err)
		default:
			r.options.LeftOut = append(r.options.LeftOut, fmt.Sprintf("%s: no executable %s (--%s)", name, *path, name))
		}
	}
	return nil
}

// find makes a store of an executable.
func (r *compareRequest) find(name string, path *string) (s compare.Store, err error) {
	found, err := exec.LookPath(*path)
	if err != nil {
		return s, err
	}
	if *path, err = filepath.Abs(found); err != nil {
		return s, err
	}
	if name == "ringward" {
		return compare.Ringward(r.ours), nil
	}
	version, err := versionOf(*path)
	if err != nil {
		return s, err
	}
	most := r.servers/2 + 1
	if name == "etcd" {
		return compare.Store{
			Name: name, Linearizable: true,
			Promises: fmt.Sprintf("%d servers, election timeout %v: an acknowledged write is synced by %d of them", r.servers, r.election, most),
			Start: func(ctx context.Context) (compare.Cluster, error) {
				return started(startEtcd(ctx, r.etcd, version, r.servers, r.election))
			},
		}, nil
	}
	version, _, _ = strings.Cut(version, " sha=") // and what else tells builds apart
	return compare.Store{
		Name: name,
		Promises: fmt.Sprintf("a primary and %d replicas, appendfsync always: an acknowledged write has been received by %d servers (WAIT %d), and may be lost when the primary fails",
			r.servers-1, most, most-1),
		Start: func(ctx context.Context) (compare.Cluster, error) {
			return started(startRedis(ctx, r.redis, version, r.servers))
		},
	}, nil
}

// started is what has started, or nothing.
func started[C compare.Cluster](c C, err error) (compare.Cluster, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// measure measures, and reports what was measured whatever ended it.
func (r *compareRequest) measure(ctx context.Context, stop <-chan struct{}) error {
	o := &r.options
	o.Stop, o.Tell = stop, tell
	for _, text := range o.LeftOut {
		tell("left out: " + text)
	}
	m := measurement(compare.Kind, r.out)
	m.Takes = o.Estimate()
	m.Run = func() (page.Report, error) {
		report, err := compare.Run(ctx, *o)
		if report == nil || len(report.Runs) == 0 {
			return nil, err
		}
		return report, err
	}
	return m.Do()
}
