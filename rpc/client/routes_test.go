package client

import (
	"slices"
	"testing"
)

func TestRoutesFollowTheRing(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1})
	client := c.open()
	before := client.routes.Load()
	kept := before.members[0][1]

	client.install(func(known *Ring) *Ring { return known })
	if client.routes.Load() != before {
		t.Fatal("nothing new replaced the routes")
	}

	moved := testRing()
	client.install(func(known *Ring) *Ring {
		r := known.clone()
		r.Nodes[0].Address = "127.0.0.1:1" // moved, and its old address is an endpoint still
		r.Nodes[2].Address = "not an address"
		moved = &r
		return moved
	})
	after := client.routes.Load()
	select {
	case <-before.replaced:
	default:
		t.Error("the old routes do not tell that they are replaced")
	}
	if got := after.members[0]; got[0].address != "127.0.0.1:1" || got[1] != kept {
		t.Errorf("members are at %s and %s; want the first one moved and the connection to the second kept", got[0].address, got[1].address)
	}
	var addresses []string
	for _, n := range after.all {
		addresses = append(addresses, n.address)
	}
	// The node without an address that means anything can still be found as an endpoint.
	want := []string{"127.0.0.1:1", c.nodes[1].address, c.nodes[0].address, c.nodes[2].address}
	if !slices.Equal(addresses, want) {
		t.Errorf("connected to %v, want %v", addresses, want)
	}
}

// TestReadsGoToFewNodesAtATime: with three of four nodes in each shard two serve the reads of all in any turn, and over time each
// member serves its part.
func TestReadsGoToFewNodesAtATime(t *testing.T) {
	var nodes [4]*node
	for i := range nodes {
		nodes[i] = &node{}
	}
	r := &routes{}
	for i := range nodes {
		r.members = append(r.members, []*node{nodes[i], nodes[(i+1)%4], nodes[(i+2)%4]})
	}
	const turns = 3000
	var firsts [4][3]int
	for turn := range uint64(turns) {
		serve := map[*node]bool{}
		for i, members := range r.members {
			k := r.first(i, turn)
			if r.first(i, turn) != k {
				t.Fatalf("in turn %d the reads of shard %d go to more than one member first", turn, i)
			}
			serve[members[k]] = true
			firsts[i][k]++
		}
		if len(serve) > 2 {
			t.Fatalf("in turn %d reads go to %d nodes, want two at most", turn, len(serve))
		}
	}
	for i := range firsts {
		for k, n := range firsts[i] {
			if n < turns/4 || n > turns*5/12 {
				t.Errorf("member %d of shard %d was first in %d of %d turns, want about a third", k, i, n, turns)
			}
		}
	}
}
