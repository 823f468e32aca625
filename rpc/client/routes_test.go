package client

import (
	"slices"
	"testing"
)

func testNodes(n int) []*node {
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = &node{}
	}
	return nodes
}

func TestPick(t *testing.T) {
	n := testNodes(5)
	r := &routes{members: [][]*node{{n[0], n[1], nil}}, all: n}
	const nobody = -1
	tests := []struct {
		name     string
		write    bool
		suspects []int
		avoid    int
		want     []int // any of them; over many turns each of them
	}{
		{"a write", true, nil, nobody, []int{0}},
		{"a read", false, nil, nobody, []int{0, 1}},
		{"a write past a suspect head", true, []int{0}, nobody, []int{1}},
		{"a write past the head that failed it", true, nil, 0, []int{1}},
		{"a read past a suspect", false, []int{1}, nobody, []int{0}},
		{"no member left", true, []int{0}, 1, []int{2, 3, 4}},
		{"no member left for a read", false, []int{0, 1}, 3, []int{2, 4}},
		{"all are suspects", true, []int{0, 1, 2, 3, 4}, nobody, []int{0, 1, 2, 3, 4}},
		{"all but the one that failed", true, []int{0, 1, 2, 4}, 3, []int{0, 1, 2, 3, 4}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i := range n {
				n[i].suspect.Store(slices.Contains(test.suspects, i))
			}
			var avoid *node
			if test.avoid != nobody {
				avoid = n[test.avoid]
			}
			seen := map[int]int{}
			for turn := range uint64(30) {
				seen[slices.Index(n, r.pick(0, test.write, turn, avoid))]++
			}
			for _, i := range test.want {
				if seen[i] == 0 {
					t.Errorf("node %d was never picked", i)
				}
				delete(seen, i)
			}
			if len(seen) > 0 {
				t.Errorf("picked %v as well, want only %v", seen, test.want)
			}
		})
	}
}

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
