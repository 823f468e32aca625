package client

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// Ring is a cluster as the client knows it. It may be behind: a configuration that was
// replaced meanwhile is found out when one of its members refuses, and
// costs an attempt, never a wrong answer.
type Ring struct {
	// Cluster names the cluster for ever.
	Cluster string
	// Shards stand in the order of the ring, which is also that of their slices: each
	// shard sequences the next one, the last the first.
	Shards []Shard
	// Nodes are all that were heard of, in rising order of ids, also those in no
	// configuration.
	Nodes []Node
}

// Shard is one slice of the key space and who replicates it.
type Shard struct {
	ID shard.ID
	// From is where the slice begins: the shard owns the keys whose 64-bit xxHash
	// lies from here up to the next shard's From.
	From uint64
	// Epoch numbers the configuration; a higher one replaces it.
	Epoch shard.Epoch
	// Members are in chain order: the head, which takes the writes, first.
	Members []shard.NodeID
}

// Node is one process of the cluster with its data directory.
type Node struct {
	ID shard.NodeID
	// Name was given by people; it may be empty and may repeat.
	Name string
	// Address is where the node serves clients, as host:port; empty while nobody
	// has heard it.
	Address string
	// Zone is the node's failure domain, as a rack or a site; empty where it names none.
	Zone string
}

// Owner is the shard that owns the key; the zero Ring has none.
func (r *Ring) Owner(key string) Shard {
	if len(r.Shards) == 0 {
		return Shard{}
	}
	return r.Shards[r.owner(key)]
}

// owner is the index of the shard that owns the key. There must be one.
func (r *Ring) owner(key string) int {
	h := xxhash.Sum64String(key)
	// The first slice begins at 0, so there is always one that begins at or before h.
	after, _ := slices.BinarySearchFunc(r.Shards, h, func(s Shard, h uint64) int {
		if s.From <= h {
			return -1
		}
		return 1
	})
	return after - 1
}

// Node finds a node by its id.
func (r *Ring) Node(id shard.NodeID) (Node, bool) {
	i, ok := slices.BinarySearchFunc(r.Nodes, id, func(n Node, id shard.NodeID) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return Node{}, false
	}
	return r.Nodes[i], true
}

// clone is a copy that shares nothing with r.
func (r *Ring) clone() Ring {
	c := Ring{Cluster: r.Cluster, Shards: slices.Clone(r.Shards), Nodes: slices.Clone(r.Nodes)}
	for i := range c.Shards {
		c.Shards[i].Members = slices.Clone(c.Shards[i].Members)
	}
	return c
}

// ringOf is what a node told, which is a ring by all but its nodes' order.
func ringOf(told *wire.Ring) *Ring {
	r := &Ring{Cluster: told.Cluster}
	for i, s := range told.Slices {
		c := told.Configurations[i]
		r.Shards = append(r.Shards, Shard{ID: s.Shard, From: s.From, Epoch: c.Epoch, Members: c.Members})
	}
	for _, n := range told.Nodes {
		r.meet(Node{ID: n.ID, Name: n.Name, Address: n.Address, Zone: n.Zone})
	}
	return r
}

// merge is what is known after somebody told news: of each shard the newer epoch, of
// each node the address told last. It returns r itself if that is nothing new,
// and fails if news is another cluster's.
func (r *Ring) merge(news *Ring) (*Ring, error) {
	if news.Cluster != r.Cluster {
		return nil, fmt.Errorf("tells the ring of cluster %s, not of %s", news.Cluster, r.Cluster)
	}
	same := func(a, b Shard) bool { return a.ID == b.ID && a.From == b.From }
	if !slices.EqualFunc(r.Shards, news.Shards, same) {
		return nil, fmt.Errorf("cuts the key space of cluster %s in another way than before", r.Cluster)
	}
	merged, changed := r.clone(), false
	for i, s := range news.Shards {
		if s.Epoch > merged.Shards[i].Epoch {
			merged.Shards[i], changed = s, true
		}
	}
	for _, n := range news.Nodes {
		changed = merged.meet(n) || changed
	}
	if !changed {
		return r, nil
	}
	return &merged, nil
}

// meet adds a node, or what is new about it.
func (r *Ring) meet(n Node) bool {
	i, ok := slices.BinarySearchFunc(r.Nodes, n.ID, func(n Node, id shard.NodeID) int { return cmp.Compare(n.ID, id) })
	if !ok {
		r.Nodes = slices.Insert(r.Nodes, i, n)
		return true
	}
	// Who has not heard an address does not make it unknown.
	n.Zone = cmp.Or(n.Zone, r.Nodes[i].Zone)
	n.Name, n.Address = cmp.Or(n.Name, r.Nodes[i].Name), cmp.Or(n.Address, r.Nodes[i].Address)
	changed := r.Nodes[i] != n
	r.Nodes[i] = n
	return changed
}

// learn is what is known after somebody refused with a configuration: r itself if it is
// not newer.
func (r *Ring) learn(c shard.Configuration) *Ring {
	i := slices.IndexFunc(r.Shards, func(s Shard) bool { return s.ID == c.Shard })
	if i < 0 || c.Epoch <= r.Shards[i].Epoch {
		return r
	}
	learned := *r
	learned.Shards = slices.Clone(r.Shards)
	learned.Shards[i].Epoch, learned.Shards[i].Members = c.Epoch, c.Members
	return &learned
}
