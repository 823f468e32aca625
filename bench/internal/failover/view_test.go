package failover

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
)

// ring is a view of shards 1, 2 and so on with these members. Node n is the nth to answer.
func ring(nodes int, members ...[]uint64) *view {
	v := &view{genesis: &adminpb.Genesis{}, newest: map[uint32]*kvpb.Configuration{}}
	for i, m := range members {
		id := uint32(i + 1)
		v.genesis.Slices = append(v.genesis.Slices, &kvpb.Slice{Shard: id})
		v.newest[id] = &kvpb.Configuration{Shard: id, Epoch: uint64(i + 1), Members: m}
	}
	for n := range nodes {
		v.statuses = append(v.statuses, &adminpb.StatusResponse{Identity: &adminpb.IdentityResponse{Node: uint64(n + 1), Boot: 1}})
	}
	return v
}

func TestFind(t *testing.T) {
	v := ring(5, []uint64{1, 2, 3}, []uint64{4, 5, 1})
	for _, test := range []struct {
		target Target
		place  int
		want   uint64
	}{
		{Head, 0, 1}, {Middle, 0, 2}, {Tail, 0, 3}, {Sequencer, 0, 4}, {Sequencer, 1, 1}, {Both, 0, 1}, {Both, 1, 1}, {Tail, 1, 1},
	} {
		if got, err := v.Find(test.target, test.place, nil); got != test.want || err != nil {
			t.Errorf("%s of shard %d is node %d, %v; want %d", test.target, test.place+1, got, err, test.want)
		}
	}
	if _, err := ring(4, []uint64{1, 2}, []uint64{3, 4}).Find(Both, 0, nil); err == nil || !strings.Contains(err.Error(), "fewer nodes or more replicas") {
		t.Errorf("nobody is in both: error %v", err)
	}
	if _, err := ring(4, []uint64{1, 2}, nil).Find(Head, 1, nil); err == nil || !strings.Contains(err.Error(), "no node tells of shard 2") {
		t.Errorf("nobody tells of a shard: error %v", err)
	}
	v.statuses[3] = nil
	if _, err := v.Find(Sequencer, 0, nil); err == nil || !strings.Contains(err.Error(), "sequencer of shard 1: 0000000000000004 does not answer") {
		t.Errorf("a node that nobody reaches: error %v", err)
	}
	v = ring(5, []uint64{1, 2, 3}, []uint64{4, 5, 1})
	hit := map[uint64]bool{}
	for seed := range uint64(100) {
		n, err := v.Find(Random, 0, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatal(err)
		}
		hit[n] = true
	}
	if len(hit) != 5 {
		t.Errorf("random nodes: %v, want all 5", hit)
	}
	for node, want := range map[uint64]Target{1: Head, 2: Middle, 3: Tail, 5: ""} {
		if got := v.Role(0, node); got != want {
			t.Errorf("node %d is %s, want %s", node, got, want)
		}
	}
}

func TestLast(t *testing.T) {
	v := ring(3, []uint64{1, 2}, []uint64{3})
	if err := v.Last(3); err == nil || !strings.Contains(err.Error(), "shard 2 has no member but 0000000000000003 in epoch 2") {
		t.Errorf("error %v", err)
	}
	if err := v.Last(1); err != nil {
		t.Error(err)
	}
	if v.Changes() != 3 {
		t.Errorf("epochs %d", v.Changes())
	}
}

func TestSuspicions(t *testing.T) {
	before, after := ring(3), ring(3)
	for i, s := range before.statuses {
		s.Suspicions, s.FalseSuspicions = 10, uint64(i)
	}
	for _, s := range after.statuses {
		s.Suspicions, s.FalseSuspicions = 13, 4
	}
	after.statuses[1].Identity.Boot = 2 // it counts from 0 again
	if all, wrong := after.Suspicions(before); all != 3+13+3 || wrong != 4+4+2 {
		t.Errorf("%d suspicions, %d false", all, wrong)
	}
	after.statuses[0] = nil
	if all, _ := after.Suspicions(before); all != 13+3 {
		t.Errorf("%d suspicions, without the one that does not answer", all)
	}
	before.statuses[1] = nil
	if all, _ := after.Suspicions(before); all != 3 {
		t.Errorf("%d suspicions, without the one that did not answer before", all)
	}
}
