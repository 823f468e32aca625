package soak

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/kvpb"
)

// survey reads every key at every node, and returns what the keys hold. The reads are linearizable. A member of the key's
// shard answers from what it has itself, another node from what it is told; any two that answer differently disagree.
func (r *running) survey(ctx context.Context) (map[string]found, error) {
	keys, nodes := r.load.keys(), r.cluster.Nodes()
	answers, errs := make([]map[string]found, len(nodes)), make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { answers[i], errs[i] = r.ask(ctx, n, keys) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return answers[0], disagreement(keys, answers)
}

// disagreement says at which keys the nodes' answers differ.
func disagreement(keys []string, answers []map[string]found) error {
	var errs []error
	for _, key := range keys {
		for i, other := range answers[1:] {
			if a, b := answers[0][key], other[key]; a.version != b.version || string(a.value) != string(b.value) {
				errs = append(errs, fmt.Errorf("%s: node-1 answers version %d with value %v, and node-%d version %d with %v",
					key, a.version, history.Of(a.value), i+2, b.version, history.Of(b.value)))
			}
		}
	}
	return errors.Join(errs...)
}

// retryPause is the pause between two attempts of a call.
const retryPause = 20 * time.Millisecond

// ask reads keys at one node. They are calls of a client like any other.
func (r *running) ask(ctx context.Context, n *cluster.Node, keys []string) (map[string]found, error) {
	conn, err := rpc.Dial(n.Endpoint)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	kv, log := kvpb.NewKVClient(conn), r.load.recorder.Client()
	get := func(key string) (v *kvpb.GetResponse, err error) {
		ctx, cancel := context.WithTimeout(ctx, CallTime)
		defer cancel()
		pause := time.NewTicker(retryPause)
		defer pause.Stop()
		for ctx.Err() == nil {
			// Suspicions come and go on a busy machine. A node says so, and whoever calls one directly asks again.
			if v, err = kv.Get(ctx, &kvpb.GetRequest{Key: []byte(key)}); status.Code(err) != codes.Unavailable {
				break
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
		return v, err
	}
	held := map[string]found{}
	for _, key := range keys {
		call := log.Invoke(history.Op{Kind: history.Get, Key: key})
		v, err := get(key)
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
