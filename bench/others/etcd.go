package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/inspect"
)

const (
	// etcdPath is where install.sh puts etcd.
	etcdPath = "../../.ringward/bin/etcd"
	// minHeartbeat is etcd's shortest sensible heartbeat interval.
	minHeartbeat = 10 * time.Millisecond
)

// etcd is a cluster of etcd's servers.
type etcd struct {
	*processes
	version string
	all     []*etcdServer
}

// etcdServer is one of them.
type etcdServer struct {
	*process
	endpoint string
	admin    *clientv3.Client
}

// startEtcd starts so many servers, and returns when they have a leader.
func startEtcd(ctx context.Context, path, version string, n int, election time.Duration) (_ *etcd, err error) {
	p, err := newProcesses()
	if err != nil {
		return nil, err
	}
	s := &etcd{processes: p, version: version}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	ports, err := cluster.FreePorts(2 * n)
	if err != nil {
		return nil, err
	}
	url := func(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", ports[i]) }
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf("etcd-%d=%s", i+1, url(2*i+1)))
	}
	heartbeat := max(election/10, minHeartbeat)
	for i := range n {
		name := fmt.Sprintf("etcd-%d", i+1)
		v := &etcdServer{endpoint: strings.TrimPrefix(url(2*i), "http://")}
		if v.admin, err = clientv3.New(clientv3.Config{Endpoints: []string{v.endpoint}, Logger: zap.NewNop()}); err != nil {
			return nil, err
		}
		s.all = append(s.all, v)
		v.process, err = s.start(name, path, "--name", name, "--data-dir", filepath.Join(s.dir, name), "--log-level", "warn",
			"--listen-client-urls", url(2*i), "--advertise-client-urls", url(2*i), "--listen-peer-urls", url(2*i+1), "--initial-advertise-peer-urls", url(2*i+1),
			"--initial-cluster", strings.Join(members, ","), "--initial-cluster-token", s.dir,
			"--heartbeat-interval", fmt.Sprint(heartbeat.Milliseconds()), "--election-timeout", fmt.Sprint(election.Milliseconds()))
		if err != nil {
			return nil, err
		}
	}
	return s, await(ctx, "etcd has no leader", func(ctx context.Context) bool {
		state, _ := s.Look(ctx)
		return state != nil && state.Lacking() == nil
	})
}

// Version is what etcd says of itself.
func (s *etcd) Version() string { return s.version }

// Open opens clients, each of which knows all servers.
func (s *etcd) Open(_ context.Context, patience time.Duration) ([]bench.Parted, error) {
	return failover.OpenAll(s.endpoints(), func(endpoints []string) (bench.Parted, error) { return openEtcd(endpoints, patience) })
}

func (s *etcd) endpoints() (all []string) {
	for _, v := range s.all {
		all = append(all, v.endpoint)
	}
	return all
}

// Inflict kills or pauses a server. Healing starts it again from its data, or lets it go on.
func (s *etcd) Inflict(_ context.Context, f failover.Fault, _ failover.State, node uint64) (heal func(context.Context) error, err error) {
	v := s.all[node]
	switch f {
	case failover.Kill:
		err = v.cmd.Process.Kill()
		<-v.done
		return func(context.Context) error { return s.launch(v.process) }, err
	case failover.Pause:
		return func(context.Context) error { return v.cmd.Process.Signal(syscall.SIGCONT) }, v.cmd.Process.Signal(syscall.SIGSTOP)
	}
	return func(context.Context) error { return nil }, fmt.Errorf("%s: want kill or pause", f)
}

// Told is nothing: etcd keeps no record of its elections.
func (s *etcd) Told(context.Context, failover.State, uint64, time.Time, map[int]failover.Outcome) map[int]failover.Outcome {
	return nil
}

