package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

// decided lets a node remember decisions about shard 2, which shard 1 sequences.
func decided(n *fakeNode, applied uint64, all ...*adminpb.Decision) {
	n.replica(1).Applied = applied
	n.decisions = map[uint32][]*adminpb.Decision{2: all}
}

func shrunk() *adminpb.Decision {
	base := uint64(17)
	return &adminpb.Decision{
		Configuration: &kvpb.Configuration{Shard: 2, Epoch: 2, Members: []uint64{2}}, AtUs: 1_700_000_000_123_456, By: 1, StoodUs: 1200,
		Suspicions: []*adminpb.Suspicion{{By: 2, Of: 3}, {By: 3, Of: 2, SilentUs: 1_020_400}},
		Active:     true, Base: &base, PersistedUs: 3300, WedgeUs: 812, InheritUs: 1_500, AllActiveUs: 52_000, ServedUs: 640,
	}
}

func grown() *adminpb.Decision {
	return &adminpb.Decision{Configuration: &kvpb.Configuration{Shard: 2, Epoch: 3, Members: []uint64{2, 1}}, AtUs: 1_700_000_123_000_000, By: 2}
}

func TestHistory(t *testing.T) {
	a, b, _ := threeNodes(t)
	decided(a, 4, shrunk())
	decided(b, 5, shrunk(), grown())
	// One endpoint is enough, also that of a node that knows less.
	got := ringward(t, "", "history", "2", "--endpoints", a.endpoint)
	want := `cluster c1, shard 2, sequenced by shard 1

EPOCH  WHEN                      CHAIN, HEAD FIRST  WHY                                                                   DECIDED BY  BASE  DECIDED  WEDGED  INHERITED  ALL ACTIVE  SERVED
1      -                         node-2 > node-3    init                                                                  -           -     -        -       -          -  -
2      2023-11-14T22:13:20.123Z  node-2             node-2 suspects node-3: evidence; node-3 suspects node-2: silent for 1.02s  node-1  17  4.5ms  812µs  1.5ms  52ms  640µs
3      2023-11-14T22:15:23.000Z  node-2 > node-1    node-1 joins                                                          node-2      -     -        -       -          -  -
`
	if got.code != exitOK || masked(got.stdout) != masked(want) {
		t.Errorf("exit %d, stderr %q, stdout:\n%s\nwant:\n%s", got.code, got.stderr, got.stdout, want)
	}
}

// TestHistoryOfPlans: what nobody's suspicion led to is told apart by what it changed.
func TestHistoryOfPlans(t *testing.T) {
	a, _, _ := threeNodes(t)
	plan := func(epoch uint64, members ...uint64) *adminpb.Decision {
		return &adminpb.Decision{Configuration: &kvpb.Configuration{Shard: 2, Epoch: epoch, Members: members}, By: 2}
	}
	leaves := plan(5, 1)
	leaves.Suspicions = []*adminpb.Suspicion{{By: 2, Of: 2}}
	decided(a, 4, plan(2, 2, 1), plan(3, 2, 1, 3), plan(4, 2, 1), leaves)
	got := ringward(t, "", "history", "2", "--endpoints", a.endpoint)
	for _, want := range []string{
		"2 - node-2 > node-1 node-1 takes the place of node-3", "3 - node-2 > node-1 > node-3 node-3 joins",
		"4 - node-2 > node-1 node-3 goes: too few nodes", "5 - node-1 node-2 leaves",
	} {
		if !strings.Contains(masked(got.stdout), want) {
			t.Errorf("%q is missing in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	got = ringward(t, "", "history", "2", "-o", "json", "--endpoints", a.endpoint)
	var v historyView
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, d := range v.Decisions {
		reasons = append(reasons, d.Reason)
	}
	if got := strings.Join(reasons, " "); got != "init move growth lowered leave" {
		t.Errorf("the reasons are %s", got)
	}
}

func TestHistoryJSON(t *testing.T) {
	a, _, _ := threeNodes(t)
	strange := grown()
	strange.AtUs, strange.AllActiveUs = math.MaxUint64, math.MaxUint64
	decided(a, 4, shrunk(), strange)
	got := ringward(t, "", "history", "2", "-o", "json", "--endpoints", a.endpoint)
	var v historyView
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || got.code != exitOK {
		t.Fatalf("exit %d, %v:\n%s%s", got.code, err, got.stdout, got.stderr)
	}
	if v.Cluster != "c1" || v.Shard != 2 || v.SequencedBy != 1 || len(v.Decisions) != 3 || v.Decisions[0].Reason != "init" || v.Decisions[2].Reason != "growth" {
		t.Fatalf("got %+v", v)
	}
	d := v.Decisions[1]
	if d.Reason != "suspicion" || d.DecidedBy.Name != "node-1" || *d.Base != 17 || d.StoodUS != 1200 || d.At.UnixMicro() != 1_700_000_000_123_456 {
		t.Errorf("epoch 2: %+v", d)
	}
	if s := d.Suspicions; len(s) != 2 || !s[0].Evidence || s[1].Evidence || s[1].SilentUS != 1_020_400 || s[0].By.Name != "node-2" || s[0].Of.ID != "0000000000000003" {
		t.Errorf("suspicions of epoch 2: %+v", s)
	}
	if v.Decisions[2].At != nil {
		t.Errorf("a time that makes no sense is shown as %v", v.Decisions[2].At)
	}
}

// The first configuration is shown as long as the decisions after it are all there.
func TestHistoryIsBounded(t *testing.T) {
	a, _, _ := threeNodes(t)
	decided(a, 4, grown())
	got := ringward(t, "", "history", "2", "--endpoints", a.endpoint)
	if got.code != exitOK || strings.Contains(got.stdout, "init") || !strings.Contains(got.stdout, "\n3 ") {
		t.Errorf("got %+v", got)
	}
}

func TestHistoryRefuses(t *testing.T) {
	a, b, _ := threeNodes(t)
	c := startFake(t, 4)
	for _, x := range []struct {
		name, args string
		code       int
		stderr     string
	}{
		{"no shard", "history", exitUsage, "SHARD is missing"},
		{"no number", "history one", exitUsage, `SHARD "one": want the number of a shard, from 1`},
		{"shard 0", "history 0", exitUsage, `SHARD "0": want the number`},
		{"beyond all shards", "history 4294967296", exitUsage, `SHARD "4294967296": want the number`},
		{"not in the ring", "history 9 --endpoints " + a.endpoint, exitNotFound, "shard 9: not found: the ring of cluster c1 has 3 shards"},
		{"before init", "history 1 --endpoints " + c.endpoint, exitNotFound, "there is no cluster yet"},
		{"nobody there", "history 1 --endpoints 127.0.0.1:1", exitError, "no node answers"},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := ringward(t, "", strings.Fields(x.args)...)
			if got.code != x.code || got.stdout != "" || !strings.Contains(got.stderr, x.stderr) {
				t.Errorf("got %+v, want exit %d and %q", got, x.code, x.stderr)
			}
		})
	}
	// Both members of the shard that knows are gone, where the one node left holds none of it.
	a.status.Replicas, b.status.Replicas = nil, nil
	got := ringward(t, "", "history", "2", "--endpoints", a.endpoint)
	if got.code != exitError || !strings.Contains(got.stderr, "no member of shard 1, which keeps the history of shard 2, answers") {
		t.Errorf("got %+v", got)
	}
}
