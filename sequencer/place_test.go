package sequencer

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
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
		{6, 5, 3, 1, 3, 1}, // an odd ring cannot do with none
		{6, 6, 3, 2, 6, 0}, // the cover weighs more
		{9, 12, 4, 3, 16, 1},
		{2, 2, 1, 1, 0, 0},
		{1, 1, 1, 0, 0, 0},
		{2, 2, 2, 0, 4, 0},
		{8, 64, 2, 1, 0, 0},
		{40, 200, 3, 1, 0, 1},
	} {
		t.Run(fmt.Sprintf("%d nodes %d shards %d replicas", c.nodes, c.shards, c.replicas), func(t *testing.T) {
			got, err := Place(NewRing(c.shards), numbered(c.nodes), c.replicas)
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
			for _, n := range numbered(c.nodes) {
				least, most = min(least, load[n.ID]), max(most, load[n.ID])
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

// numbered is nodes of unknown zone, numbered from 1.
func numbered(n int) []Candidate {
	nodes := make([]Candidate, n)
	for i := range nodes {
		nodes[i].ID = shard.NodeID(i + 1)
	}
	return nodes
}

// TestPlaceInZones has as many nodes in each zone as said, in the order of their ids: the worst order to begin with.
func TestPlaceInZones(t *testing.T) {
	for _, c := range []struct {
		zones            map[string]int
		shards, replicas int
		crowded, overlap int // pairs of one shard in one zone, nodes shared by neighbours
		spread           int // between the least and the most loaded node
	}{
		{map[string]int{"x": 3, "y": 3}, 6, 2, 0, 0, 0},
		{map[string]int{"x": 2, "y": 2, "z": 2}, 5, 3, 0, 3, 1},
		{map[string]int{"x": 2, "y": 2, "z": 2}, 6, 3, 3, 7, 0}, // cover 2, and it weighs more
		{map[string]int{"x": 2, "y": 2, "z": 2}, 5, 2, 0, 0, 1},
		// With a node of y in each shard those two would hit all shards: the cover weighs more.
		{map[string]int{"x": 4, "y": 2}, 6, 2, 2, 0, 0},
		{map[string]int{"x": 6}, 6, 2, 6, 0, 0},
		{map[string]int{"x": 3, "": 3}, 6, 2, 0, 0, 0},
		{map[string]int{"x": 5, "y": 5, "z": 5}, 30, 3, 0, 0, 0},
		{map[string]int{"x": 3, "y": 3}, 6, 3, 6, 6, 0},
		{map[string]int{"x": 2, "y": 1}, 3, 2, 1, 3, 0},
		{map[string]int{"x": 100, "y": 100, "z": 100}, 1000, 3, 0, 0, 0},
	} {
		t.Run(fmt.Sprintf("%v %d shards %d replicas", c.zones, c.shards, c.replicas), func(t *testing.T) {
			var nodes []Candidate
			zone, load := map[shard.NodeID]string{}, map[shard.NodeID]int{}
			for _, z := range slices.Sorted(maps.Keys(c.zones)) {
				for range c.zones[z] {
					nodes = append(nodes, Candidate{ID: shard.NodeID(len(nodes) + 1), Zone: z})
					zone[nodes[len(nodes)-1].ID] = z
				}
			}
			got, err := Place(NewRing(c.shards), nodes, c.replicas)
			if err != nil {
				t.Fatal(err)
			}
			crowded, overlap := 0, 0
			for i, conf := range got {
				for j, m := range conf.Members {
					load[m]++
					if got[(i+1)%len(got)].Has(m) {
						overlap++
					}
					for _, other := range conf.Members[:j] {
						if zone[m] != "" && zone[m] == zone[other] {
							crowded++
						}
					}
				}
			}
			least, most := c.shards, 0
			for _, n := range nodes {
				least, most = min(least, load[n.ID]), max(most, load[n.ID])
			}
			if crowded > c.crowded || overlap > c.overlap || most-least > c.spread || Cover(got) < 1 {
				t.Errorf("crowded %d, overlap %d, loads from %d to %d, covering number %d: want at most %d, %d, %d apart, and at least 1: %v",
					crowded, overlap, least, most, Cover(got), c.crowded, c.overlap, c.spread, got)
			}
		})
	}
}

func TestPlaceRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		ring     Ring
		nodes    []Candidate
		replicas int
		want     string
	}{
		{"a ring that is none", Ring{}, candidates("a b"), 1, "ring of 0 shards"},
		{"no nodes", NewRing(1), nil, 1, "0 nodes"},
		{"too many nodes", NewRing(1), numbered(MaxPlaced + 1), 1, "1025 nodes"},
		{"no replicas", NewRing(1), candidates("a b"), 0, "0 replicas"},
		{"too many replicas", NewRing(1), numbered(100), shard.MaxMembers + 1, "65 replicas"},
		{"more replicas than nodes", NewRing(1), candidates("a b"), 3, "3 replicas on 2 nodes"},
		{"a node twice", NewRing(1), candidates("a b a"), 2, "every node once"},
		{"node 0", NewRing(1), []Candidate{{ID: 1}, {}}, 2, "id zero"},
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
	first, err := Place(NewRing(7), candidates("a/x b/y c/y d e/x"), 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if again, err := Place(NewRing(7), candidates("a/x b/y c/y d e/x"), 3); err != nil || !reflect.DeepEqual(again, first) {
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
