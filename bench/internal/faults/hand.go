package faults

import (
	"context"
	"fmt"

	"github.com/ringward/ringward/bench/internal/cluster"
)

// Hand inflicts faults one at a time, on nodes and at moments of its owner's choice, who measures what follows. One goroutine uses it.
type Hand struct{ in *injector }

// NewHand can reach the nodes of a cluster.
func NewHand(c *cluster.Cluster) *Hand {
	return &Hand{&injector{cluster: c, full: map[*cluster.Node]int{}}}
}

// Inflict does to a node what such a fault does. Heal undoes it, also what was begun before an error.
func (h *Hand) Inflict(f Fault, n *cluster.Node) (heal func(context.Context) error, err error) {
	if f.Kind.hitsAll() {
		return func(context.Context) error { return nil }, fmt.Errorf("%s: hits all nodes, and not one", f.Kind)
	}
	hurt, err := h.in.strike(f, n)
	return hurt.heal, err
}
