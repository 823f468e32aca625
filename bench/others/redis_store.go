package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringward/ringward/bench"
)

// redisStore is a client of a redis primary. A key is a hash with a version and the data.
type redisStore struct {
	client   *redis.Client
	write    string // the script's name at the server
	replicas int    // so many have a write before it is acknowledged
	patience time.Duration
}

// writeScript sets a key and returns its new version. Where a version is expected and there is another, it returns -1 less that one.
const writeScript = `local found = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= found then return -1 - found end
redis.call('HSET', KEYS[1], 'version', found + 1, 'data', ARGV[1])
return found + 1`

// redisOptions are for a client that tries nothing twice: what was done once must not be done again.
func redisOptions(endpoint string, patience time.Duration) *redis.Options {
	return &redis.Options{
		Addr: endpoint, MaxRetries: -1, PoolSize: bench.MaxClients, // a WAIT has its connection for itself
		DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, ContextTimeoutEnabled: true, DisableIdentity: true,
	}
}

func openRedis(ctx context.Context, endpoint string, replicas int, patience time.Duration) (bench.Parted, error) {
	s := &redisStore{client: redis.NewClient(redisOptions(endpoint, patience)), replicas: replicas, patience: patience}
	var err error
	if s.write, err = s.client.ScriptLoad(ctx, writeScript).Result(); err != nil {
		return nil, errors.Join(err, s.client.Close())
	}
	return s, nil
}

// Parts is one: all keys have one primary.
func (s *redisStore) Parts() []string { return []string{"redis"} }

// Part is that one.
func (s *redisStore) Part(string) int { return 0 }

func (s *redisStore) Close() error { return s.client.Close() }

func (s *redisStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	found, err := s.client.HMGet(ctx, key, "version", "data").Result()
	if err != nil {
		// A read that failed has no effect in any case.
		return nil, 0, &bench.Error{Failure: bench.Unavailable, Err: err}
	}
	version, ok := found[0].(string)
	if !ok {
		return nil, 0, &bench.Error{Failure: bench.NotFound}
	}
	v, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return nil, 0, &bench.Error{Failure: bench.Other, Err: err}
	}
	data, _ := found[1].(string)
	return []byte(data), v, nil
}

func (s *redisStore) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return s.set(ctx, key, "", value)
}

func (s *redisStore) CAS(ctx context.Context, key string, expected uint64, value []byte) (uint64, error) {
	return s.set(ctx, key, strconv.FormatUint(expected, 10), value)
}

// set writes, and waits for replicas, in one message.
func (s *redisStore) set(ctx context.Context, key, expected string, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	both := s.client.Pipeline()
	written := both.EvalSha(ctx, s.write, []string{key}, value, expected)
	reached := both.Do(ctx, "WAIT", s.replicas, s.patience.Milliseconds())
	if _, err := both.Exec(ctx); err != nil {
		// It may have been written all the same, and may reach replicas yet.
		return 0, &bench.Error{Failure: bench.OutcomeUnknown, Err: err}
	}
	version, err := written.Int64()
	if err == nil && version < 0 {
		return uint64(-1 - version), &bench.Error{Failure: bench.Mismatch}
	}
	n, waitErr := reached.Int()
	if err = errors.Join(err, waitErr); err == nil && n < s.replicas {
		err = fmt.Errorf("%d replicas have it, want %d", n, s.replicas)
	}
	if err != nil {
		return 0, &bench.Error{Failure: bench.OutcomeUnknown, Err: err}
	}
	return uint64(version), nil
}
