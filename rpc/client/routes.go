package client

import (
	"hash/maphash"
	"math"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/shard"
)

// routes is a ring with the connections to its nodes. It is immutable, so an operation
// finds its node without a lock.
type routes struct {
	ring *Ring
	// members are those of each shard of the ring, in chain order; nil stands for a node
	// whose address nobody has heard.
	members [][]*node
	// all are the nodes of the ring and the endpoints, each address once.
	all []*node
	// replaced is closed when newer routes are in force.
	replaced chan struct{}
}

// next picks whom the next attempt of an operation on a shard goes to.
func (r *routes) next(course *session.Course[*node], i int, turn uint64) *node {
	return course.Next(r.members[i], r.all, turn, func(n *node) bool { return n.suspect.Load() })
}

// first is the place in the chain of the member that reads of a shard go to in a turn. Each turn puts all nodes into another order, and of
// each shard its member that comes first is the one: so few nodes serve the reads of all shards at a time, and their fences share messages. All have
// their turns alike.
func (r *routes) first(i int, turn uint64) uint64 {
	type lot struct {
		turn uint64
		node *node
	}
	first, lowest := 0, uint64(math.MaxUint64)
	for k, n := range r.members[i] {
		if drawn := maphash.Comparable(lots, lot{turn, n}); drawn < lowest {
			first, lowest = k, drawn
		}
	}
	return uint64(first)
}

// lots makes the order of nodes another one in each process.
var lots = maphash.MakeSeed()

// suspects is how many nodes did not serve when they were asked last.
func (r *routes) suspects() int {
	n := 0
	for _, node := range r.all {
		if node.suspect.Load() {
			n++
		}
	}
	return n
}

// install puts in force what next makes of the ring known so far, which is nil at first.
func (c *Client) install(next func(*Ring) *Ring) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	old := c.routes.Load()
	var known *Ring
	if old != nil {
		known = old.ring
	}
	if ring := next(known); ring != known {
		c.force(ring)
	}
}

// force makes routes of the ring, connects to nodes that are new to it, and drops
// those that are not in it any more. Needs mu.
func (c *Client) force(ring *Ring) {
	r := &routes{ring: ring, replaced: make(chan struct{})}
	used := map[string]*node{}
	use := func(address string) *node {
		n := used[address]
		if n == nil {
			if n = c.nodes[address]; n == nil {
				var err error
				if n, err = connect(address); err != nil {
					return nil // no address that means anything: as if it were unknown
				}
			}
			used[address] = n
			r.all = append(r.all, n)
		}
		return n
	}
	byID := map[shard.NodeID]*node{}
	for _, n := range ring.Nodes {
		if n.Address != "" {
			byID[n.ID] = use(n.Address)
		}
	}
	for _, s := range ring.Shards {
		members := make([]*node, len(s.Members))
		for i, id := range s.Members {
			members[i] = byID[id]
		}
		r.members = append(r.members, members)
	}
	for _, address := range c.endpoints {
		use(address)
	}
	for address, n := range c.nodes {
		if used[address] != n {
			c.background.Go(n.conn.Close)
		}
	}
	c.nodes = used
	old := c.routes.Swap(r)
	if old != nil {
		close(old.replaced)
	}
}

// learn puts in force what a node told in its refusal.
func (c *Client) learn(configuration shard.Configuration) {
	if known := c.routes.Load().ring; known.learn(configuration) == known {
		return // the common case, and without the lock
	}
	c.install(func(known *Ring) *Ring { return known.learn(configuration) })
}
