package client

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringward/ringward/rpc/kvpb"
)

// Thousands of calls under way take their callers' goroutines and no others.
func TestACallTakesNoGoroutine(t *testing.T) {
	c := newCluster(t, 2, []int{0, 1})
	client := c.open()
	if _, err := client.Put(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	for range 4 { // streams to both members are there
		if _, err := client.Get(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	const calls = 2000
	before := runtime.NumGoroutine()
	c.play(always(put, fate{silent: true}))
	var callers sync.WaitGroup
	for i := range calls {
		callers.Go(func() { _, _ = client.Put(t.Context(), fmt.Sprint(i), nil) })
	}
	c.await(put, calls+1)
	// The keeper may ask a few nodes at this moment.
	if more := runtime.NumGoroutine() - before - calls; more > 20 {
		t.Errorf("%d calls run %d goroutines besides their callers", calls, more)
	}
	client.Close()
	callers.Wait()
}

// Callers that share a client share streams: one per node.
func TestOneStreamPerNode(t *testing.T) {
	c := newCluster(t, 3, []int{0, 1}, []int{1, 2}, []int{2, 0})
	client := c.open()
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			for k := range 10 {
				key := fmt.Sprint(i, "/", k)
				if _, err := client.Put(t.Context(), key, []byte(key)); err != nil {
					t.Error(err)
				}
				if value, err := client.Get(t.Context(), key); err != nil || string(value.Data) != key {
					t.Errorf("Get(%q) = %q, %v", key, value.Data, err)
				}
			}
		})
	}
	callers.Wait()
	for _, n := range c.nodes {
		if s := n.streams.Load(); s != 1 {
			t.Errorf("node %d saw %d streams, want 1", n.id, s)
		}
	}
}

// What a caller does with its buffer after a call is its own business.
func TestAValueIsFreeWhenPutReturns(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open()
	var wrong atomic.Int64
	c.play(func(_ *fakeNode, op *kvpb.Operation) fate {
		for _, b := range op.Value {
			if b != op.Value[0] {
				wrong.Add(1)
			}
		}
		return fate{}
	})
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			value := make([]byte, 10_000)
			for round := range 20 {
				for k := range value {
					value[k] = byte(round)
				}
				if _, err := client.Put(t.Context(), fmt.Sprint(i), value); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d bytes arrived that were not those of the call", n)
	}
}
