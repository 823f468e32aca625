package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/faults"
)

// Fault is what is done to a node, under the name it has in commands and reports.
type Fault string

// The faults. Each is undone after its round's window.
const (
	Kill      Fault = "kill"      // SIGKILL; it is started again from its data
	Pause     Fault = "pause"     // SIGSTOP; SIGCONT
	Partition Fault = "partition" // it hears no other node, and no other node hears it
	OneWay    Fault = "oneway"    // no other node hears it; it hears them
	SlowDisk  Fault = "slow-disk" // each sync of its disk takes syncTime longer
	Reset     Fault = "reset"     // its connections with all others break, and may be made again at once
)

// syncTime is by how much a sync of a slow disk is late. It is below no timeout that is meant to be short, and far below what breaks a disk.
const syncTime = 250 * time.Millisecond

// none is the name of the series in which nothing happens.
const none Fault = "none"

// Faults lists all faults.
func Faults() []Fault { return []Fault{Kill, Pause, Partition, OneWay, SlowDisk, Reset} }

// ParseFault reads the name of a fault.
func ParseFault(name string) (Fault, error) { return parse("faults", name, Faults()) }

// kinds are what they are to package faults.
var kinds = map[Fault]faults.Kind{
	Kill: faults.Kill, Pause: faults.Pause, Partition: faults.Partition, OneWay: faults.Mute, Reset: faults.Reset,
	SlowDisk: faults.SlowDisk,
}

// links reports whether the fault needs a proxy between the nodes. Others do without: a proxy listens where nobody
// listens any more, which takes from the nodes the evidence that a process has ended.
func (f Fault) links() bool { return f == Partition || f == OneWay || f == Reset }

// Target is whom a fault hits: a part in the chain of one shard, which each round chooses anew.
type Target string

// The targets.
const (
	Head      Target = "head"
	Middle    Target = "middle"
	Tail      Target = "tail"
	Sequencer Target = "sequencer" // the head of the shard that sequences the one that was chosen
	Both      Target = "both"      // a node that is in the shard and in the one that sequences it
	Random    Target = "random"
)

// Targets lists all targets.
func Targets() []Target { return []Target{Head, Middle, Tail, Sequencer, Both, Random} }

// ParseTarget reads the name of a target.
func ParseTarget(name string) (Target, error) { return parse("targets", name, Targets()) }

func parse[T ~string](what, name string, all []T) (T, error) {
	if slices.Contains(all, T(name)) {
		return T(name), nil
	}
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = string(a)
	}
	return "", fmt.Errorf("%s %q: want some of %s", what, name, strings.Join(names, ", "))
}

// Options say what to do.
type Options struct {
	// Cluster is what to start. SuspectAfter, Links and SlowDisks are set for each series.
	Cluster cluster.Options
	// Start, if set, starts another store instead, called Store in reports, and its timeout TimeoutName.
	Start              func(ctx context.Context, timeout time.Duration) (System, error)
	Store, TimeoutName string
	// External, if set, is a running cluster, which is used instead.
	External *External

	Timeouts []time.Duration // suspect-after, one after the other
	Faults   []Fault
	Targets  []Target
	// Rounds is how many there are for each timeout, fault and target.
	Rounds int
	// Calm is for how long nothing happens, for each timeout.
	Calm time.Duration

	// ProbePause is the pause of a shard's probe after each answer; 0: 5ms. Unprobed lets no probe write in the series without a fault: its
	// throughput and latencies are those of the load alone, and gaps are those that the load sees.
	ProbePause time.Duration
	Unprobed   bool

	// Load is what the clients do. How long, and who watches, is set by each series. Its warmup is before Calm, and counts for nothing.
	Load bench.Options
	// Patience bounds one call.
	Patience time.Duration
	// CheckTime is patience with the check of one history.
	CheckTime time.Duration

	// Stop ends the measurement when it is closed; what was measured by then is judged and reported.
	Stop <-chan struct{}
	// Tell is called with lines for people.
	Tell func(string)
}

// The limits of Options.
const (
	MaxRounds  = 10_000
	MaxSuspect = time.Minute
	MinCalm    = time.Second // the shortest window
	minReplica = 3           // for a chain to have a middle
)

// Valid reports what is wrong with o, if anything. The texts say what a command line should say too.
func (o *Options) Valid() error {
	switch {
	case len(o.Timeouts) == 0:
		return fmt.Errorf("suspect-after: want at least one duration")
	case o.Rounds < 1 || o.Rounds > MaxRounds:
		return fmt.Errorf("rounds %d: want 1 to %d", o.Rounds, MaxRounds)
	case o.Calm < MinCalm || o.Calm > bench.MaxDuration:
		return fmt.Errorf("calm %v: want %v, the shortest window, to %v", o.Calm, MinCalm, bench.MaxDuration)
	case len(o.Faults) > 0 && len(o.Targets) == 0:
		return fmt.Errorf("targets: want at least one, or no faults")
	case o.Start == nil && o.External == nil && slices.Contains(o.Targets, Middle) && o.Cluster.Replicas < minReplica:
		return fmt.Errorf("targets %s: chains of %d have no middle: want replicas of %d or more", Middle, o.Cluster.Replicas, minReplica)
	case o.Start == nil && o.External == nil && slices.Contains(o.Targets, Both) && o.Cluster.Nodes >= 2*o.Cluster.Replicas:
		return fmt.Errorf("targets %s: %d nodes are enough for a shard of %d and its sequencer to share none: want nodes of %d or fewer",
			Both, o.Cluster.Nodes, o.Cluster.Replicas, 2*o.Cluster.Replicas-1)
	}
	if err := errors.Join(bench.Distinct("suspect-after", o.Timeouts), bench.Distinct("faults", o.Faults), bench.Distinct("targets", o.Targets)); err != nil {
		return err
	}
	for _, t := range o.Timeouts {
		if o.Start != nil {
			continue
		}
		if c := o.clusterFor(t, none); t <= 0 || t > MaxSuspect {
			return fmt.Errorf("suspect-after %v: want 1ms to %v", t, MaxSuspect)
		} else if err := c.Valid(); o.External == nil && err != nil {
			return err
		}
	}
	load := o.Load
	load.Duration, load.History = bench.MaxDuration, history.NewRecorder(false) // which asks for values that differ
	return load.Valid()
}

// window is how long a fault lasts, and what follows it is measured: long enough for silence to be noticed and acted on several
// times over.
func window(suspectAfter time.Duration) time.Duration { return MinCalm + 4*suspectAfter }

// clusterFor is the cluster of one series.
func (o *Options) clusterFor(suspectAfter time.Duration, f Fault) cluster.Options {
	c := o.Cluster
	c.SuspectAfter, c.Links, c.SlowDisks = suspectAfter, f.links(), f == SlowDisk
	// A node that is back by the end of the window takes its own place again; else another one takes it soon.
	c.Settings = append(slices.Clone(c.Settings), "--regrow-after", (2 * window(suspectAfter)).String())
	return c
}

// What Estimate takes for granted on a machine that is not too busy: a cluster's start and its check, and healing.
const usualStart, usualHeal = 8 * time.Second, time.Second

// Estimate is about how long it takes.
func (o *Options) Estimate() (d time.Duration) {
	for _, t := range o.Timeouts {
		rounds := time.Duration(o.Rounds * len(o.Targets) * len(o.Faults))
		d += o.Load.Warmup + o.Calm + time.Duration(1+len(o.Faults))*usualStart + rounds*(settleTime+settleMore/2+window(t)+usualHeal)
	}
	return d.Round(10 * time.Second)
}
