package sequencer

import (
	"fmt"
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
