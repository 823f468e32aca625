package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/sequencer"
)

const (
	// drainTime is how long drain watches, unless told otherwise.
	drainTime = 10 * time.Minute
	// drainLook is how often it looks.
	drainLook = 500 * time.Millisecond
)

func (c *command) drainVerb() *cobra.Command {
	var undo bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move everything off a node",
		Long: `Tells a node, by name or id, to hold nothing any more: its replicas move to other nodes, each of which learns a shard
before it takes the node's place, so that no shard is ever short of a member. Nobody makes the node a member of another. It
remembers this across restarts, until --undo takes it back.

The verb waits and shows what is left; it may be ended and called again. It refuses where the other nodes are too few for
as many replicas: then no node could be lost. When it is done the node may be stopped, and ringward member remove forgets it.`,
		Args: exactly("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.drain(cmd.Context(), args[0], undo)
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "let the node hold replicas again; what has moved stays where it is, until moving it back is an improvement")
	return cmd
}

// drainView is how far a node has drained.
type drainView struct {
	Node     string   `json:"node"`
	ID       string   `json:"id"`
	Draining bool     `json:"draining"`
	Shards   []uint32 `json:"shards"` // of which it is still a member
}

func (v drainView) write(w io.Writer) {
	switch {
	case !v.Draining:
		fmt.Fprintf(w, "%s holds replicas again\n", v.Node)
	case len(v.Shards) == 0:
		fmt.Fprintf(w, "%s holds nothing: it may be stopped, and removed with ringward member remove %s\n", v.Node, v.ID)
	default:
		fmt.Fprintf(w, "%s is a member of %s: %s\n", v.Node, count(len(v.Shards), "shard"), numbers(v.Shards))
	}
}

func (c *command) drain(ctx context.Context, name string, undo bool) error {
	patience, err := c.patience(drainTime)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := c.lookFor(ctx, surveyTime)
	if err != nil {
		return err
	}
	n, err := v.named(name)
	if err != nil {
		return err
	}
	if !n.Up {
		return fmt.Errorf("%s is down (%s): it cannot drain. Its shards go on without it, and other nodes take its place after regrow-after; then ringward member remove %s forgets it",
			n.Name, n.Reason, n.ID)
	}
	if !undo && len(n.Shards) > 0 {
		if err := v.canDoWithout(n); err != nil {
			return err
		}
	}
	told, done := context.WithTimeout(ctx, surveyTime)
	defer done()
	if _, err := call(told, n.Address, func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.DrainResponse, error) {
		return admin.Drain(ctx, &adminpb.DrainRequest{Drains: !undo})
	}); err != nil {
		return fmt.Errorf("%s: %s", n.Name, reason(err, surveyTime))
	}
	if undo {
		d := drainView{Node: n.Name, ID: n.ID, Shards: n.Shards}
		return c.print(d, d.write)
	}
	return c.drained(ctx, n)
}

// canDoWithout says why the other nodes cannot take over what a node holds, if so.
func (v clusterView) canDoWithout(n nodeView) error {
	others, least := 0, 1
	for _, other := range v.Nodes {
		if other.Up && !other.Draining && other.belongs() && other.ID != n.ID {
			others++
		}
	}
	for v.most(least) < v.replicas {
		least++ // 2*replicas is enough even for two shards
	}
	if v.most(others) < v.replicas {
		return fmt.Errorf("%s cannot drain: %s would be left, up and not draining, for %s of each of %s: want at least %d. Start another first",
			n.Name, count(others, "node"), count(v.replicas, "replica"), count(len(v.Shards), "shard"), least)
	}
	return nil
}

// most is how many replicas of each shard so many nodes can hold as well as in the beginning.
func (v clusterView) most(nodes int) int {
	if v.fragile {
		return nodes
	}
	return sequencer.MostReplicas(len(v.Shards), nodes)
}

// drained waits until the node is a member of no shard.
func (c *command) drained(ctx context.Context, n nodeView) error {
	look := time.NewTicker(drainLook)
	defer look.Stop()
	left := -1
	for {
		v, err := c.lookFor(ctx, surveyTime)
		now, unknown := v.named(n.ID)
		if err == nil && unknown == nil { // else the next look may tell more
			d := drainView{Node: n.Name, ID: n.ID, Draining: true, Shards: now.Shards}
			if len(d.Shards) == 0 {
				return c.print(d, d.write)
			}
			if len(d.Shards) != left {
				left = len(d.Shards)
				d.write(c.stderr)
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%s still drains: ended before it held nothing (%w). It goes on by itself; the same command shows how far it is, with --undo it is taken back",
				n.Name, cmp.Or(context.Cause(ctx), ctx.Err()))
		}
	}
}
