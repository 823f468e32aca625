package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

const (
	get    = kvpb.Operation_KIND_GET
	put    = kvpb.Operation_KIND_PUT
	del    = kvpb.Operation_KIND_DELETE
	opener = kvpb.Operation_KIND_OPEN_SESSION
)

// is fails the test unless err is all of want and none of the other kinds.
func is(t *testing.T, err error, want ...error) {
	t.Helper()
	kinds := []error{ErrNotFound, ErrVersionMismatch, ErrTooLarge, ErrInvalid, ErrSessionExpired,
		ErrUnavailable, ErrOutcomeUnknown, ErrClosed, context.Canceled, context.DeadlineExceeded}
	for _, kind := range kinds {
		expected := false
		for _, w := range want {
			expected = expected || w == kind
		}
		if errors.Is(err, kind) != expected {
			t.Errorf("errors.Is(err, %q) = %v, want %v; err: %v", kind, !expected, expected, err)
		}
	}
}

func TestReadsAndWrites(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1}, []int{1, 0})
	client := c.open()
	ctx := t.Context()

	_, err := client.Get(ctx, "k")
	is(t, err, ErrNotFound)
	_, err = client.Delete(ctx, "k")
	is(t, err, ErrNotFound)

	v1, err := client.Put(ctx, "k", []byte("one"))
	if err != nil || v1 == 0 {
		t.Fatalf("Put = %d, %v", v1, err)
	}
	value, err := client.Get(ctx, "k")
	if err != nil || string(value.Data) != "one" || value.Version != v1 {
		t.Fatalf("Get = %+v, %v, want one in version %d", value, err, v1)
	}
	v2, err := client.CompareAndSwap(ctx, "k", v1, []byte("two"))
	if err != nil || v2 <= v1 {
		t.Fatalf("CompareAndSwap = %d, %v, want a version above %d", v2, err, v1)
	}
	_, err = client.CompareAndSwap(ctx, "k", v1, []byte("three"))
	is(t, err, ErrVersionMismatch)
	var mismatch *VersionMismatchError
	if !errors.As(err, &mismatch) || *mismatch != (VersionMismatchError{Key: "k", Expected: v1, Current: v2}) {
		t.Errorf("errors.As finds %+v in %v", mismatch, err)
	}
	_, err = client.PutIfAbsent(ctx, "k", nil)
	is(t, err, ErrVersionMismatch)
	_, err = client.Delete(ctx, "k", IfVersion(v1))
	is(t, err, ErrVersionMismatch)
	v3, err := client.Delete(ctx, "k", IfVersion(v2))
	if err != nil || v3 <= v2 {
		t.Fatalf("Delete = %d, %v, want a version above %d", v3, err, v2)
	}
	v4, err := client.PutIfAbsent(ctx, "k", nil)
	if err != nil || v4 <= v3 {
		t.Fatalf("PutIfAbsent = %d, %v, want a version above %d", v4, err, v3)
	}
	if value, err = client.Get(ctx, "k", Stale()); err != nil || len(value.Data) != 0 || value.Version != v4 {
		t.Errorf("stale Get = %+v, %v, want nothing in version %d", value, err, v4)
	}
	gets := c.sightings(get)
	if last := gets[len(gets)-1].op; !last.Stale || gets[0].op.Stale {
		t.Errorf("the first read is stale: %v, the last: %v; want only the last", gets[0].op.Stale, last.Stale)
	}
}

func TestABadRequestIsRefusedBeforeItLeaves(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	_, err := client.Get(t.Context(), "")
	is(t, err, ErrInvalid)
	_, err = client.Delete(t.Context(), "k", IfAbsent())
	is(t, err, ErrInvalid)
	if n := len(c.sightings(get)) + len(c.sightings(del)); n != 0 {
		t.Errorf("%d of them reached a node", n)
	}
}

