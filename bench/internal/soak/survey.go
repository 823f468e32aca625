package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/client"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// survey reads every key at every member of its shard, and returns what the keys hold. The reads are linearizable: each member answers
// from what it has itself, so any two that answer differently disagree.
func (r *running) survey(ctx context.Context, ring client.Ring) (map[string]found, error) {
	var mu sync.Mutex
	at := map[string]found{}
	asked := map[shard.NodeID]map[string]found{}
	var all sync.WaitGroup
	errs := make([]error, len(ring.Nodes))
	for i, n := range ring.Nodes {
		var keys []string
		for _, key := range r.load.keys() {
			if slices.Contains(ring.Owner(key).Members, n.ID) {
				keys = append(keys, key)
			}
		}
		all.Go(func() {
			held, err := r.ask(ctx, n, keys)
			errs[i] = err
			mu.Lock()
			defer mu.Unlock()
			asked[n.ID] = held
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, key := range r.load.keys() {
		members := ring.Owner(key).Members
		at[key] = asked[members[0]][key]
		for _, m := range members[1:] {
			if other := asked[m][key]; other.version != at[key].version || string(other.value) != string(at[key].value) {
				errs = append(errs, fmt.Errorf("%s: node %v has version %d (%v), node %v version %d (%v)", key,
					members[0], at[key].version, history.Of(at[key].value), m, other.version, history.Of(other.value)))
			}
		}
	}
	return at, errors.Join(errs...)
}

// ask reads keys at one node. They are calls of a client like any other.
func (r *running) ask(ctx context.Context, n client.Node, keys []string) (map[string]found, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	conn, err := rpc.Dial(n.Address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	kv, log := kvpb.NewKVClient(conn), r.load.recorder.Client()
	held := map[string]found{}
	for _, key := range keys {
		call := log.Invoke(history.Op{Kind: history.Get, Key: key})
		v, err := kv.Get(ctx, &kvpb.GetRequest{Key: []byte(key)})
		switch status.Code(err) {
		case codes.OK:
			log.Return(call, history.OK, v.GetVersion(), history.Of(v.GetValue()))
			held[key] = found{v.GetValue(), v.GetVersion()}
		case codes.NotFound:
			log.Return(call, history.NotFound, 0, 0)
		default:
			log.Return(call, history.NotApplied, 0, 0)
			return nil, fmt.Errorf("reading %s at %s: %w", key, n.Name, err)
		}
	}
	return held, nil
}
