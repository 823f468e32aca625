package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/failover"
)

// redisServers are one primary and its replicas.
type redisServers struct {
	*processes
	version string
	primary string // its endpoint
	most    int    // so many replicas make most servers, with the primary
}

// startRedis starts so many servers, the first of them the primary, and returns when all replicas follow it.
func startRedis(ctx context.Context, path, version string, n int) (_ *redisServers, err error) {
	p, err := newProcesses()
	if err != nil {
		return nil, err
	}
	s := &redisServers{processes: p, version: version, most: n / 2}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	ports, err := cluster.FreePorts(n)
	if err != nil {
		return nil, err
	}
	s.primary = fmt.Sprintf("127.0.0.1:%d", ports[0])
	for i, port := range ports {
		name := fmt.Sprintf("redis-%d", i+1)
		dir := filepath.Join(s.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
		// No snapshots but those that replicas begin with, which wait for nobody.
		args := []string{path, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
			"--repl-diskless-sync-delay", "0"}
		if i > 0 {
			args = append(args, "--replicaof", fmt.Sprintf("127.0.0.1 %d", ports[0]))
		}
		if _, err := s.start(name, args...); err != nil {
			return nil, err
		}
	}
	admin := redis.NewClient(redisOptions(s.primary, askTime))
	defer admin.Close()
	return s, await(ctx, fmt.Sprintf("redis has no %d replicas", n-1), func(ctx context.Context) bool {
		info, _ := admin.Info(ctx, "replication").Result()
		return strings.Count(info, "state=online") == n-1
	})
}

// Version is what redis says of itself.
func (s *redisServers) Version() string { return s.version }

// Open opens clients of the primary.
func (s *redisServers) Open(ctx context.Context, patience time.Duration) ([]bench.Parted, error) {
	return failover.OpenAll([]string{s.primary}, func(endpoints []string) (bench.Parted, error) {
		return openRedis(ctx, endpoints[0], s.most, patience)
	})
}
