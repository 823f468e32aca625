package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/adminpb"
)

const (
	// statusTime is how long one node may take to tell its status.
	statusTime = 2 * time.Second
	// statusPoll is the pause between two looks at all of them.
	statusPoll = 50 * time.Millisecond
)

// AwaitActive returns when every shard is ACTIVE at all members of its newest configuration. If ctx ends before
// that, the error says what was missing.
func (c *Cluster) AwaitActive(ctx context.Context) error {
	poll := time.NewTicker(statusPoll)
	defer poll.Stop()
	for {
		missing := c.inactive(ctx)
		if missing == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not every shard is ACTIVE: %w", context.Cause(ctx)), missing)
		}
	}
}

// inactive says which shard is not ACTIVE and why; nil where all are.
func (c *Cluster) inactive(ctx context.Context) error {
	replicas := map[uint32]map[uint64]*adminpb.Replica{} // of each shard, by node
	var problems []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(func() {
			s, err := n.status(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", n.Name, err))
				return
			}
			for _, r := range s.GetReplicas() {
				id := r.GetConfiguration().GetShard()
				if replicas[id] == nil {
					replicas[id] = map[uint64]*adminpb.Replica{}
				}
				replicas[id][s.GetIdentity().GetNode()] = r
			}
		})
	}
	all.Wait()
	if len(replicas) < c.options.Shards {
		return errors.Join(append(problems, fmt.Errorf("%d shards are heard of, of %d", len(replicas), c.options.Shards))...)
	}
	for id, at := range replicas {
		var newest *adminpb.Replica
		for _, r := range at {
			if r.GetConfiguration().GetEpoch() > newest.GetConfiguration().GetEpoch() {
				newest = r
			}
			if text := r.GetError(); text != "" {
				return fmt.Errorf("shard %d: a replica has stopped: %s", id, text)
			}
		}
		epoch := newest.GetConfiguration().GetEpoch()
		for _, m := range newest.GetConfiguration().GetMembers() {
			r := at[m]
			if r.GetState() != adminpb.State_STATE_ACTIVE || r.GetConfiguration().GetEpoch() != epoch {
				return errors.Join(append(problems, fmt.Errorf("shard %d: node %016x is %v in epoch %d, the newest is %v",
					id, m, r.GetState(), r.GetConfiguration().GetEpoch(), newest.GetConfiguration()))...)
			}
		}
	}
	return nil
}

func (n *Node) status(ctx context.Context) (*adminpb.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	conn, err := rpc.Dial(n.Endpoint)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return adminpb.NewAdminClient(conn).Status(ctx, &adminpb.StatusRequest{})
}
