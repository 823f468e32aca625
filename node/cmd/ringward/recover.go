package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

func (c *command) recoverVerb() *cobra.Command {
	var r recovery
	verb := &cobra.Command{
		Use:   "recover --lost NODE,NODE",
		Short: "Decide where the ring cannot: every shard has lost a member for good",
		Long: `A shard that lost a member is repaired by the one before it in the ring. Where every shard has lost one for good, none can be:
then an operator may decide one shard's successor, and the ring repairs the rest. That is safe only if the lost nodes
never return, as they may know what nobody else does. So it has to be stated.

--lost names the nodes that never return, by name or id. The verb asks all others, and shows what is left of each shard, what
would be decided, and what is lost. Nothing is changed without --yes-they-never-return.

It refuses while the ring can still help itself, where a lost node answers or is heard of, and where a node neither
answers nor is named as lost: what it holds may be all that is left. A shard of which nobody left surely has all that
was acknowledged refuses service for ever, and so does a shard that lost a member and is kept by such a one.

A run that breaks off leaves nothing half done: run it again. The nodes must be up, there is no way to recover from directories.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			timeout, err := c.patience(recoverTime)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return r.run(ctx, c)
		},
	}
	verb.Flags().StringSliceVar(&r.names, "lost", nil, "nodes that never return, by name or id, separated by commas")
	verb.Flags().Uint32Var(&r.shard, "shard", 0, "the shard to decide (default: the one whose repair brings back most)")
	verb.Flags().BoolVar(&r.stated, "yes-they-never-return", false, "state that the lost nodes never return, and do it")
	return verb
}

const (
	// recoverTime is for how long recover tries.
	recoverTime = 20 * time.Second
	// askAgain is after how long a node is asked again that was busy.
	askAgain = 100 * time.Millisecond
)

// recovery is one run of the verb.
type recovery struct {
	names  []string
	shard  uint32
	stated bool

	nodes map[shard.NodeID]string // who answers, and where
	ring  sequencer.Ring
	lost  []shard.NodeID
	known *known
}

func (r *recovery) run(ctx context.Context, c *command) error {
	if len(r.names) == 0 {
		return usagef("--lost is missing: want the nodes that never return, by name or id, separated by commas")
	}
	if err := r.find(ctx, c); err != nil {
		return err
	}
	x, err := r.examine(ctx)
	if err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	v := r.view(x)
	of, why := r.choose(x)
	if why == nil {
		v.rule(r, x, of)
		if r.stated {
			if why = r.rule(ctx, of); why == nil {
				v.Done = true
			}
		}
	}
	if err := c.print(v, v.write); err != nil {
		return err
	}
	return why
}

// find asks who is there.
func (r *recovery) find(ctx context.Context, c *command) error {
	answers, err := c.answers(ctx, surveyTime, 0)
	if err != nil {
		return err
	}
	r.known, r.nodes = gather(answers), map[shard.NodeID]string{}
	if r.known.genesis == nil {
		return errors.New("the nodes that answer belong to no cluster: there is nothing to recover")
	}
	g, err := rpc.GenesisFromProto(r.known.genesis)
	if err != nil {
		return err
	}
	r.ring = g.Ring
	for _, a := range answers {
		if a.err == nil && !r.known.stranger(a) && a.status.GetIdentity().GetGenesis() != nil {
			r.nodes[shard.NodeID(a.id())] = a.endpoint
		}
	}
	for _, name := range r.names {
		n, err := r.resolve(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		if _, up := r.nodes[n]; up {
			return fmt.Errorf("node %s is named as lost, and answers: nothing was changed", r.known.name(uint64(n)))
		}
		if !slices.Contains(r.lost, n) {
			r.lost = append(r.lost, n)
		}
	}
	return nil
}

// resolve finds the node of a name, or of an id.
func (r *recovery) resolve(name string) (shard.NodeID, error) {
	if n, err := shard.ParseNodeID(name); err == nil {
		return n, nil
	}
	var found []shard.NodeID
	for id, has := range r.known.names {
		if has == name {
			found = append(found, shard.NodeID(id))
		}
	}
	switch len(found) {
	case 0:
		return 0, usagef("--lost %s: no node that answers knows one of that name: want a name or an id as ringward status shows it", name)
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	return 0, usagef("--lost %s: nodes %v have that name: want an id", name, found)
}

// ask asks some nodes for a step, one after the other, and again where one is busy.
func (r *recovery) ask(ctx context.Context, nodes []shard.NodeID, in *adminpb.RecoverRequest) (witnesses []sequencer.Witness, err error) {
	for _, n := range nodes {
		out, err := call(ctx, r.nodes[n], func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.RecoverResponse, error) {
			return admin.Recover(ctx, in)
		})
		if err != nil {
			return witnesses, fmt.Errorf("node %s: %s", r.known.name(uint64(n)), reason(err, recoverTime))
		}
		w, err := rpc.WitnessFromProto(out)
		if err != nil {
			return witnesses, err
		}
		witnesses = append(witnesses, w)
	}
	return witnesses, nil
}

// all are the nodes that answer.
func (r *recovery) all() (nodes []shard.NodeID) {
	for n := range r.nodes {
		nodes = append(nodes, n)
	}
	slices.Sort(nodes)
	return nodes
}

// examine asks all nodes what they know, until none of them is busy.
func (r *recovery) examine(ctx context.Context) (*sequencer.Examination, error) {
	for {
		witnesses, err := r.ask(ctx, r.all(), rpc.RulingToProto(adminpb.RecoverStep_RECOVER_STEP_LOOK, 0, r.lost, shard.Ruling{}))
		if err == nil {
			return sequencer.Examine(r.ring, r.lost, witnesses)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (r *recovery) choose(x *sequencer.Examination) (shard.ID, error) {
	if r.shard == 0 {
		return x.Best()
	}
	return shard.ID(r.shard), x.Rulable(shard.ID(r.shard))
}

// rule does it. The order of the steps is what makes it safe: package sequencer, recover.go, tells why.
func (r *recovery) rule(ctx context.Context, of shard.ID) error {
	x, err := r.examine(ctx)
	if err != nil {
		return err
	}
	g := shard.Ruling{At: uint64(time.Now().UnixMicro())}
	holders := x.Holders(of)
	if _, err := r.ask(ctx, holders, rpc.RulingToProto(adminpb.RecoverStep_RECOVER_STEP_FREEZE, of, r.lost, g)); err != nil {
		return fmt.Errorf("%w; nothing was decided: run it again", err)
	}
	if x, err = r.examine(ctx); err == nil {
		err = x.Rulable(of)
	}
	if err != nil {
		return fmt.Errorf("%w; nothing was decided", err)
	}
	if !slices.Equal(holders, x.Holders(of)) {
		return errors.New("another node came to sequence the shard meanwhile; nothing was decided: run it again")
	}
	g.Chain = x.Finding(of).Chain
	if _, err := r.ask(ctx, holders, rpc.RulingToProto(adminpb.RecoverStep_RECOVER_STEP_HOLD, of, r.lost, g)); err != nil {
		return fmt.Errorf("%w; nothing is in force yet: run it again", err)
	}
	if _, err := r.ask(ctx, r.all(), rpc.RulingToProto(adminpb.RecoverStep_RECOVER_STEP_ENFORCE, of, r.lost, g)); err != nil {
		return fmt.Errorf("%w; it is in force, and not every node was told: run it again", err)
	}
	return nil
}
