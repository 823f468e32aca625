package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/failover"
)

func TestChoose(t *testing.T) {
	choose := func(args ...string) (*failoverRequest, error) {
		f := pflag.NewFlagSet("failover", pflag.ContinueOnError)
		r := newFailoverRequest(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		return r, r.choose()
	}
	r, err := choose("--faults", "kill,pause", "--targets", "head,tail", "--workload", "b")
	if o := r.options; err != nil || len(o.Timeouts) != 2 || len(o.Faults) != 2 || o.Targets[1] != failover.Tail || o.Load.Workload.Name != "b" || o.Load.Records != 1000 {
		t.Errorf("error %v, chosen %+v", err, o)
	}
	for want, args := range map[string][]string{
		"--election-timeout 20ms: want 50ms to 1m0s": {"--election-timeout", "20ms"},
		`--faults "flood": want some of`:             {"--faults", "flood"},
		`--targets "king": want some of`:             {"--targets", "king"},
		`--workload "z": want one of`:                {"--workload", "z"},
		"--servers 4: want an odd number":            {"--servers", "4"},
		"--rounds 0: want 1 to":                      {"--rounds", "0"},
		"--timeout 0s":                               {"--timeout", "0s"},
	} {
		if _, err := choose(args...); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: error %v", want, err)
		}
	}
}

// said is what a server answers, of which 0 knows no leader.
func said(member, leader, term uint64) *clientv3.StatusResponse {
	return &clientv3.StatusResponse{Header: &etcdserverpb.ResponseHeader{MemberId: member}, Leader: leader, RaftTerm: term}
}

func TestState(t *testing.T) {
	three := []*etcdServer{{process: &process{name: "etcd-1"}}, {process: &process{name: "etcd-2"}}, {process: &process{name: "etcd-3"}}}
	st := &state{three, []*clientv3.StatusResponse{said(11, 12, 4), said(12, 12, 4), said(13, 12, 4)}}
	if st.leader() != 1 || st.Lacking() != nil || st.Changes() != 4 || st.Role(0, 1) != failover.Head || st.Role(0, 2) != failover.Tail {
		t.Errorf("leader %d, lacking %v, term %d", st.leader(), st.Lacking(), st.Changes())
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		head, err := st.Find(failover.Head, 0, rng)
		tail, err2 := st.Find(failover.Tail, 0, rng)
		if head != 1 || tail == 1 || tail > 2 || err != nil || err2 != nil {
			t.Fatalf("head %d, tail %d, %v, %v", head, tail, err, err2)
		}
	}
	if _, err := st.Find(failover.Middle, 0, rng); err == nil {
		t.Error("etcd has a middle")
	}
	// A leader that was paused still believes in itself.
	old := &state{three, []*clientv3.StatusResponse{said(11, 11, 3), said(12, 12, 4), nil}}
	if old.leader() != 1 {
		t.Errorf("leader %d, of a higher term is 1", old.leader())
	}
	if err := old.Lacking(); err == nil || !strings.Contains(err.Error(), "etcd-1 follows b, and not c") {
		t.Errorf("error %v", err)
	}
	if none := (&state{three, []*clientv3.StatusResponse{said(11, 0, 5), nil, nil}}); none.leader() != -1 {
		t.Errorf("leader %d, none is said", none.leader())
	}
}

// TestInDoubt: nothing that etcd says of a failed write is taken for certain, but that no server was reached.
func TestInDoubt(t *testing.T) {
	for err, want := range map[error]bench.Failure{errors.New("etcdserver: leader changed"): bench.OutcomeUnknown, clientv3.ErrNoAvailableEndpoints: bench.Unavailable} {
		if got := bench.FailureOf(inDoubt(err)); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}
