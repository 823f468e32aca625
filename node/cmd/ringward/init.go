package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// initTime is how long init tries unless told otherwise.
const initTime = time.Minute

func (c *command) initVerb() *cobra.Command {
	var shards, replicas int
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a cluster of started nodes, once",
		Long: `Lays out the ring over all nodes that --endpoints names, gives every node the same beginning, and waits until
every shard is ACTIVE. The nodes must all be started, and stay the cluster's for ever.

It may be run again: an init that failed halfway is finished, and one that was done changes nothing. It tries for 1m unless
--timeout says otherwise.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			endpoints, err := c.cluster()
			if err != nil {
				return err
			}
			timeout, err := c.patience(initTime)
			if err != nil {
				return err
			}
			if shards < 1 || shards > sequencer.MaxShards {
				return usagef("--shards %d: want 1 to %d", shards, sequencer.MaxShards)
			}
			if replicas < 1 || replicas > len(endpoints) {
				return usagef("--replicas %d: want 1 to %d, since a node holds at most one replica of a shard and --endpoints names %s",
					replicas, len(endpoints), count(len(endpoints), "node"))
			}
			v, err := c.init(cmd.Context(), endpoints, shards, replicas, timeout)
			if err != nil {
				return err
			}
			return c.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "cluster %s: every shard is ACTIVE (%s on %s, %s)\n",
					v.Cluster, count(len(v.Shards), "shard"), count(len(v.Nodes), "node"), mayBeLost(v.Losable))
			})
		},
	}
	cmd.Flags().IntVar(&shards, "shards", 5, "shards of the ring")
	cmd.Flags().IntVar(&replicas, "replicas", 2, "copies of each shard, at most one per node")
	return cmd
}

// init makes a cluster of the nodes at the endpoints and returns how it stands once every shard is ACTIVE.
func (c *command) init(ctx context.Context, endpoints []string, shards, replicas int, timeout time.Duration) (clusterView, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	identities, err := identify(ctx, endpoints)
	if err != nil {
		return clusterView{}, err
	}
	genesis, err := begun(endpoints, identities, shards, replicas)
	if err != nil {
		return clusterView{}, err
	}
	if genesis == nil {
		if genesis, err = begin(identities, shards, replicas); err != nil {
			return clusterView{}, err
		}
	}
	if warning := weakness(genesis); warning != "" {
		fmt.Fprintf(c.stderr, "ringward: warning: %s\n", warning)
	}
	_, errs := askAll(ctx, endpoints, func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.InitResponse, error) {
		return admin.Init(ctx, &adminpb.InitRequest{Genesis: genesis})
	})
	if err := describe("init: the cluster is not complete; run init again to finish it", endpoints, errs, timeout); err != nil {
		return clusterView{}, err
	}
	return awaitActive(ctx, endpoints, timeout)
}

// askAll asks all endpoints at the same time; answers and errors are in the order of the endpoints.
func askAll[T any](ctx context.Context, endpoints []string, ask func(context.Context, adminpb.AdminClient) (T, error)) ([]T, []error) {
	answers, errs := make([]T, len(endpoints)), make([]error, len(endpoints))
	var all sync.WaitGroup
	for i, e := range endpoints {
		all.Go(func() { answers[i], errs[i] = call(ctx, e, ask) })
	}
	all.Wait()
	return answers, errs
}

// describe turns the errors of several endpoints into one; nil where there is none.
func describe(what string, endpoints []string, errs []error, timeout time.Duration) error {
	lines := []error{errors.New(what)}
	for i, err := range errs {
		if err != nil {
			lines = append(lines, fmt.Errorf("  %s: %s", endpoints[i], reason(err, timeout)))
		}
	}
	if len(lines) == 1 {
		return nil
	}
	return errors.Join(lines...)
}

// identify asks every endpoint for its node, again where a node is still starting.
func identify(ctx context.Context, endpoints []string) ([]*adminpb.IdentityResponse, error) {
	deadline, _ := ctx.Deadline()
	timeout := time.Until(deadline)
	ids, errs := askAll(ctx, endpoints, func(ctx context.Context, admin adminpb.AdminClient) (*adminpb.IdentityResponse, error) {
		return eventually(ctx, func() (*adminpb.IdentityResponse, bool, error) {
			id, err := admin.Identity(ctx, &adminpb.IdentityRequest{})
			return id, status.Code(err) != codes.Unavailable, err
		})
	})
	if err := describe("init: every node must be there before a cluster is made of them", endpoints, errs, timeout); err != nil {
		return nil, err
	}
	at := map[uint64]string{}
	for i, id := range ids {
		if other, twice := at[id.Node]; twice {
			return nil, usagef("--endpoints: %s and %s are the same node %v", other, endpoints[i], shard.NodeID(id.Node))
		}
		at[id.Node] = endpoints[i]
	}
	return ids, nil
}

// pollEvery is the pause between two looks at a cluster that is not yet ready.
const pollEvery = 50 * time.Millisecond

// eventually repeats look until it is done or ctx ends, and returns what look last said. A look that the end of
// ctx cut off saw nothing: then the one before counts.
func eventually[T any](ctx context.Context, look func() (v T, done bool, err error)) (T, error) {
	pause := time.NewTicker(pollEvery)
	defer pause.Stop()
	v, done, err := look()
	for !done {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return v, err
		}
		again, nowDone, nowErr := look()
		if cutOff := ctx.Err() != nil && !nowDone || status.Code(nowErr) == codes.DeadlineExceeded; !cutOff {
			v, done, err = again, nowDone, nowErr
		}
	}
	return v, err
}

// begun returns the genesis that some of the nodes already have, nil where none has one.
func begun(endpoints []string, ids []*adminpb.IdentityResponse, shards, replicas int) (*adminpb.Genesis, error) {
	var genesis *adminpb.Genesis
	var from string
	for i, id := range ids {
		switch {
		case id.Genesis == nil:
		case genesis == nil:
			genesis, from = id.Genesis, endpoints[i]
		case !proto.Equal(genesis, id.Genesis):
			return nil, fmt.Errorf("%s belongs to cluster %s and %s to cluster %s: a node is one cluster's for ever",
				from, genesis.Cluster, endpoints[i], id.Genesis.Cluster)
		}
	}
	if genesis == nil {
		return nil, nil
	}
	if has := len(genesis.Slices); has != shards {
		return nil, fmt.Errorf("--shards %d: cluster %s has %d, and keeps them", shards, genesis.Cluster, has)
	}
	if len(genesis.Initial) > 0 && len(genesis.Initial[0].Members) != replicas {
		return nil, fmt.Errorf("--replicas %d: cluster %s began with %d", replicas, genesis.Cluster, len(genesis.Initial[0].Members))
	}
	return genesis, nil
}

// begin makes the genesis of a new cluster.
func begin(ids []*adminpb.IdentityResponse, shards, replicas int) (*adminpb.Genesis, error) {
	nodes := make([]sequencer.Candidate, len(ids))
	for i, id := range ids {
		nodes[i] = sequencer.Candidate{ID: shard.NodeID(id.Node), Zone: id.Zone}
	}
	ring := sequencer.NewRing(shards)
	initial, err := sequencer.Place(ring, nodes, replicas)
	if err != nil {
		return nil, usageError{err}
	}
	name := make([]byte, 8)
	rand.Read(name) // never fails
	genesis := &adminpb.Genesis{Cluster: hex.EncodeToString(name)}
	for i, s := range ring {
		genesis.Slices = append(genesis.Slices, &kvpb.Slice{Shard: uint32(s.Shard), From: s.From})
		c := &kvpb.Configuration{Shard: uint32(initial[i].Shard), Epoch: uint64(initial[i].Epoch)}
		for _, m := range initial[i].Members {
			c.Members = append(c.Members, uint64(m))
		}
		genesis.Initial = append(genesis.Initial, c)
	}
	return genesis, nil
}

// weakness says what the loss of one node would cost a placement, empty where it is survived.
func weakness(g *adminpb.Genesis) string {
	var configurations []shard.Configuration
	for _, c := range g.Initial {
		configuration := shard.Configuration{Shard: shard.ID(c.Shard)}
		for _, m := range c.Members {
			configuration.Members = append(configuration.Members, shard.NodeID(m))
		}
		configurations = append(configurations, configuration)
	}
	switch {
	case losable(configurations) > 0:
		return ""
	case len(configurations) > 0 && len(configurations[0].Members) == 1:
		return "with one replica, the loss of a node loses the shards it holds: have 2 replicas or more"
	}
	return "this placement does not survive the loss of a node: some node is in every shard, and a shard that lost a member is repaired " +
		"by one that did not; have more nodes or shards, or fewer replicas"
}

// awaitActive waits until all endpoints answer and every shard is ACTIVE at all members of its newest configuration.
func awaitActive(ctx context.Context, endpoints []string, timeout time.Duration) (clusterView, error) {
	v, err := eventually(ctx, func() (clusterView, bool, error) {
		answers := survey(ctx, endpoints, timeout, 0)
		for _, a := range answers {
			if a.err == nil {
				v := merge(answers, timeout)
				return v, v.active(), nil
			}
		}
		return clusterView{}, false, nobody(answers, timeout)
	})
	if err == nil && !v.active() {
		err = fmt.Errorf("not every shard is ACTIVE within %v: %s; ringward status shows more", timeout, v.inactive())
	}
	return v, err
}

func (v clusterView) active() bool { return v.Cluster != "" && v.inactive() == "" }

// inactive names the first shard that is not ACTIVE, and how its members fare.
func (v clusterView) inactive() string {
	for _, s := range v.Shards {
		if !s.Active {
			return fmt.Sprintf("shard %d epoch %d is %s", s.Shard, s.Epoch, s.chain(memberView.stated))
		}
	}
	return ""
}