// Survey reads every key at every server.
func (s *etcd) Survey(ctx context.Context, keys []string, r *history.Recorder) (map[string]inspect.Found, error) {
	var answers []map[string]inspect.Found
	for _, v := range s.all {
		held, err := v.ask(ctx, keys, r.Client())
		if err != nil {
			return nil, err
		}
		answers = append(answers, held)
	}
	return answers[0], inspect.Disagreement(s.endpoints(), keys, answers)
}

// ask reads keys at one server.
func (v *etcdServer) ask(ctx context.Context, keys []string, log *history.Log) (_ map[string]inspect.Found, err error) {
	one, err := openEtcd([]string{v.endpoint}, inspect.CallTime)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	held, recorded := map[string]inspect.Found{}, bench.Record(one, log)
	for _, key := range keys {
		value, version, err := recorded.Get(ctx, key)
		if f := bench.FailureOf(err); f != "" && f != bench.NotFound {
			return nil, fmt.Errorf("reading %s at %s: %w", key, v.name, err)
		}
		held[key] = inspect.Found{Value: value, Version: version}
	}
	return held, nil
}

// Complaints are none: etcd logs as an error what a lost server is to it.
func (s *etcd) Complaints() error { return nil }

// Stop ends the servers, and removes what they wrote.
func (s *etcd) Stop() error {
	var errs []error
	for _, v := range s.all {
		errs = append(errs, v.admin.Close())
	}
	return errors.Join(append(errs, s.processes.Stop())...)
}

// state is what all servers say: nothing where one does not answer.
type state struct {
	servers []*etcdServer
	said    []*clientv3.StatusResponse
}

// Look asks all servers.
func (s *etcd) Look(ctx context.Context) (failover.State, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	st := &state{s.all, make([]*clientv3.StatusResponse, len(s.all))}
	var all sync.WaitGroup
	for i, v := range s.all {
		all.Go(func() { st.said[i], _ = v.admin.Status(ctx, v.endpoint) })
	}
	all.Wait()
	if st.leader() < 0 {
		return nil, errors.New("no server says that it leads")
	}
	return st, nil
}

// leader is the server that says so of itself in the highest term; -1: none does.
func (s *state) leader() int {
	at, term := -1, uint64(0)
	for i, r := range s.said {
		if r != nil && r.Leader != 0 && r.Leader == r.Header.MemberId && r.RaftTerm > term {
			at, term = i, r.RaftTerm
		}
	}
	return at
}

func (s *state) Parts() int              { return 1 }
func (s *state) PartID(int) uint32       { return 1 }
func (s *state) Name(node uint64) string { return s.servers[node].name }
func (s *state) Last(uint64) error       { return nil }

// Suspicions are not told by etcd.
func (s *state) Suspicions(failover.State) (all, wrong int) { return 0, 0 }

// Find takes the leader for the head, and a follower for the tail.
func (s *state) Find(t failover.Target, _ int, rng *rand.Rand) (uint64, error) {
	leader := s.leader()
	switch t {
	case failover.Head:
		return uint64(leader), nil
	case failover.Tail:
		return uint64((leader + 1 + rng.IntN(len(s.servers)-1)) % len(s.servers)), nil
	case failover.Random:
		return rng.Uint64N(uint64(len(s.servers))), nil
	}
	return 0, fmt.Errorf("target %s: etcd has a head, its leader, and tails, its followers", t)
}

// Role is that of a server.
func (s *state) Role(_ int, node uint64) failover.Target {
	if int(node) == s.leader() {
		return failover.Head
	}
	return failover.Tail
}

// Lacking says which server does not answer, or follows somebody else.
func (s *state) Lacking() error {
	leader := s.said[s.leader()].Header.MemberId
	for i, r := range s.said {
		if r == nil {
			return fmt.Errorf("%s does not answer", s.servers[i].name)
		}
		if r.Leader != leader {
			return fmt.Errorf("%s follows %x, and not %x", s.servers[i].name, r.Leader, leader)
		}
	}
	return nil
}

// Changes is the highest term.
func (s *state) Changes() int { return int(s.said[s.leader()].RaftTerm) }
