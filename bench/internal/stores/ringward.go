package stores

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/rpc/client"
)

// Ringward opens a client of a Ringward cluster. Each of its calls ends after the timeout.
func Ringward(ctx context.Context, endpoints []string, timeout time.Duration) (bench.Store, error) {
	c, err := client.Open(ctx, endpoints, client.WithTimeout(timeout))
	if err != nil {
		return nil, err
	}
	ring, err := c.Ring(ctx)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return ringward{c, ring}, nil
}

type ringward struct {
	*client.Client
	ring client.Ring // for its shards and their slices, which stay
}

func (r ringward) Parts() []string {
	parts := make([]string, len(r.ring.Shards))
	for i, s := range r.ring.Shards {
		parts[i] = fmt.Sprintf("shard %d", s.ID)
	}
	return parts
}

func (r ringward) Part(key string) int {
	owner := r.ring.Owner(key).ID
	return slices.IndexFunc(r.ring.Shards, func(s client.Shard) bool { return s.ID == owner })
}

func (r ringward) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	v, err := r.Client.Get(ctx, key)
	return v.Data, uint64(v.Version), failed(err)
}

func (r ringward) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	v, err := r.Client.Put(ctx, key, value)
	return uint64(v), failed(err)
}

func (r ringward) CAS(ctx context.Context, key string, expected uint64, value []byte) (uint64, error) {
	v, err := r.Client.CompareAndSwap(ctx, key, client.Version(expected), value)
	if mismatch, ok := errors.AsType[*client.VersionMismatchError](err); ok {
		v = mismatch.Current
	}
	return uint64(v), failed(err)
}

// failures sorts the client's errors. An error may be several of them at once: the first here that it is
// counts, so an unknown outcome is never taken for a definite one.
var failures = []struct {
	err     error
	failure bench.Failure
}{
	{client.ErrSessionExpired, bench.SessionExpired},
	{client.ErrOutcomeUnknown, bench.OutcomeUnknown},
	{client.ErrClosed, bench.Closed},
	{client.ErrNotFound, bench.NotFound},
	{client.ErrVersionMismatch, bench.Mismatch},
	{client.ErrTooLarge, bench.TooLarge},
	{client.ErrInvalid, bench.Invalid},
	{client.ErrUnavailable, bench.Unavailable},
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return &bench.Error{Failure: f.failure, Err: err}
		}
	}
	return &bench.Error{Failure: bench.Other, Err: err}
}
