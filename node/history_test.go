package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/shard"
)

// TestHistory: what the nodes saw of a loss and of the growth after it is on record.
func TestHistory(t *testing.T) {
	const shards = 4
	began := uint64(time.Now().UnixMicro())
	c := newNodesWith(t, func(cfg *Config) {
		cfg.SuspectAfter, cfg.RegrowAfter = 300*time.Millisecond, 100*time.Millisecond
	}, memory(5)...)
	c.init(c.genesis("test", shards, 2))
	// The longest that any node remembers of each shard.
	remembered := func() (all [shards + 1][]*adminpb.Decision) {
		for id := range all {
			for _, n := range c.nodes {
				if n == nil {
					continue
				}
				if h := n.History(shard.ID(id)); len(h) > len(all[id]) {
					all[id] = h
				}
			}
		}
		return all
	}
	if h := remembered(); len(h[1])+len(h[2])+len(h[3])+len(h[4]) > 0 {
		t.Fatalf("before anything happened it remembers %v", h)
	}
	// By when these are written all have heard of each other, and need no grace.
	cl := c.open(4)
	for i := range 500 {
		if _, err := cl.Put(t.Context(), fmt.Sprint("key-", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	lost := c.victim(shards)
	id := uint64(c.nodes[lost].ID())
	c.stop(lost)
	c.awaitStrength(shards, 2)
	after := remembered()
	shrunk, grown := 0, 0
	for _, h := range after {
		for _, d := range h {
			if d.AtUs < began || d.AtUs > uint64(time.Now().UnixMicro()) || d.By == 0 || d.By == id {
				t.Errorf("decided by %x at %d: %v", d.By, d.AtUs, d)
			}
			if d.Active && (d.Base == nil || d.AllActiveUs == 0) {
				t.Errorf("ACTIVE at all members without a base or the time: %v", d)
			}
			if len(d.Suspicions) == 0 {
				grown++
				continue
			}
			shrunk++
			// A node that stops in good order leaves no evidence.
			if s := d.Suspicions[0]; s.Of != id || s.By == id || s.SilentUs < 300_000 {
				t.Errorf("suspicion %v, want one of %x that was silent for 300 ms", s, id)
			}
		}
	}
	if shrunk == 0 || grown == 0 {
		t.Errorf("remembers %d losses and %d times that a shard grew: %v", shrunk, grown, after)
	}
}
