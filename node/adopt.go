package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/node/internal/gossip"
	"github.com/ringward/ringward/rpc"
)

const (
	// adoptLook is how often a node that belongs to no cluster looks whether others do.
	adoptLook = 100 * time.Millisecond
	// adoptAfter is for how long it must have heard of one cluster only: the first to answer may not be the one
	// that was meant.
	adoptAfter = time.Second
	// adoptTime bounds the asking of one node.
	adoptTime = 5 * time.Second
)

// adopter makes a node part of a cluster that exists already, of which gossip tells: it takes over the genesis of one of
// its nodes. So it has no replicas, unless an init was interrupted that had it in mind; but it can be recruited.
type adopter struct {
	node  *Node
	now   func() time.Time
	fetch func(gossip.Node) error

	one   string    // the only cluster that is heard of; empty: none, or several
	since time.Time // when it was first
	asked int       // how many nodes were asked
	said  string    // what was logged last
}

func newAdopter(n *Node) *adopter { return &adopter{node: n, now: time.Now, fetch: n.adopt} }

// run looks until the node belongs to a cluster, or is closed.
func (a *adopter) run(ctx context.Context) {
	look := time.NewTicker(adoptLook)
	defer look.Stop()
	for a.node.store.Genesis() == nil {
		a.look(a.node.gossip.Nodes())
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// look asks one of the nodes, if all of them that have a cluster have the same.
func (a *adopter) look(nodes []gossip.Node) {
	clusters := map[string][]gossip.Node{}
	for _, x := range nodes {
		if x.Cluster != "" {
			clusters[x.Cluster] = append(clusters[x.Cluster], x)
		}
	}
	names := slices.Sorted(maps.Keys(clusters))
	if len(names) != 1 {
		a.one = ""
		if len(names) > 1 {
			a.say(fmt.Sprintf("this node joins no cluster: --join leads to nodes of different ones, %s", strings.Join(names, " and ")))
		}
		return
	}
	if names[0] != a.one {
		a.one, a.since = names[0], a.now()
	}
	if a.now().Sub(a.since) < adoptAfter {
		return
	}
	// Those that seem to be alive first; each in turn.
	members := clusters[a.one]
	slices.SortStableFunc(members, func(x, y gossip.Node) int {
		switch {
		case x.Alive == y.Alive:
			return 0
		case x.Alive:
			return -1
		}
		return 1
	})
	x := members[a.asked%len(members)]
	a.asked++
	if err := a.fetch(x); err != nil {
		a.say(fmt.Sprintf("cluster %s is not joined through node %v (%s) at %s: %v", a.one, x.ID, x.Name, x.Address, err))
	}
}

// say logs what has not just been logged.
func (a *adopter) say(what string) {
	if what != a.said {
		a.said = what
		a.node.log.Warn(what)
	}
}

// adopt takes over the genesis of a node.
func (n *Node) adopt(from gossip.Node) error {
	ctx, cancel := context.WithTimeout(n.ctx, adoptTime)
	defer cancel()
	g, err := rpc.FetchGenesis(ctx, from.ID, from.Address, int(n.cfg.MaxMessage), n.cfg.connect())
	if err != nil {
		return err
	}
	if g.Cluster != from.Cluster {
		return fmt.Errorf("it belongs to cluster %s", g.Cluster)
	}
	n.log.Info("joins a cluster", "cluster", g.Cluster, "through", from.ID)
	err = n.Init(ctx, g)
	if err != nil && n.member.Load() == nil {
		n.fail(err) // the disk's; else an init was faster
	}
	return err
}
