package wire

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// Ring is what a client knows of a cluster.
type Ring struct {
	Cluster string
	Slices  []Slice
	// Configurations are the newest known of each shard, in the order of Slices.
	Configurations []shard.Configuration
	Nodes          []Node
}

// Slice is one shard's part of the key space, from From up to the next slice's From.
type Slice struct {
	Shard shard.ID
	From  uint64
}

// Node is where to find one.
type Node struct {
	ID      shard.NodeID
	Name    string // may be empty
	Address string // host:port; empty while it is not known
	Zone    string // its failure domain; empty where it names none
}

// RingFromProto returns a ring in which every key has an owner and every shard a
// configuration, or why p is none.
func RingFromProto(p *kvpb.RingResponse) (*Ring, error) {
	r := &Ring{Cluster: p.GetCluster()}
	switch {
	case r.Cluster == "":
		return nil, fmt.Errorf("ring without a cluster id")
	case len(p.GetSlices()) == 0:
		return nil, fmt.Errorf("ring of cluster %s has no shards", r.Cluster)
	case len(p.GetConfigurations()) != len(p.GetSlices()):
		return nil, fmt.Errorf("ring of cluster %s: %d configurations for %d shards", r.Cluster, len(p.GetConfigurations()), len(p.GetSlices()))
	}
	seen := make(map[shard.ID]bool, len(p.GetSlices()))
	for i, s := range p.GetSlices() {
		c, err := ConfigurationFromProto(p.GetConfigurations()[i])
		switch {
		case err != nil:
			return nil, fmt.Errorf("ring of cluster %s: %w", r.Cluster, err)
		case c.Shard != shard.ID(s.GetShard()):
			return nil, fmt.Errorf("ring of cluster %s: %v stands where shard %d is due", r.Cluster, c, s.GetShard())
		case seen[c.Shard]:
			return nil, fmt.Errorf("ring of cluster %s names shard %d twice", r.Cluster, c.Shard)
		case i == 0 && s.GetFrom() != 0:
			return nil, fmt.Errorf("ring of cluster %s begins at %d: want 0", r.Cluster, s.GetFrom())
		case i > 0 && s.GetFrom() <= r.Slices[i-1].From:
			return nil, fmt.Errorf("ring of cluster %s: slice of shard %d begins at %d, not after the one before", r.Cluster, s.GetShard(), s.GetFrom())
		}
		seen[c.Shard] = true
		r.Slices = append(r.Slices, Slice{Shard: c.Shard, From: s.GetFrom()})
		r.Configurations = append(r.Configurations, c)
	}
	for _, n := range p.GetNodes() {
		if n.GetId() == 0 {
			return nil, fmt.Errorf("ring of cluster %s names node 0", r.Cluster)
		}
		r.Nodes = append(r.Nodes, Node{ID: shard.NodeID(n.GetId()), Name: n.GetName(), Address: n.GetAddress(), Zone: n.GetZone()})
	}
	return r, nil
}

// Owner is the shard whose slice holds the key.
func (r *Ring) Owner(key []byte) shard.ID {
	h := xxhash.Sum64(key)
	after, _ := slices.BinarySearchFunc(r.Slices, h, func(s Slice, h uint64) int {
		if s.From <= h {
			return -1
		}
		return 1
	})
	return r.Slices[after-1].Shard
}
