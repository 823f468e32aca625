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
