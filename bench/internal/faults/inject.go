package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
)

// injector does things to a cluster. One goroutine uses it.
type injector struct {
	cluster *cluster.Cluster
	ring    func(context.Context) (client.Ring, error)
	full    map[*cluster.Node]int // how many faults fill the disk of a node
}

// injury is a fault that was inflicted, and is to be healed.
type injury struct {
	nodes string // whom it hit, for people
	heal  func(context.Context) error
}

// inject inflicts a fault. What it began before an error is healed by the injury all the same.
func (in *injector) inject(ctx context.Context, f Fault) (injury, error) {
	if f.Kind.hitsAll() {
		err := in.each(map[Kind]func(*cluster.Node) error{KillAll: (*cluster.Node).Kill, StopAll: (*cluster.Node).Stop}[f.Kind])
		return injury{"all", func(ctx context.Context) error {
			return in.each(func(n *cluster.Node) error { return in.reviveLate(ctx, n, f) })
		}}, err
	}
	n, err := in.find(ctx, f.Target)
	if err != nil {
		return injury{"nobody", func(context.Context) error { return nil }}, err
	}
	return in.strike(f, n)
}

// strike inflicts a fault on one node.
func (in *injector) strike(f Fault, n *cluster.Node) (injury, error) {
	switch f.Kind {
	case Kill:
		return injury{n.Name, func(ctx context.Context) error { return in.revive(ctx, n) }}, n.Kill()
	case Stop:
		return injury{n.Name, func(ctx context.Context) error { return in.revive(ctx, n) }}, n.Leave()
	case Pause:
		return injury{n.Name, func(context.Context) error { return n.Resume() }}, n.Pause()
	case DiskFull:
		return in.fill(n)
	case SlowDisk:
		return slow(f, n)
	}
	if in.cluster.Network() == nil {
		return injury{n.Name, func(context.Context) error { return nil }}, fmt.Errorf("%v: the cluster has no network to cut", f.Kind)
	}
	return in.sever(f, n), nil
}

// fill fills the disk of a node.
func (in *injector) fill(n *cluster.Node) (injury, error) {
	if n.Disk() == nil {
		return injury{n.Name, func(context.Context) error { return nil }}, fmt.Errorf("%s: has no disk of its own to fill", n.Name)
	}
	in.full[n]++
	return injury{n.Name, func(ctx context.Context) error {
		if in.full[n]--; in.full[n] > 0 {
			return nil
		}
		// It may be about to give up, or not have noticed: either way it begins again.
		return errors.Join(n.Disk().Free(), n.Kill(), in.revive(ctx, n))
	}}, n.Disk().Fill()
}

// slow makes the syncs of a node's disk late.
func slow(f Fault, n *cluster.Node) (injury, error) {
	if n.SlowDisk() == nil {
		return injury{n.Name, func(context.Context) error { return nil }}, fmt.Errorf("%s: has no disk that can be slow", n.Name)
	}
	n.SlowDisk().Late(f.Late)
	return injury{n.Name, func(context.Context) error {
		n.SlowDisk().Late(0)
		return nil
	}}, nil
}

// sever does something to the links of a node.
func (in *injector) sever(f Fault, n *cluster.Node) injury {
	network, self := in.cluster.Network(), n.Place()
	var undo []func()
	name := n.Name
	for _, other := range in.cluster.Nodes() {
		peer := other.Place()
		if peer == self {
			continue
		}
		switch f.Kind {
		case Link:
			if peer != (self+f.Other)%network.Nodes() {
				continue
			}
			name += " - " + other.Name
			undo = append(undo, network.Cut(self, peer), network.Cut(peer, self))
		case Partition:
			undo = append(undo, network.Cut(self, peer), network.Cut(peer, self))
		case Mute:
			undo = append(undo, network.Cut(self, peer))
		case Deaf:
			undo = append(undo, network.Cut(peer, self))
		case Reset:
			network.Reset(self, peer)
		case Delay:
			undo = append(undo, network.Delay(self, peer, f.Late), network.Delay(peer, self, f.Late))
		}
	}
	return injury{name, func(context.Context) error {
		for _, u := range undo {
			u()
		}
		return nil
	}}
}

// find tells who a target is now, as far as clients know the ring.
func (in *injector) find(ctx context.Context, t Target) (*cluster.Node, error) {
	nodes := in.cluster.Nodes()
	if t.Role == Any {
		if t.Node >= len(nodes) {
			return nil, fmt.Errorf("%v: the cluster has %d nodes", t, len(nodes))
		}
		return nodes[t.Node], nil
	}
	ring, err := in.ring(ctx)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	if t.Shard >= len(ring.Shards) {
		return nil, fmt.Errorf("%v: the ring has %d shards", t, len(ring.Shards))
	}
	at := t.Shard
	if t.Role == Sequencer {
		at = (at + len(ring.Shards) - 1) % len(ring.Shards)
	}
	members := ring.Shards[at].Members
	place := map[Role]int{Head: 0, Sequencer: 0, Middle: min(1, len(members)-1), Tail: len(members) - 1}[t.Role]
	known, _ := ring.Node(members[place])
	for _, n := range nodes {
		if n.Endpoint == known.Address {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%v: node %v at %q is none of the cluster's", t, members[place], known.Address)
}

// revive starts a node that does not run. One whose disk is full could not start, and is revived when it is freed.
func (in *injector) revive(ctx context.Context, n *cluster.Node) error {
	if n.Running() || in.full[n] > 0 {
		return nil
	}
	return n.Start(ctx)
}

// reviveLate starts a node when its turn has come among all.
func (in *injector) reviveLate(ctx context.Context, n *cluster.Node, f Fault) error {
	turn := (n.Place() + f.Other) % len(in.cluster.Nodes())
	timer := time.NewTimer(time.Duration(turn) * f.Late)
	defer timer.Stop()
	select {
	case <-timer.C:
		return in.revive(ctx, n)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// each does something to all nodes at the same time.
func (in *injector) each(f func(*cluster.Node) error) error {
	nodes := in.cluster.Nodes()
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = f(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// deaths says which nodes do not run, empty where all do.
func (in *injector) deaths() string {
	var dead []string
	for _, n := range in.cluster.Nodes() {
		if !n.Running() {
			dead = append(dead, n.Name)
		}
	}
	return strings.Join(dead, ", ")
}
