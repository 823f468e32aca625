package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/shard"
)

func (c *command) memberVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "member",
		Short: "List the nodes of the cluster, or remove one",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s: want list or remove", args[0])
			}
			return usagef("list or remove is missing")
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List the nodes of the cluster",
		Long: `Lists the nodes that the answering ones know: where they are, in how many shards, and whether they are up. To add a node start
one with --join and an empty directory: see ringward node --help.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.look(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(v.members(), v.writeMembers)
		},
	}, &cobra.Command{
		Use:   "remove NODE",
		Short: "Forget a node for good",
		Long: `Forgets a node, by name or id, that is a member of no shard: one that has drained, or that is down and was replaced. It never comes
back: every node refuses its id from then on, and if it is up, or whenever it meets one of them, it gives up its directory. With an empty
directory, it is a new node and may join.

Nodes that do not answer hear of it from the others.`,
		Args: exactly("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.remove(cmd.Context(), args[0])
		},
	})
	return cmd
}

// membersView is the list of nodes.
type membersView struct {
	Cluster string       `json:"cluster"`
	Nodes   []memberNode `json:"nodes"`
}

type memberNode struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Zone     string   `json:"zone,omitempty"`
	Address  string   `json:"address,omitempty"`
	Up       bool     `json:"up"`
	Draining bool     `json:"draining"`
	Shards   []uint32 `json:"shards"` // it is a member of
}

func (v clusterView) members() membersView {
	m := membersView{Cluster: v.Cluster, Nodes: []memberNode{}}
	for _, n := range v.Nodes {
		if n.belongs() {
			m.Nodes = append(m.Nodes, memberNode{n.ID, n.Name, n.Zone, n.Address, n.Up, n.Draining, n.Shards})
		}
	}
	return m
}

func (v clusterView) writeMembers(w io.Writer) {
	t := newTable("NODE", "ID", "ZONE", "ADDRESS", "SHARDS", "STATE")
	for _, n := range v.Nodes {
		if n.belongs() {
			t.row(n.Name, n.ID, n.Zone, n.Address, len(n.Shards), n.state())
		}
	}
	t.write(w)
}

// removedView is what came of a removal.
type removedView struct {
	Node   string   `json:"node"`
	ID     string   `json:"id"`
	Silent []string `json:"silent,omitempty"` // nodes that did not answer
}

func (v removedView) write(w io.Writer) {
	fmt.Fprintf(w, "%s (%s) is removed\n", v.Node, v.ID)
	if len(v.Silent) > 0 {
		fmt.Fprintf(w, "did not answer, and will hear of it from the others: %s\n", strings.Join(v.Silent, ", "))
	}
}

func (c *command) remove(ctx context.Context, name string) error {
	v, err := c.look(ctx)
	if err != nil {
		return err
	}
	n, err := v.named(name)
	if err != nil {
		return err
	}
	switch {
	case len(n.Shards) > 0 && n.Up:
		return fmt.Errorf("%s is a member of shard %s: drain it first, ringward drain %s", n.Name, numbers(n.Shards), n.Name)
	case len(n.Shards) > 0:
		return fmt.Errorf("%s is a member of shard %s, and down: others take its place after regrow-after, if there are any", n.Name, numbers(n.Shards))
	}
	id, err := shard.ParseNodeID(n.ID)
	if err != nil {
		return err
	}
	done := removedView{Node: n.Name, ID: n.ID}
	// The others first: it must not come back to one that does not know. Itself last.
	told := 0
	for _, other := range v.Nodes {
		if other.ID == n.ID || !other.belongs() {
			continue
		}
		switch err := c.tell(ctx, other, id); {
		case err == nil:
			told++
		case errors.As(err, new(silentError)):
			done.Silent = append(done.Silent, other.Name)
		default:
			return err
		}
	}
	if told == 0 {
		return fmt.Errorf("%s is not removed: no other node answers", n.Name)
	}
	if n.Up {
		if err := c.tell(ctx, n, id); err != nil && !errors.As(err, new(silentError)) {
			return err
		}
	}
	return c.print(done, done.write)
}

// silentError is that a node did not answer.
type silentError struct{ error }

// tell has a node remove another, or itself.
func (c *command) tell(ctx context.Context, n nodeView, id shard.NodeID) error {
	if !n.Up {
		return silentError{fmt.Errorf("%s: %s", n.Name, n.Reason)}
	}
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	_, err := call(ctx, n.Address, func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.RemoveResponse, error) {
		return admin.Remove(ctx, &adminpb.RemoveRequest{Node: uint64(id)})
	})
	if err == nil {
		return nil
	}
	why := fmt.Errorf("%s: %s", n.Name, reason(err, surveyTime))
	// Unavailable: it has ended since it was looked at; the removed one ends as soon as it hears of it from another.
	if ctx.Err() != nil || status.Code(err) == codes.Unavailable {
		return silentError{why}
	}
	return why
}

// named finds a node by its name or its id.
func (v clusterView) named(name string) (nodeView, error) {
	var names []string
	for _, n := range v.Nodes {
		if !n.belongs() {
			continue
		}
		if n.ID == name || n.Name == name {
			return n, nil // names that are not unique are shown as ids
		}
		names = append(names, n.Name)
	}
	return nodeView{}, usagef("NODE %q: want the name or the id of one of %s", name, strings.Join(names, ", "))
}

// numbers lists shards.
func numbers(shards []uint32) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(shards), " ", ", "), "[]")
}