func TestWhatANodeRefusesForGood(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	for s, want := range map[kvpb.Status]error{
		kvpb.Status_STATUS_TOO_LARGE: ErrTooLarge,
		kvpb.Status_STATUS_INVALID:   ErrInvalid,
	} {
		c.play(func(_ *fakeNode, op *kvpb.Operation) fate {
			if op.Kind == opener {
				return fate{}
			}
			return answer(s)
		})
		before := len(c.sightings(put))
		_, err := client.Put(t.Context(), "k", nil)
		is(t, err, want)
		if !strings.Contains(err.Error(), "the test says so") {
			t.Errorf("the node's reason is not in %q", err)
		}
		if n := len(c.sightings(put)) - before; n != 1 {
			t.Errorf("%v: sent %d times, want once", want, n)
		}
		_, err = client.Get(t.Context(), "k")
		is(t, err, want)
	}
}

func TestWritesGoToTheHeadAndReadsToAllMembers(t *testing.T) {
	c := newCluster(t, 4, []int{0, 1}, []int{1, 2}, []int{3, 0, 2})
	client := c.open()
	for i := range 300 {
		if _, err := client.Put(t.Context(), fmt.Sprint("key-", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.sightings(put) {
		if members := c.ring.Configurations[s.op.Shard-1].Members; s.node.id != members[0] {
			t.Fatalf("a write of shard %d went to node %d, want the head of %v", s.op.Shard, s.node.id, members)
		}
	}
	reads := map[uint32]map[uint64]int{1: {}, 2: {}, 3: {}}
	last, turns, total := map[uint32]uint64{}, 0, 0
	all := func() bool { // every member had its turn
		for id, counts := range reads {
			if len(counts) < len(c.ring.Configurations[id-1].Members) {
				return false
			}
		}
		return true
	}
	for rounds := 0; rounds < 100 && !all(); rounds++ {
		for i := range readsInTurn {
			if _, err := client.Get(t.Context(), fmt.Sprint("key-", i)); err != nil {
				t.Fatal(err)
			}
		}
		seen := c.sightings(get)
		for _, s := range seen[total:] {
			reads[s.op.Shard][s.node.id]++
			if last[s.op.Shard] != s.node.id {
				last[s.op.Shard], turns = s.node.id, turns+1
			}
		}
		total = len(seen)
	}
	// Each of the three shards has a first member, and another after readsInTurn reads of all.
	if most := 3 * (2 + total/readsInTurn); turns > most {
		t.Errorf("reads went to another member %d times, want %d at most: in turn, many to one", turns, most)
	}
	for id, counts := range reads {
		members := c.ring.Configurations[id-1].Members
		for _, m := range members {
			if counts[m] == 0 {
				t.Errorf("of %d reads none of shard %d went to member %d", total, id, m)
			}
			delete(counts, m)
		}
		if len(counts) > 0 {
			t.Errorf("reads of shard %d went to strangers: %v", id, counts)
		}
	}
}

func TestRefusalWithANewerChainRedirects(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1})
	client := c.open(WithRefresh(time.Hour))
	// Only the refusal tells: the Ring answers stay as they were.
	newest := c.configuration(1, 3, 2)
	c.play(func(n *fakeNode, op *kvpb.Operation) fate {
		if n == c.nodes[2] {
			return fate{}
		}
		f := answer(kvpb.Status_STATUS_REFUSED)
		f.answer.Chain = []*kvpb.Configuration{c.configuration(1, 2, 1), newest}
		return f
	})
	if _, err := client.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if value, err := client.Get(t.Context(), "k"); err != nil || string(value.Data) != "v" {
		t.Fatalf("Get = %+v, %v", value, err)
	}
	if s := c.sightings(opener); len(s) != 2 || s[0].node != c.nodes[0] || s[1].node != c.nodes[2] {
		t.Errorf("the session was asked for %d times, want at the old head and then at the new one", len(s))
	}
	if n := len(c.sightings(put)) + len(c.sightings(get)); n != 2 {
		t.Errorf("after the news it took %d operations for a write and a read, want 2", n)
	}
	if got := client.routes.Load().ring.Shards[0]; got.Epoch != 3 || len(got.Members) != 1 || got.Members[0] != shard.NodeID(102) {
		t.Errorf("the client knows %+v, want epoch 3 with node 102", got)
	}
}

func TestRingTellsWhatTheClusterKnows(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1}, []int{1, 2})
	client := c.open(WithRefresh(time.Hour))
	c.decide(2, 2)
	ring, err := client.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ring.Cluster != "test" || len(ring.Shards) != 2 || len(ring.Nodes) != 3 {
		t.Fatalf("Ring = %+v", ring)
	}
	if s := ring.Shards[1]; s.ID != 2 || s.Epoch != 2 || s.Members[0] != 102 {
		t.Errorf("shard 2 is %+v, want epoch 2 with node 102", s)
	}
	if n, ok := ring.Node(101); !ok || n.Name != "node-1" || n.Address != c.nodes[1].address {
		t.Errorf("Node(101) = %+v, %v", n, ok)
	}
	if _, ok := ring.Node(7); ok {
		t.Error("Node(7) is there")
	}
	for _, n := range c.nodes {
		n.stop()
	}
	again, err := client.Ring(t.Context())
	is(t, err, ErrUnavailable)
	if len(again.Shards) != 2 {
		t.Errorf("without a cluster Ring = %+v, want what was known", again)
	}
}

