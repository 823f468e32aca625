package client

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/ringward/ringward/shard"
)

func testRing() *Ring {
	return &Ring{
		Cluster: "c1",
		Shards: []Shard{
			{ID: 1, From: 0, Epoch: 3, Members: []shard.NodeID{11, 12}},
			{ID: 3, From: 1 << 62, Epoch: 1, Members: []shard.NodeID{12, 13}},
			{ID: 2, From: 3 << 62, Epoch: 2, Members: []shard.NodeID{13, 11}},
		},
		Nodes: []Node{{ID: 11, Name: "a", Address: "h:1"}, {ID: 12, Address: "h:2"}, {ID: 13}},
	}
}

func TestOwnerIsTheSliceThatHoldsTheHash(t *testing.T) {
	r := testRing()
	counts := map[shard.ID]int{}
	for i := range 10_000 {
		key := fmt.Sprint("key-", i)
		h := xxhash.Sum64String(key)
		want := shard.ID(1)
		if h >= 1<<62 {
			want = 3
		}
		if h >= 3<<62 {
			want = 2
		}
		if got := r.Owner(key).ID; got != want {
			t.Fatalf("Owner(%q), hash %x, is shard %d, want %d", key, h, got, want)
		}
		counts[want]++
	}
	for id, share := range map[shard.ID]float64{1: 0.25, 3: 0.5, 2: 0.25} {
		if got := float64(counts[id]) / 10_000; got < share-0.03 || got > share+0.03 {
			t.Errorf("shard %d owns %.2f of the keys, want about %.2f", id, got, share)
		}
	}
}

// The place of a key is part of the protocol: other clients and the nodes compute the same.
func TestPlaceOfAKeyIsFixed(t *testing.T) {
	for key, want := range map[string]uint64{"": 0xef46db3751d8e999, "a": 0xd24ec4f1a98c6e5b} {
		if got := xxhash.Sum64String(key); got != want {
			t.Errorf("hash of %q = %x, want %x", key, got, want)
		}
	}
}

func TestOwnerAtTheEdges(t *testing.T) {
	const key = "edge"
	h := xxhash.Sum64String(key)
	for from, want := range map[uint64]shard.ID{h - 1: 2, h: 2, h + 1: 1} {
		r := Ring{Shards: []Shard{{ID: 1}, {ID: 2, From: from}}}
		if got := r.Owner(key).ID; got != want {
			t.Errorf("slice from hash%+d: owner is shard %d, want %d", int64(from-h), got, want)
		}
	}
}

func TestTheZeroRingOwnsNothing(t *testing.T) {
	if s := (&Ring{}).Owner("k"); s.ID != 0 || s.Members != nil {
		t.Errorf("Owner = %+v", s)
	}
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name   string
		news   func(*Ring)
		want   func(*Ring) // nil: nothing changes
		refuse string
	}{
		{name: "the same", news: func(*Ring) {}},
		{
			name: "a newer epoch",
			news: func(r *Ring) { r.Shards[0].Epoch, r.Shards[0].Members = 4, []shard.NodeID{12} },
			want: func(r *Ring) { r.Shards[0].Epoch, r.Shards[0].Members = 4, []shard.NodeID{12} },
		},
		{
			name: "an older epoch",
			news: func(r *Ring) { r.Shards[0].Epoch, r.Shards[0].Members = 2, []shard.NodeID{11} },
		},
		{
			name: "newer and older",
			news: func(r *Ring) { r.Shards[0].Epoch = 2; r.Shards[1].Epoch = 9 },
			want: func(r *Ring) { r.Shards[1].Epoch = 9 },
		},
		{
			name: "a node that moved",
			news: func(r *Ring) { r.Nodes[1].Address = "h:9" },
			want: func(r *Ring) { r.Nodes[1].Address = "h:9" },
		},
		{
			name: "an address that was unknown",
			news: func(r *Ring) { r.Nodes[2].Address = "h:3" },
			want: func(r *Ring) { r.Nodes[2].Address = "h:3" },
		},
		{name: "an address that the teller does not know", news: func(r *Ring) { r.Nodes[0].Address = "" }},
		{name: "a node that the teller does not know", news: func(r *Ring) { r.Nodes = r.Nodes[1:] }},
		{
			name: "a new node",
			news: func(r *Ring) { r.Nodes = append([]Node{{ID: 5, Address: "h:5"}}, r.Nodes...) },
			want: func(r *Ring) { r.Nodes = append([]Node{{ID: 5, Address: "h:5"}}, r.Nodes...) },
		},
		{name: "another cluster", news: func(r *Ring) { r.Cluster = "c2" }, refuse: "cluster c2, not of c1"},
		{name: "other slices", news: func(r *Ring) { r.Shards[1].From++ }, refuse: "another way"},
		{name: "fewer shards", news: func(r *Ring) { r.Shards = r.Shards[:2] }, refuse: "another way"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, news, want := testRing(), testRing(), testRing()
			test.news(news)
			got, err := before.merge(news)
			if test.refuse != "" {
				if err == nil || !strings.Contains(err.Error(), test.refuse) {
					t.Fatalf("merge = %v, want an error with %q", err, test.refuse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if test.want == nil {
				if got != before {
					t.Errorf("merge made a new ring of nothing new")
				}
			} else {
				test.want(want)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("merge = %+v\nwant    %+v", got, want)
			}
			if !reflect.DeepEqual(before, testRing()) {
				t.Errorf("merge changed the ring it began with to %+v", before)
			}
		})
	}
}

func TestLearn(t *testing.T) {
	r := testRing()
	for _, c := range []shard.Configuration{
		{Shard: 1, Epoch: 3, Members: []shard.NodeID{99}},
		{Shard: 1, Epoch: 2, Members: []shard.NodeID{99}},
		{Shard: 8, Epoch: 7, Members: []shard.NodeID{99}},
		{},
	} {
		if got := r.learn(c); got != r {
			t.Errorf("learn(%v) changed the ring to %+v", c, got)
		}
	}
	got := r.learn(shard.Configuration{Shard: 2, Epoch: 6, Members: []shard.NodeID{11}})
	want := testRing()
	want.Shards[2] = Shard{ID: 2, From: 3 << 62, Epoch: 6, Members: []shard.NodeID{11}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("learn = %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(r, testRing()) {
		t.Errorf("learn changed the ring it began with to %+v", r)
	}
}

// Whatever the order in which news comes, the same is known at the end.
func TestNewsComesInAnyOrder(t *testing.T) {
	var news []shard.Configuration
	for id := shard.ID(1); id <= 3; id++ {
		for epoch := shard.Epoch(4); epoch < 20; epoch++ {
			news = append(news, shard.Configuration{Shard: id, Epoch: epoch, Members: []shard.NodeID{shard.NodeID(epoch)}})
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		rng.Shuffle(len(news), func(i, j int) { news[i], news[j] = news[j], news[i] })
		r := testRing()
		for _, c := range news {
			r = r.learn(c)
		}
		for _, s := range r.Shards {
			if s.Epoch != 19 || s.Members[0] != 19 {
				t.Fatalf("after all news shard %d has epoch %d, members %v", s.ID, s.Epoch, s.Members)
			}
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	r := testRing()
	c := r.clone()
	c.Shards[0].Members[0] = 99
	c.Shards[1].Epoch = 99
	c.Nodes[0].Name = "changed"
	if !reflect.DeepEqual(r, testRing()) {
		t.Errorf("a change of the clone shows in the ring: %+v", r)
	}
}
