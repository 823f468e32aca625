package inspect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/rpc/kvpb"
)

// CallTime bounds one call of a cluster that has come to rest. It is for a machine that is busy with other things.
const CallTime = 30 * time.Second

// retryPause is the pause between two attempts of a call.
const retryPause = 20 * time.Millisecond

// Survey reads every key at every node, given by endpoint, and returns what the keys hold. The reads are linearizable. A member
// of the key's shard answers from what it has itself, another node from what it is told; any two that answer differently
// disagree. The reads are calls of clients like any other, and go into the history.
func Survey(ctx context.Context, endpoints, keys []string, recorder *history.Recorder) (map[string]Found, error) {
	answers, errs := make([]map[string]Found, len(endpoints)), make([]error, len(endpoints))
	var all sync.WaitGroup
	for i, endpoint := range endpoints {
		all.Go(func() { answers[i], errs[i] = ask(ctx, endpoint, keys, recorder.Client()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return answers[0], Disagreement(endpoints, keys, answers)
}

// Disagreement says at which keys the answers of nodes differ, which go by these names.
func Disagreement(nodes, keys []string, answers []map[string]Found) error {
	var errs []error
	for _, key := range keys {
		for i, other := range answers[1:] {
			if a, b := answers[0][key], other[key]; a.Version != b.Version || string(a.Value) != string(b.Value) {
				errs = append(errs, fmt.Errorf("%s: %s answers version %d with value %v, and %s version %d with %v",
					key, nodes[0], a.Version, history.Of(a.Value), nodes[i+1], b.Version, history.Of(b.Value)))
			}
		}
	}
	return errors.Join(errs...)
}

// ask reads keys at one node.
func ask(ctx context.Context, endpoint string, keys []string, log *history.Log) (map[string]Found, error) {
	conn, err := rpc.Dial(endpoint)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	kv := kvpb.NewKVClient(conn)
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
	held := map[string]Found{}
	for _, key := range keys {
		call := log.Invoke(history.Op{Kind: history.Get, Key: key})
		v, err := get(key)
		switch status.Code(err) {
		case codes.OK:
			log.Return(call, history.OK, v.GetVersion(), history.Of(v.GetValue()))
			held[key] = Found{v.GetValue(), v.GetVersion()}
		case codes.NotFound:
			log.Return(call, history.NotFound, 0, 0)
		default:
			log.Return(call, history.NotApplied, 0, 0)
			return nil, fmt.Errorf("reading %s at %s: %w", key, endpoint, err)
		}
	}
	return held, nil
}
