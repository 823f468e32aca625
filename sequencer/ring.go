package sequencer

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/ringward/ringward/shard"
)

// MaxShards bounds a ring, so that a decoder can refuse nonsense.
const MaxShards = 1 << 16

// Slice is one shard's part of the key space: the keys whose Hash lies from From up
// to the From of the next shard in the ring.
type Slice struct {
	Shard shard.ID
	From  uint64
}

// Ring is which shard follows which, and each shard's slice of the key space. Each
// shard sequences the one after it, the last the first. Slices rise by From, and the first begins at 0.
type Ring []Slice

// NewRing cuts the key space evenly into n shards, numbered from 1.
func NewRing(n int) Ring {
	r := make(Ring, n)
	width := ^uint64(0)/uint64(n) + 1 // 0 for one shard: all of it
	for i := range r {
		r[i] = Slice{Shard: shard.ID(i + 1), From: uint64(i) * width}
	}
	return r
}

// Valid reports what is wrong with r, if anything.
func (r Ring) Valid() error {
	if len(r) == 0 || len(r) > MaxShards {
		return fmt.Errorf("ring of %d shards: want 1 to %d", len(r), MaxShards)
	}
	seen := make(map[shard.ID]bool, len(r))
	for i, s := range r {
		switch {
		case s.Shard == 0:
			return fmt.Errorf("ring names shard 0: shards are numbered from 1")
		case seen[s.Shard]:
			return fmt.Errorf("ring names shard %d twice", s.Shard)
		case i == 0 && s.From != 0:
			return fmt.Errorf("ring begins at %d, leaving out the keys before: want 0", s.From)
		case i > 0 && s.From <= r[i-1].From:
			return fmt.Errorf("slice of shard %d begins at %d, not after that of shard %d", s.Shard, s.From, r[i-1].Shard)
		}
		seen[s.Shard] = true
	}
	return nil
}

// Hash places a key in the key space.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// Owner is the shard whose slice holds the key.
func (r Ring) Owner(key []byte) shard.ID {
	h := Hash(key)
	i, found := slices.BinarySearchFunc(r, h, func(s Slice, h uint64) int {
		switch {
		case s.From < h:
			return -1
		case s.From > h:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	return r[i].Shard
}

// Next is the shard that s sequences.
func (r Ring) Next(s shard.ID) shard.ID { return r.at(s, 1) }

// Sequencer is the shard that sequences s.
func (r Ring) Sequencer(s shard.ID) shard.ID { return r.at(s, -1) }

func (r Ring) at(s shard.ID, step int) shard.ID {
	i := slices.IndexFunc(r, func(x Slice) bool { return x.Shard == s })
	if i < 0 {
		return 0
	}
	return r[(i+step+len(r))%len(r)].Shard
}

// Genesis is how a cluster begins: its ring and the first configuration of each
// shard, epoch 1, in the order of the ring. All nodes of a cluster keep the
// same one for ever.
type Genesis struct {
	Cluster string // names the cluster; made at its beginning, not empty
	Ring    Ring
	Initial []shard.Configuration
}

// Valid reports what is wrong with g, if anything.
func (g *Genesis) Valid() error {
	if g.Cluster == "" {
		return fmt.Errorf("genesis without a cluster id")
	}
	if err := g.Ring.Valid(); err != nil {
		return fmt.Errorf("genesis of cluster %s: %w", g.Cluster, err)
	}
	if len(g.Initial) != len(g.Ring) {
		return fmt.Errorf("genesis of cluster %s: %d configurations for %d shards", g.Cluster, len(g.Initial), len(g.Ring))
	}
	for i, c := range g.Initial {
		if err := c.Valid(); err != nil {
			return fmt.Errorf("genesis of cluster %s: %w", g.Cluster, err)
		}
		if c.Shard != g.Ring[i].Shard || c.Epoch != 1 {
			return fmt.Errorf("genesis of cluster %s: %v stands where shard %d epoch 1 is due", g.Cluster, c, g.Ring[i].Shard)
		}
	}
	return nil
}

// Configuration returns the first configuration of a shard.
func (g *Genesis) Configuration(s shard.ID) (shard.Configuration, bool) {
	i := slices.IndexFunc(g.Initial, func(c shard.Configuration) bool { return c.Shard == s })
	if i < 0 {
		return shard.Configuration{}, false
	}
	return g.Initial[i], true
}
