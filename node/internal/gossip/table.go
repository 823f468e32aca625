package gossip

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringward/ringward/shard"
)

// Node is what is known of a node.
type Node struct {
	ID      shard.NodeID
	Boot    uint64 // how often its data directory has been opened
	Name    string // for people; not unique
	Zone    string // its failure domain; empty where it names none
	Address string // where it serves gRPC
	Gossip  string // where it gossips
	Cluster string // empty before the node has a genesis
	Drains  bool   // it wants to hold nothing any more
	// Alive is memberlist's opinion, and neither prompt nor reliable.
	Alive bool
}

// table is what a node knows of others. Memberlist calls in while it holds locks of its own, so
// nothing is called out of here under mu, except what takes no lock of memberlist's.
type table struct {
	mu      sync.Mutex
	self    Node
	nodes   map[shard.NodeID]Node // without self
	chains  map[shard.ID]shard.Chain
	removed map[shard.NodeID]bool // they never return
	changed chan struct{}         // closed and replaced when any of the above changes

	// size counts the nodes. It is no part of what mu guards, for the broadcast queue asks for it
	// under its own lock, which is taken under mu.
	size atomic.Int64
}

func newTable(self Node) *table {
	t := &table{
		self:    self,
		nodes:   map[shard.NodeID]Node{},
		chains:  map[shard.ID]shard.Chain{},
		removed: map[shard.NodeID]bool{},
		changed: make(chan struct{}),
	}
	t.size.Store(1)
	return t
}

// touch wakes all who wait for a change. Callers hold mu.
func (t *table) touch() {
	close(t.changed)
	t.changed = make(chan struct{})
	t.size.Store(int64(len(t.nodes) + 1))
}

// count is how many nodes are known, this one included.
func (t *table) count() int { return int(t.size.Load()) }

func (t *table) news() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

func (t *table) me() Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.self
}

func (t *table) setGossip(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.self.Gossip = address
}

func (t *table) node(id shard.NodeID) (Node, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id == t.self.ID {
		return t.self, true
	}
	n, ok := t.nodes[id]
	return n, ok
}

func (t *table) list() []Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	nodes := append(slices.Collect(maps.Values(t.nodes)), t.self)
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return nodes
}

// admit says why a node of that cluster has no place here, if so.
func (t *table) admit(n Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.removed[n.ID] {
		return fmt.Errorf("node %v (%s) at %s was removed from the cluster", n.ID, n.Name, n.Address)
	}
	if !foreign(t.self.Cluster, n.Cluster) {
		return nil
	}
	// It was let in before it had a cluster, and is known now to be a stranger.
	if old, ok := t.nodes[n.ID]; ok && old.Cluster == "" {
		delete(t.nodes, n.ID)
		t.touch()
	}
	return fmt.Errorf("node %v (%s) at %s is of cluster %q, this one is of %q", n.ID, n.Name, n.Address, n.Cluster, t.self.Cluster)
}

// foreign reports whether two clusters are known to be different.
func foreign(a, b string) bool { return a != "" && b != "" && a != b }

var (
	errForeign = errors.New("of another cluster")
	errRemoved = errors.New("removed from the cluster")
	errTwin    = errors.New("this node has been up with a higher boot count: its data directory is an old one, put back or copied")
	errFull    = fmt.Errorf("%d nodes are known already, the limit", maxNodes)
)

// learn takes note of a node. Of what is known of one id the higher boot count wins; within one boot the first
// address stands, and a cluster may still be added. n.Alive says that memberlist has just heard of
// the node; otherwise what was thought of that boot stands.
func (t *table) learn(n Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.ID == t.self.ID {
		if n.Boot > t.self.Boot && !foreign(t.self.Cluster, n.Cluster) {
			return errTwin
		}
		return nil
	}
	if foreign(t.self.Cluster, n.Cluster) {
		return errForeign
	}
	if t.removed[n.ID] {
		return errRemoved
	}
	old, known := t.nodes[n.ID]
	switch {
	case !known && len(t.nodes) >= maxNodes-1 && !t.forgetOne():
		return errFull
	case known && n.Boot < old.Boot:
		return nil
	case known && n.Boot == old.Boot:
		merged := old
		if merged.Alive = old.Alive || n.Alive; n.Alive {
			merged.Drains = n.Drains // else it is hearsay, and may be old
		}
		if merged.Cluster == "" {
			merged.Cluster = n.Cluster
		}
		n = merged
	}
	if !known || n != old {
		t.nodes[n.ID] = n
		t.touch()
	}
	return nil
}

