package failover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/shard"
)

// target is the cluster that faults happen to.
type target interface {
	endpoints() []string
	// sameClock reports whether the nodes' clocks are this machine's.
	sameClock() bool
	// inflict begins a fault. Heal ends it, also what was begun before an error; it is never nil.
	inflict(ctx context.Context, f Fault, v *view, node uint64) (heal func(context.Context) error, err error)
}

// own is a cluster of this program.
type own struct {
	cluster *cluster.Cluster
	hand    *faults.Hand
}

func (o *own) endpoints() []string { return o.cluster.Endpoints() }
func (o *own) sameClock() bool     { return true }

func (o *own) inflict(_ context.Context, f Fault, v *view, node uint64) (func(context.Context) error, error) {
	return o.hand.Inflict(faults.Fault{Kind: kinds[f], Late: syncTime}, o.cluster.Nodes()[v.place(node)])
}

// External is a cluster that runs already, with what inflicts faults on it: commands for the shell. They find in their environment
// RINGWARD_FAULT, RINGWARD_NODE (its name), RINGWARD_NODE_ID and RINGWARD_ADDRESS (its endpoint), and end when it is done.
type External struct {
	Endpoints    []string
	Inject, Heal string
}

type external struct{ *External }

func (e external) endpoints() []string { return e.Endpoints }
func (e external) sameClock() bool     { return false }

func (e external) inflict(ctx context.Context, f Fault, v *view, node uint64) (func(context.Context) error, error) {
	env := []string{
		"RINGWARD_FAULT=" + string(f), "RINGWARD_NODE=" + v.name(node), "RINGWARD_NODE_ID=" + shard.NodeID(node).String(),
		"RINGWARD_ADDRESS=" + v.statuses[v.place(node)].GetIdentity().GetClientAddress(),
	}
	heal := func(ctx context.Context) error { return shell(ctx, "heal", e.Heal, env) }
	return heal, shell(ctx, "inject", e.Inject, env)
}

// shell carries out one of the user's commands.
func shell(ctx context.Context, flag, command string, env []string) error {
	if command == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("--%s %q: %w: %s", flag, command, err, out)
	}
	return nil
}

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
