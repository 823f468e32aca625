package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		etcd     = flag.String("etcd", "../../.ringward/bin/etcd", "the etcd executable; install.sh makes one there")
		n        = flag.Int("servers", 3, "servers of the cluster")
		timeouts = flag.String("election-timeout", "50ms,1s", "election timeouts, one cluster after the other; heartbeats are a tenth, and 10ms at least")
		faults   = flag.String("faults", "kill", "what happens: some of kill, pause")
		targets  = flag.String("targets", "head", "whom it hits: some of head (the leader), tail (a follower), random")
		rounds   = flag.Int("rounds", 20, "faults of each kind for each timeout and target")
		calm     = flag.Duration("calm", 20*time.Second, "for how long nothing happens, for each timeout")
		clients  = flag.Int("clients", 64, "clients, each of which does one operation at a time")
		workload = flag.String("workload", "a", "mix of operations: "+strings.Join(bench.WorkloadNames(), ", "))
		rate     = flag.Float64("rate", 0, "operations a second; 0: as fast as the clients can")
		patience = flag.Duration("timeout", 10*time.Second, "patience of one operation")
		out      = flag.String("out", "etcd-report", "directory for the report")
	)
	flag.Parse()
	if *patience <= 0 {
		return fmt.Errorf("--timeout %v: want more than 0s", *patience)
	}
	version, err := exec.Command(*etcd, "--version").Output()
	if err != nil {
		return fmt.Errorf("--etcd %s: %w", *etcd, err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	o := failover.Options{
		Store: "etcd", TimeoutName: "election-timeout", Rounds: *rounds, Calm: *calm, Patience: *patience, CheckTime: 2 * time.Minute,
		Load: bench.Options{Clients: *clients, Records: 1000, ValueSize: 100, Rate: *rate, Seed: 1},
		Tell: func(line string) { fmt.Fprintln(os.Stderr, line) },
	}
	o.Cluster.Nodes, o.Cluster.Shards, o.Cluster.Replicas = *n, 1, *n
	o.Start = func(ctx context.Context, election time.Duration) (failover.System, error) {
		return start(ctx, *etcd, first, *n, election)
	}
	if err := choose(&o, *timeouts, *faults, *targets, *workload); err != nil {
		return err
	}
	stop, signals := make(chan struct{}), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Stop = stop
	go func() {
		<-signals
		close(stop)
		<-signals
		cancel()
	}()
	report, err := failover.Run(ctx, o)
	if report == nil {
		return err
	}
	report.Command = append([]string{"bench/etcd"}, os.Args[1:]...)
	if err := errors.Join(err, report.WriteText(os.Stdout), page.Write(*out, report)); err != nil {
		return err
	}
	if !report.OK {
		return errors.New("a check failed")
	}
	return nil
}

// choose reads the lists.
func choose(o *failover.Options, timeouts, faults, targets, workload string) (err error) {
	for _, s := range strings.Split(timeouts, ",") {
		d, err := time.ParseDuration(s)
		if err != nil || d < 5*minHeartbeat || d > failover.MaxSuspect {
			return fmt.Errorf("--election-timeout %q: want durations of %v to %v, separated by commas", s, 5*minHeartbeat, failover.MaxSuspect)
		}
		o.Timeouts = append(o.Timeouts, d)
	}
	for _, s := range strings.Split(faults, ",") {
		f, err := failover.ParseFault(s)
		if err != nil {
			return fmt.Errorf("--%w", err)
		}
		o.Faults = append(o.Faults, f)
	}
	for _, s := range strings.Split(targets, ",") {
		t, err := failover.ParseTarget(s)
		if err != nil {
			return fmt.Errorf("--%w", err)
		}
		o.Targets = append(o.Targets, t)
	}
	if o.Load.Workload, err = bench.ParseWorkload(workload); err != nil {
		return fmt.Errorf("--%w", err)
	}
	o.Load.Distribution = o.Load.Workload.Distribution
	return nil
}