// forgetOne makes room by forgetting some node that seems dead. Callers hold mu.
func (t *table) forgetOne() bool {
	for id, n := range t.nodes {
		if !n.Alive {
			delete(t.nodes, id)
			return true
		}
	}
	return false
}

// left takes note that memberlist thinks one boot of a node dead. Its address stays.
func (t *table) left(id shard.NodeID, boot uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.nodes[id]; ok && n.Boot == boot && n.Alive {
		n.Alive = false
		t.nodes[id] = n
		t.touch()
	}
}

// drain notes whether this node drains. It reports whether that is news.
func (t *table) drain(drains bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.self.Drains == drains {
		return false
	}
	t.self.Drains = drains
	t.touch()
	return true
}

// remove forgets nodes for good, and returns those of them of which it is news. Where there are too many already the rest is
// left alone.
func (t *table) remove(nodes ...shard.NodeID) (news []shard.NodeID, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range nodes {
		switch {
		case t.removed[id]:
		case len(t.removed) >= maxRemoved:
			err = fmt.Errorf("%d nodes were removed already, the limit", len(t.removed))
		default:
			t.removed[id] = true
			delete(t.nodes, id)
			news = append(news, id)
		}
	}
	if len(news) > 0 {
		t.touch()
	}
	return news, err
}

// setCluster gives this node its cluster, and forgets the nodes that it makes strangers.
func (t *table) setCluster(cluster string) (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case cluster == "":
		return false, errors.New("cluster id is empty")
	case cluster == t.self.Cluster:
		return false, nil
	case t.self.Cluster != "":
		return false, fmt.Errorf("this node is of cluster %q and cannot become one of %q", t.self.Cluster, cluster)
	}
	if err := validCluster(cluster); err != nil {
		return false, err
	}
	t.self.Cluster = cluster
	maps.DeleteFunc(t.nodes, func(_ shard.NodeID, n Node) bool { return foreign(cluster, n.Cluster) })
	t.touch()
	return true, nil
}

// hint joins a chain with what is known of its shard. Where that is news, it calls spread with the joined
// chain, still under the lock: so the newest is also spread last.
func (t *table) hint(ch shard.Chain, spread func(cluster string, joined shard.Chain)) (joined shard.Chain, news bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := ch[0].Shard
	old, known := t.chains[id]
	if !known && len(t.chains) >= maxShards {
		return nil, false, fmt.Errorf("hint on shard %d: %d shards are known already, the limit", id, maxShards)
	}
	if joined, err = old.Merge(ch); err != nil {
		return nil, false, fmt.Errorf("hint on shard %d: %w", id, err)
	}
	if known && joined[0].Epoch == old[0].Epoch && joined.Newest().Epoch == old.Newest().Epoch {
		return old, false, nil
	}
	t.chains[id] = joined
	spread(t.self.Cluster, joined)
	t.touch()
	return joined, true, nil
}

// state is what a full exchange tells, except for this node itself, of which memberlist tells.
// Where it would grow too long some hints are left out, others each time since maps have no order.
func (t *table) state() state {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := state{cluster: t.self.Cluster, nodes: slices.Collect(maps.Values(t.nodes))}
	if s.cluster == "" {
		return s // nobody could tell whose hints they are
	}
	s.removed = slices.Sorted(maps.Keys(t.removed))
	free := maxHints
	for _, ch := range t.chains {
		if n := len(shard.AppendChain(nil, ch)); n <= free {
			free -= n
			s.chains = append(s.chains, ch)
		}
	}
	return s
}
