package failover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/bench/internal/inspect"
	"github.com/ringward/ringward/bench/internal/stores"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/shard"
)

// Decision is one about a shard, as the nodes of a ring tell it.
type Decision = adminpb.Decision

// ringward is a cluster of Ringward, wherever it runs.
type ringward struct{ endpoints []string }

func (r *ringward) Look(ctx context.Context) (State, error) {
	v, err := look(ctx, r.endpoints)
	if err != nil {
		return nil, err // and no State that is a nil view
	}
	return v, nil
}

// Open opens clients, each of which begins with another node.
func (r *ringward) Open(ctx context.Context, patience time.Duration) ([]bench.Parted, error) {
	return OpenAll(r.endpoints, func(endpoints []string) (bench.Parted, error) {
		ctx, cancel := context.WithTimeout(ctx, openTime)
		defer cancel()
		c, err := stores.Ringward(ctx, endpoints, patience)
		if err != nil {
			return nil, err
		}
		return c.(bench.Parted), nil
	})
}

func (r *ringward) Survey(ctx context.Context, keys []string, recorder *history.Recorder) (map[string]inspect.Found, error) {
	return inspect.Survey(ctx, r.endpoints, keys, recorder)
}

// own is a cluster that this program started.
type own struct {
	ringward
	cluster *cluster.Cluster
	hand    *faults.Hand
}

// Start starts a cluster of Ringward on this machine.
func Start(ctx context.Context, o cluster.Options) (System, error) {
	c, err := cluster.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("starting a cluster: %w", err)
	}
	return &own{ringward{c.Endpoints()}, c, faults.NewHand(c)}, nil
}

func (o *own) Version() string { return o.cluster.Version() }
func (o *own) Stop() error     { return o.cluster.Stop() }

func (o *own) Keep() string {
	o.cluster.Keep()
	return o.cluster.Dir()
}

func (o *own) Inflict(_ context.Context, f Fault, s State, node uint64) (func(context.Context) error, error) {
	return o.hand.Inflict(faults.Fault{Kind: kinds[f], Late: syncTime}, o.cluster.Nodes()[s.(*view).place(node)])
}

// Told are the decisions since the fault, and without the node, by the nodes' clocks, which are this machine's.
func (o *own) Told(ctx context.Context, s State, node uint64, fault time.Time, known map[int]Outcome) map[int]Outcome {
	if known == nil {
		known = map[int]Outcome{}
	}
	for part := range s.Parts() {
		if s.Role(part, node) == "" || known[part].Decision.GetActive() {
			continue
		}
		if d, member := without(decisions(ctx, o.endpoints, s.PartID(part)), node, fault); d != nil || !member {
			known[part] = Outcome{d, !member}
		}
	}
	return known
}

func (o *own) Complaints() error {
	var errs []error
	for _, n := range o.cluster.Nodes() {
		errs = append(errs, inspect.Complaints(n, nil))
	}
	return errors.Join(errs...)
}

// External is a cluster that runs already, with what inflicts faults on it: commands for the shell. They find in their environment
// RINGWARD_FAULT, RINGWARD_NODE (its name), RINGWARD_NODE_ID and RINGWARD_ADDRESS (its endpoint), and end when it is done.
type External struct {
	Endpoints    []string
	Inject, Heal string
}

// external is such a cluster, with all its nodes.
type external struct {
	ringward
	*External
}

func (e *external) Version() string   { return "" }
func (e *external) Complaints() error { return nil }
func (e *external) Keep() string      { return "" }
func (e *external) Stop() error       { return nil }

// Told is nothing: other machines have other clocks.
func (e *external) Told(context.Context, State, uint64, time.Time, map[int]Outcome) map[int]Outcome {
	return nil
}

func (e *external) Inflict(ctx context.Context, f Fault, s State, node uint64) (func(context.Context) error, error) {
	v := s.(*view)
	env := []string{
		"RINGWARD_FAULT=" + string(f), "RINGWARD_NODE=" + v.Name(node), "RINGWARD_NODE_ID=" + shard.NodeID(node).String(),
		"RINGWARD_ADDRESS=" + v.statuses[v.place(node)].GetIdentity().GetClientAddress(),
	}
	heal := func(ctx context.Context) error { return shell(ctx, "heal", e.External.Heal, env) }
	return heal, shell(ctx, "inject", e.External.Inject, env)
}

// shellTime is how long what a command left in the background may hold its output.
const shellTime = 5 * time.Second

// shell carries out one of the user's commands. Ctrl-C does not reach it: what it does to a node must be done, or undone, as a whole.
func shell(ctx context.Context, flag, command string, env []string) error {
	if command == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = shellTime
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("--%s %q: %w: %s", flag, command, err, out)
	}
	return nil
}

// openTime is patience with opening a client.
const openTime = 30 * time.Second

// everybody are the endpoints of all nodes that the given ones know of: faults may hit any of them.
func everybody(ctx context.Context, endpoints []string) ([]string, error) {
	c, err := client.Open(ctx, endpoints)
	if err != nil {
		return nil, err
	}
	ring, err := c.Ring(ctx)
	if err = errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	var all []string
	for _, n := range ring.Nodes {
		if n.Address == "" {
			return nil, fmt.Errorf("node %v: nobody knows its address", n.ID)
		}
		all = append(all, n.Address)
	}
	return all, nil
}
