package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

const (
	// statusTime is how long one node may take to tell its status.
	statusTime = 2 * time.Second
	// statusPoll is the pause between two looks at all of them.
	statusPoll = 50 * time.Millisecond
)

// AwaitActive returns when every shard is ACTIVE at all members of its newest configuration. If ctx ends before
// that, the error says what was missing.
func (c *Cluster) AwaitActive(ctx context.Context) error { return c.await(ctx, 0) }

// AwaitStrength does the same, and every shard has as many members as it began with.
func (c *Cluster) AwaitStrength(ctx context.Context) error { return c.await(ctx, c.options.Replicas) }

func (c *Cluster) await(ctx context.Context, members int) error {
	poll := time.NewTicker(statusPoll)
	defer poll.Stop()
	for {
		missing := c.inactive(ctx, members)
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

// inactive says which shard is not ACTIVE, or has not so many members, and why; nil where all are well. 0 members: any number.
func (c *Cluster) inactive(ctx context.Context, members int) error {
	endpoints := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		endpoints[i] = n.Endpoint
	}
	statuses, errs := Statuses(ctx, endpoints, &adminpb.StatusRequest{})
	for i, n := range c.nodes {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", n.Name, errs[i])
		}
	}
	if err := Inactive(c.options.Shards, members, statuses); err != nil {
		return errors.Join(err, errors.Join(errs...))
	}
	return nil
}

// Statuses asks all nodes at once. There is an answer or an error for each.
func Statuses(ctx context.Context, endpoints []string, r *adminpb.StatusRequest) ([]*adminpb.StatusResponse, []error) {
	statuses, errs := make([]*adminpb.StatusResponse, len(endpoints)), make([]error, len(endpoints))
	var all sync.WaitGroup
	for i, e := range endpoints {
		all.Go(func() { statuses[i], errs[i] = status(ctx, e, r) })
	}
	all.Wait()
	return statuses, errs
}

// Inactive judges what nodes say of themselves; nil where one said nothing. It says which of so many shards is not ACTIVE at all members
// of its newest configuration, or has not so many members. 0 members: any number.
func Inactive(shards, members int, statuses []*adminpb.StatusResponse) error {
	replicas := map[uint32]map[uint64]*adminpb.Replica{} // of each shard, by node
	for _, s := range statuses {
		for _, r := range s.GetReplicas() {
			id := r.GetConfiguration().GetShard()
			if text := r.GetError(); text != "" {
				return fmt.Errorf("shard %d: the replica of %s has stopped: %s", id, s.GetIdentity().GetName(), text)
			}
			if replicas[id] == nil {
				replicas[id] = map[uint64]*adminpb.Replica{}
			}
			replicas[id][s.GetIdentity().GetNode()] = r
		}
	}
	if len(replicas) < shards {
		return fmt.Errorf("%d shards are heard of, of %d", len(replicas), shards)
	}
	for id, at := range replicas {
		var newest *kvpb.Configuration
		for _, r := range at {
			if c := r.GetConfiguration(); c.GetEpoch() > newest.GetEpoch() {
				newest = c
			}
		}
		if has := len(newest.GetMembers()); members > 0 && has != members {
			return fmt.Errorf("shard %d: it has %d members in epoch %d, want %d", id, has, newest.GetEpoch(), members)
		}
		for _, m := range newest.GetMembers() {
			r := at[m]
			if r.GetState() != adminpb.State_STATE_ACTIVE || r.GetConfiguration().GetEpoch() != newest.GetEpoch() {
				return fmt.Errorf("shard %d: its newest epoch is %d, and node %016x is %v in epoch %d",
					id, newest.GetEpoch(), m, r.GetState(), r.GetConfiguration().GetEpoch())
			}
		}
	}
	return nil
}

// Status is what the node says of itself and its replicas.
func (n *Node) Status(ctx context.Context) (*adminpb.StatusResponse, error) {
	return status(ctx, n.Endpoint, &adminpb.StatusRequest{})
}

func status(ctx context.Context, endpoint string, r *adminpb.StatusRequest) (*adminpb.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	conn, err := rpc.Dial(endpoint)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return adminpb.NewAdminClient(conn).Status(ctx, r)
}
