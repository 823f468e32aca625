package main

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
)

const envEndpoints = "RINGWARD_ENDPOINTS"

// request is what the flags of run ask for.
type request struct {
	flags *pflag.FlagSet

	workload, distribution string
	options                bench.Options
	connections            int
	timeout                time.Duration
	output                 outputFormat

	endpoints []string
	cluster   cluster.Options

	check        bool
	checkTimeout time.Duration
	history      string
	profile      string // directory
}

func newRequest(f *pflag.FlagSet) *request {
	r := &request{flags: f, output: "text"}
	o, c := &r.options, &r.cluster
	f.SortFlags = false // what belongs together stays together
	f.StringVar(&r.workload, "workload", "a", "mix of operations: "+strings.Join(bench.WorkloadNames(), ", "))
	f.StringVar(&r.distribution, "distribution", "", "how records are chosen: zipfian, uniform or latest (default: the workload's own)")
	cli.LoadFlags(f, o)
	f.IntVar(&r.connections, "connections", 1, "instances of the client SDK that the clients share")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "length of the measured phase")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "length of the phase before it")
	f.BoolVar(&o.SkipLoad, "skip-load", false, "load nothing: the cluster holds the records already")
	cli.PatienceFlags(f, &r.timeout, &r.checkTimeout)
	f.VarP(&r.output, "output", "o", "form of the report: text or json")

	f.BoolVar(&r.check, "check", false, "record every call, and check at the end that the history is linearizable")
	f.StringVar(&r.history, "history", "", "file that gets the history; implies --check (default: a temporary file, only where the check fails)")

	f.StringSliceVar(&r.endpoints, "endpoints", nil,
		"addresses of any nodes of a running cluster, separated by commas (default "+envEndpoints+", else a cluster is started)")
	f.IntVar(&c.Nodes, "nodes", 5, "nodes of the cluster that is started")
	f.IntVar(&c.Shards, "shards", 5, "its shards")
	f.IntVar(&c.Replicas, "replicas", 2, "copies of each shard")
	f.DurationVar(&c.SuspectAfter, "suspect-after", 0, "silence after which a node is suspected (default: the nodes' own)")
	f.StringVar(&c.Ringward, "ringward", "", "the ringward executable (default: beside this one, else on PATH)")
	f.StringVar(&c.Dir, "dir", "", "empty or new directory for its data and logs, which stay there (default: a temporary one, removed at the end)")
	f.StringVar(&r.profile, "profile", "", "directory that gets CPU profiles of the measured phase, of the driver and of each node, for go tool pprof")
	return r
}

// ownFlags describe the cluster that is started, and mean nothing where one runs already.
var ownFlags = []string{"nodes", "shards", "replicas", "suspect-after", "ringward", "dir", "profile"}

// resolve checks what was asked for and completes it. Errors are the user's.
func (r *request) resolve() error {
	o := &r.options
	var err error
	if o.Workload, err = bench.ParseWorkload(r.workload); err != nil {
		return cli.Usagef("--%w", err)
	}
	if o.Distribution, err = bench.ParseDistribution(cmp.Or(r.distribution, string(o.Workload.Distribution))); err != nil {
		return cli.Usagef("--%w", err)
	}
	if err := r.resolveTarget(); err != nil {
		return err
	}
	if r.check || r.history != "" {
		// A cluster that is started here holds nothing yet.
		o.History = history.NewRecorder(r.ownCluster())
	}
	if err := o.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	if r.connections < 1 || r.connections > o.Clients {
		return cli.Usagef("--connections %d: want 1 to %d, the number of clients", r.connections, o.Clients)
	}
	if err := cli.Patient(r.timeout, r.checkTimeout); err != nil {
		return err
	}
	if r.ownCluster() {
		if r.cluster.Ringward, err = findRingward(r.cluster.Ringward); err != nil {
			return err
		}
	}
	if r.profile != "" {
		if err := os.MkdirAll(r.profile, 0o755); err != nil {
			return cli.Usagef("--profile: %w", err)
		}
	}
	return nil
}

// ownCluster reports whether a cluster is to be started.
func (r *request) ownCluster() bool { return len(r.endpoints) == 0 }

// resolveTarget finds out which cluster is meant: afterwards there are endpoints, or a valid
// cluster to start.
func (r *request) resolveTarget() error {
	from := "--endpoints"
	if !r.flags.Changed("endpoints") {
		if env := os.Getenv(envEndpoints); env != "" {
			r.endpoints, from = strings.Split(env, ","), envEndpoints
		}
	} else if len(r.endpoints) == 0 {
		return cli.Usagef("--endpoints %q: want host:port, several separated by commas", "")
	}
	if len(r.endpoints) > 0 {
		for i, e := range r.endpoints {
			e = strings.TrimSpace(e)
			if host, port, err := net.SplitHostPort(e); err != nil || host == "" || port == "" {
				return cli.Usagef("%s %q: want host:port, several separated by commas", from, e)
			}
			r.endpoints[i] = e
		}
		for _, name := range ownFlags {
			if f := r.flags.Lookup(name); f.Changed {
				return cli.Usagef("--%s %v: %s names a cluster that runs already: leave one of the two out", name, f.Value, from)
			}
		}
		return nil
	}
	if err := r.cluster.Valid(); err != nil {
		return cli.Usagef("--%w", err)
	}
	if r.flags.Changed("suspect-after") && r.cluster.SuspectAfter == 0 {
		return cli.Usagef("--suspect-after 0s: want 1ms or more")
	}
	return nil
}

// findRingward finds the executable of the nodes, as an absolute path.
func findRingward(asked string) (string, error) {
	if asked != "" {
		path, err := exec.LookPath(asked)
		if err != nil {
			return "", cli.Usagef("--ringward %q: want an executable: %w", asked, err)
		}
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), "ringward")); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("ringward")
	if err != nil {
		return "", cli.Usagef("no ringward executable beside this one or on PATH to start a cluster with: name one with --ringward, or a running cluster with --endpoints")
	}
	return filepath.Abs(path)
}
