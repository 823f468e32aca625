package sequencer

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

func TestPlace(t *testing.T) {
	for _, c := range []struct{ nodes, shards, replicas, cover, overlap, spread int }{
		{5, 5, 2, 2, 0, 0},
		{3, 3, 2, 1, 3, 0},
		{3, 3, 3, 0, 9, 0},
		{4, 4, 3, 1, 8, 0},
		{4, 4, 2, 1, 0, 0},
		{5, 4, 2, 1, 0, 1},
		{6, 6, 3, 1, 0, 0},
		{9, 12, 4, 2, 3, 1},
		{2, 2, 1, 1, 0, 0},
		{1, 1, 1, 0, 0, 0},
		{2, 2, 2, 0, 4, 0},
		{8, 64, 2, 1, 0, 0},
		{40, 200, 3, 1, 0, 1},
	} {
		t.Run(fmt.Sprintf("%d nodes %d shards %d replicas", c.nodes, c.shards, c.replicas), func(t *testing.T) {
			var nodes []shard.NodeID
			for i := range c.nodes {
				nodes = append(nodes, shard.NodeID(i+1))
			}
			got, err := Place(NewRing(c.shards), nodes, c.replicas)
			if err != nil {
				t.Fatal(err)
			}
			load, overlap := map[shard.NodeID]int{}, 0
			for i, conf := range got {
				if err := conf.Valid(); err != nil {
					t.Fatal(err)
				}
				for _, m := range conf.Members {
					load[m]++
					if len(got) > 1 && got[(i+1)%len(got)].Has(m) {
						overlap++
					}
				}
			}
			least, most := c.shards*c.replicas, 0
			for _, n := range nodes {
				least, most = min(least, load[n]), max(most, load[n])
			}
			if k := Cover(got); k < c.cover {
				t.Errorf("covering number %d, want at least %d: %v", k, c.cover, got)
			}
			if overlap > c.overlap {
				t.Errorf("neighbours share %d nodes, want at most %d: %v", overlap, c.overlap, got)
			}
			if most-least > c.spread {
				t.Errorf("loads from %d to %d, want them %d apart at most: %v", least, most, c.spread, got)
			}
		})
	}
}

func TestPlaceRefuses(t *testing.T) {
	many := make([]shard.NodeID, MaxPlaced+1)
	for i := range many {
		many[i] = shard.NodeID(i + 1)
	}
	for _, c := range []struct {
		name     string
		ring     Ring
		nodes    []shard.NodeID
		replicas int
		want     string
	}{
		{"a ring that is none", Ring{}, ids("ab"), 1, "ring of 0 shards"},
		{"no nodes", NewRing(1), nil, 1, "0 nodes"},
		{"too many nodes", NewRing(1), many, 1, "1025 nodes"},
		{"no replicas", NewRing(1), ids("ab"), 0, "0 replicas"},
		{"too many replicas", NewRing(1), many[:100], shard.MaxMembers + 1, "65 replicas"},
		{"more replicas than nodes", NewRing(1), ids("ab"), 3, "3 replicas on 2 nodes"},
		{"a node twice", NewRing(1), ids("aba"), 2, "every node once"},
		{"node 0", NewRing(1), []shard.NodeID{1, 0}, 2, "id zero"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := Place(c.ring, c.nodes, c.replicas); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v %v, want an error with %q", got, err, c.want)
			}
		})
	}
}

// TestPlaceIsRepeatable: every node that is asked comes to the same placement.
func TestPlaceIsRepeatable(t *testing.T) {
	first, err := Place(NewRing(7), ids("abcde"), 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if again, err := Place(NewRing(7), ids("abcde"), 3); err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("%v %v, the first time %v", again, err, first)
		}
	}
}

func placed(shards ...string) (cs []shard.Configuration) {
	for i, members := range shards {
		cs = append(cs, shard.Configuration{Shard: shard.ID(i + 1), Epoch: 1, Members: ids(members)})
	}
	return cs
}