func TestOpenNeedsOneEndpoint(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1})
	c.nodes[0].stop()
	client, err := Open(t.Context(), []string{c.nodes[0].address, c.nodes[2].address})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
}

func TestOpenSaysWhatEachEndpointSaid(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	c.ring.Cluster = ""
	c.nodes[1].stop()
	_, err := Open(t.Context(), []string{c.nodes[0].address, c.nodes[1].address})
	is(t, err, ErrUnavailable)
	for _, want := range []string{c.nodes[0].address, "belongs to no cluster", c.nodes[1].address, "refused"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts by backlog, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = Open(ctx, []string{l.Addr().String()})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Open = %v, want an ErrUnavailable that names the endpoint", err)
	}
}

func TestOpenRefusesNonsense(t *testing.T) {
	for name, open := range map[string]func() (*Client, error){
		"no endpoints":   func() (*Client, error) { return Open(t.Context(), nil) },
		"no port":        func() (*Client, error) { return Open(t.Context(), []string{"localhost"}) },
		"a bad port":     func() (*Client, error) { return Open(t.Context(), []string{"localhost:http"}) },
		"port 0":         func() (*Client, error) { return Open(t.Context(), []string{"localhost:0"}) },
		"no host":        func() (*Client, error) { return Open(t.Context(), []string{":7001"}) },
		"timeout 0":      func() (*Client, error) { return Open(t.Context(), []string{"h:1"}, WithTimeout(0)) },
		"negative":       func() (*Client, error) { return Open(t.Context(), []string{"h:1"}, WithAttemptTimeout(-1)) },
		"refresh, never": func() (*Client, error) { return Open(t.Context(), []string{"h:1"}, WithRefresh(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			client, err := open()
			is(t, err, ErrInvalid)
			if client != nil {
				t.Error("there is a client beside the error")
			}
		})
	}
}

func TestAnotherClusterIsNotMixedIn(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	other := newCluster(t, 1, []int{0})
	other.ring.Cluster = "other"
	client := c.open(WithRefresh(time.Hour))
	// An address of the cluster is taken over by a node of another one.
	address := c.nodes[1].address
	c.nodes[1].stop()
	other.nodes[0].stop()
	other.nodes[0].start(address)
	c.nodes[0].stop()
	// The first answers may still be of the broken connections.
	for {
		_, err := client.Ring(t.Context())
		if is(t, err, ErrUnavailable); t.Failed() {
			return
		}
		if strings.Contains(err.Error(), "cluster other, not of test") {
			return
		}
	}
}
