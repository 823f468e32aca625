package node

import (
	"slices"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

func TestProxyTarget(t *testing.T) {
	const head, tail, other = 1, 2, 3
	configuration := func(e shard.Epoch, members ...shard.NodeID) shard.Configuration {
		return shard.Configuration{Shard: 1, Epoch: e, Members: members}
	}
	for _, c := range []struct {
		name   string
		self   shard.NodeID
		hosted bool
		learn  []shard.Configuration
		q      shard.Request
		want   []shard.NodeID // any of them
	}{
		{"a write at the head stays", head, true, nil, shard.Request{Kind: shard.Put}, []shard.NodeID{head}},
		{"a write at the tail goes to the head", tail, true, nil, shard.Request{Kind: shard.Put}, []shard.NodeID{head}},
		{"a session is opened at the head", other, false, nil, shard.Request{Kind: shard.OpenSession}, []shard.NodeID{head}},
		{"a read at a member stays", tail, true, nil, shard.Request{Kind: shard.Get}, []shard.NodeID{tail}},
		{"a read elsewhere goes to any member", other, false, nil, shard.Request{Kind: shard.Get}, []shard.NodeID{head, tail}},
		{"a removed member forwards reads", tail, true, []shard.Configuration{configuration(2, head)}, shard.Request{Kind: shard.Get}, []shard.NodeID{head}},
		{"a removed member serves stale reads", tail, true, []shard.Configuration{configuration(2, head)}, shard.Request{Kind: shard.Get, Stale: true}, []shard.NodeID{tail}},
		{"a stale read elsewhere goes to any member", other, false, nil, shard.Request{Kind: shard.Get, Stale: true}, []shard.NodeID{head, tail}},
		{"an older configuration is no news", other, false, []shard.Configuration{configuration(3, tail), configuration(2, head)}, shard.Request{Kind: shard.Put}, []shard.NodeID{tail}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &proxy{self: c.self, ring: sequencer.NewRing(1), serves: func(shard.ID) bool { return c.hosted }, newest: map[shard.ID]shard.Configuration{}}
			var served, forwarded []shard.NodeID
			p.forward = func(to shard.NodeID, _ shard.Request, hops int, _ string, _ func(shard.Result)) {
				if hops != 1 {
					t.Errorf("forwarded with %d hops, want those it came with: 1", hops)
				}
				forwarded = append(forwarded, to)
			}
			p.learn(shard.Chain{configuration(1, head, tail)})
			for _, d := range c.learn {
				p.learn(shard.Chain{d})
			}
			c.q.Shard = 1
			for range 8 {
				if p.route(&rpc.Operation{Request: c.q, Hops: 1}) {
					served = append(served, c.self)
				}
			}
			got := slices.Compact(slices.Sorted(slices.Values(slices.Concat(served, forwarded))))
			if !slices.Equal(got, c.want) {
				t.Errorf("went to %v, want all of %v", got, c.want)
			}
			if slices.Contains(forwarded, c.self) {
				t.Error("forwarded to itself")
			}
		})
	}
}

func TestTickLength(t *testing.T) {
	for _, c := range []struct{ suspectAfter, tick, patience int64 }{ // microseconds, ticks
		{1000, 1000, 1}, {5000, 1000, 5}, {20000, 4000, 5}, {100000, 20000, 5}, {1000000, 50000, 20},
	} {
		tick, patience := tickLength(time.Duration(c.suspectAfter) * time.Microsecond)
		if tick != time.Duration(c.tick)*time.Microsecond || int64(patience) != c.patience {
			t.Errorf("suspect after %d us: tick %v, patience %d; want %d us and %d", c.suspectAfter, tick, patience, c.tick, c.patience)
		}
	}
}
