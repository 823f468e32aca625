package main

import (
	"context"
	"errors"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ringward/ringward/bench"
)

// etcdStore is a client of etcd. The version of a key is the revision of the write that made it.
type etcdStore struct {
	client   *clientv3.Client
	patience time.Duration
}

func openEtcd(endpoints []string, patience time.Duration) (bench.Parted, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: patience, Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	return &etcdStore{c, patience}, nil
}

// Parts is one: all keys have one leader.
func (s *etcdStore) Parts() []string { return []string{"etcd"} }

// Part is that one.
func (s *etcdStore) Part(string) int { return 0 }

func (s *etcdStore) Close() error { return s.client.Close() }

func (s *etcdStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	r, err := s.client.Get(ctx, key)
	if err != nil {
		// A read that failed has no effect in any case.
		return nil, 0, &bench.Error{Failure: bench.Unavailable, Err: err}
	}
	if len(r.Kvs) == 0 {
		return nil, 0, &bench.Error{Failure: bench.NotFound}
	}
	return r.Kvs[0].Value, uint64(r.Kvs[0].ModRevision), nil
}

func (s *etcdStore) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	r, err := s.client.Put(ctx, key, string(value))
	if err != nil {
		return 0, inDoubt(err)
	}
	return uint64(r.Header.Revision), nil
}

func (s *etcdStore) CAS(ctx context.Context, key string, expected uint64, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	r, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", int64(expected))).
		Then(clientv3.OpPut(key, string(value))).Else(clientv3.OpGet(key)).Commit()
	switch {
	case err != nil:
		return 0, inDoubt(err)
	case r.Succeeded:
		return uint64(r.Header.Revision), nil
	}
	var found uint64
	if kvs := r.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
		found = uint64(kvs[0].ModRevision)
	}
	return found, &bench.Error{Failure: bench.Mismatch}
}

// inDoubt is a write that failed: etcd's errors do not say for certain that it was not and will not be applied.
func inDoubt(err error) error {
	failure := bench.OutcomeUnknown
	if errors.Is(err, clientv3.ErrNoAvailableEndpoints) {
		failure = bench.Unavailable
	}
	return &bench.Error{Failure: failure, Err: err}
}
