package faults

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var topology = Topology{Nodes: 5, Shards: 4, Replicas: 3}

func planOf(seed uint64, kinds ...Kind) Plan {
	return NewPlan(rand.New(rand.NewPCG(seed, 0)), kinds, topology)
}

func TestASeedMakesOnePlan(t *testing.T) {
	a, b, c := planOf(1, kinds...), planOf(1, kinds...), planOf(2, kinds...)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("one seed makes %v and %v", a, b)
	}
	if reflect.DeepEqual(a, c) {
		t.Errorf("two seeds make %v", a)
	}
}

// Among many plans there is everything, and nothing out of bounds.
func TestPlans(t *testing.T) {
	drawn, roles, others, focused := map[Kind]bool{}, map[Role]bool{}, map[int]bool{}, 0
	for seed := range uint64(2000) {
		p := planOf(seed, kinds...)
		if len(p) < minFaults || len(p) > maxFaults {
			t.Fatalf("seed %d: %d faults", seed, len(p))
		}
		var last time.Duration
		spread := false
		for _, f := range p {
			if f.At < last+minGap || f.At > last+maxGap {
				t.Errorf("seed %d: a fault at %v, the one before at %v", seed, f.At, last)
			}
			if f.For < lasting[f.Kind][0] || f.For > lasting[f.Kind][1] || f.Late < minLate || f.Late > maxLate {
				t.Errorf("seed %d: %v, late by %v", seed, f, f.Late)
			}
			if f.Target.Node < 0 || f.Target.Node >= topology.Nodes || f.Target.Shard < 0 || f.Target.Shard >= topology.Shards {
				t.Errorf("seed %d: target %+v of %+v", seed, f.Target, topology)
			}
			last = f.At
			if f.Target.Shard != p[0].Target.Shard {
				spread = true
			}
			drawn[f.Kind], roles[f.Target.Role], others[f.Other] = true, true, true
		}
		if !spread {
			focused++
		}
	}
	if len(drawn) != len(kinds) || len(roles) != 5 || len(others) != topology.Nodes-1 {
		t.Errorf("drawn: kinds %v, roles %v, other ends %v", drawn, roles, others)
	}
	if focused < 900 || focused > 1200 {
		t.Errorf("%d of 2000 plans keep to one shard, want about half", focused)
	}
	for seed := range uint64(100) {
		if p := planOf(seed, Pause); slices.ContainsFunc(p, func(f Fault) bool { return f.Kind != Pause }) {
			t.Errorf("asked for pauses, got %v", p)
		}
	}
}

// What is done comes in the order of time, and each end behind its beginning.
func TestSteps(t *testing.T) {
	p := Plan{
		{At: 1, For: 5, Kind: Pause}, {At: 2, For: 1, Kind: Kill}, {At: 3, For: 0, Kind: Reset}, {At: 6, For: 1, Kind: Deaf},
	}
	want := []step{{1, 0, false}, {2, 1, false}, {3, 1, true}, {3, 2, false}, {3, 2, true}, {6, 0, true}, {6, 3, false}, {7, 3, true}}
	if got := p.steps(); !reflect.DeepEqual(got, want) {
		t.Errorf("steps %v, want %v", got, want)
	}
}

func TestNames(t *testing.T) {
	for _, k := range Kinds() {
		if got, err := ParseKind(string(k)); got != k || err != nil {
			t.Errorf("%s is read as %q, %v", k, got, err)
		}
	}
	if _, err := ParseKind("flood"); err == nil || !strings.Contains(err.Error(), `"flood": want some of kill, kill-all,`) {
		t.Errorf("error %v", err)
	}
	for want, f := range map[string]Fault{
		"at 1s: kill head of shard 3 for 2s":         {At: time.Second, For: 2 * time.Second, Kind: Kill, Target: Target{Role: Head, Shard: 2}},
		"at 1s: kill-all for 2s":                     {At: time.Second, For: 2 * time.Second, Kind: KillAll, Target: Target{Role: Any}},
		"at 0s: kill-all for 2s, and back 3ms apart": {For: 2 * time.Second, Kind: KillAll, Late: 3 * time.Millisecond},
		"at 0s: reset node-4":                        {Kind: Reset, Target: Target{Role: Any, Node: 3}},
		"at 0s: delay tail of shard 1 by 1s for 2s":  {Kind: Delay, For: 2 * time.Second, Late: time.Second, Target: Target{Role: Tail}},
	} {
		if got := f.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
