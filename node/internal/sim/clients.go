package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/shard"
)

// clients are the callers of the cluster. What they decide is decided by the SDK's own session logic; the
// goroutines, timers and connections around it are modelled here.
type clients struct {
	w       *world
	all     []*client
	keys    [][]byte
	values  int
	instant int64 // of the history: rises with every beginning and end of a call
	recent  map[string]shard.Seqno
	record  []*call

	late, echoes float64 // shares of requests that come late, and again
	crash        float64 // how often a client crashes, per thousand ticks
}

func newClients(w *world) *clients {
	r := w.random.clients
	c := &clients{
		w: w, recent: map[string]shard.Seqno{},
		late: oneOf(r, 0, 0.02, 0.1), echoes: oneOf(r, 0, 0.05, 0.2), crash: oneOf[float64](r, 0, 0, 20),
	}
	for i := range w.plan.keys {
		c.keys = append(c.keys, fmt.Appendf(nil, "key-%d", i))
	}
	for i := range w.plan.clients {
		c.all = append(c.all, newClient(c, i))
	}
	return c
}

func (c *clients) begin() {
	for _, cl := range c.all {
		for range c.w.plan.pipeline {
			c.w.after(cl.rest(), cl.next)
		}
		cl.keep()
		if c.crash > 0 {
			cl.crashes()
		}
	}
}

// finish gives every client a last task: to write and read a key of each shard.
func (c *clients) finish() {
	for _, cl := range c.all {
		cl.last = true
	}
	for i, conf := range c.w.genesis.Initial {
		cl := c.all[i%len(c.all)]
		key := c.keyOf(conf.Shard)
		for _, kind := range []shard.RequestKind{shard.Put, shard.Get} {
			cl.call(&call{request: shard.Request{Shard: conf.Shard, Kind: kind, Key: key}, identified: true, must: true})
		}
	}
}

// insist lets clients use the keys of a shard for a while, some in the newest configuration, and some at one node
// that may have been left behind.
func (c *clients) insist(n *node, id shard.ID, lasts moment) {
	r := c.w.random.clients
	var keys [][]byte
	for _, key := range c.keys {
		if c.w.genesis.Ring.Owner(key) == id {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return
	}
	// Those that are told of the newest configuration leave the node in peace.
	var told []*client
	if chance(r, 0.7) {
		told = c.all
	}
	ask := func(at between, make func() *call) {
		cl := c.all[r.IntN(len(c.all))]
		c.w.after(at.pick(r), func() {
			if k := make(); !cl.last && !c.crowded(k.request.Key) {
				cl.call(k)
			}
		})
	}
	for range 6 {
		q := shard.Request{Shard: id, Kind: shard.Get, Key: keys[r.IntN(len(keys))]}
		ask(between{lasts / 3, lasts}, func() *call { return &call{request: q, first: n} })
		q.Kind = shard.Put
		ask(between{0, lasts * 2 / 3}, func() *call {
			epoch, members := c.w.check.Newest(id)
			for _, cl := range told {
				cl.learn(shard.Configuration{Shard: id, Epoch: epoch, Members: members})
			}
			return &call{request: q, identified: true, first: c.w.node(members[0])}
		})
	}
}

// crowded reports whether so many calls of a key are open that more of them would make the search for
// an order of all calls endless.
func (c *clients) crowded(key []byte) bool {
	open := 0
	for _, k := range c.record {
		if !k.done && bytes.Equal(k.request.Key, key) {
			open++
		}
	}
	return open >= 10
}

// keyOf finds a key in a shard's slice.
func (c *clients) keyOf(id shard.ID) []byte {
	for i := 0; ; i++ {
		if key := fmt.Appendf(nil, "last-%d", i); c.w.genesis.Ring.Owner(key) == id {
			return key
		}
	}
}

// calls are those that the checks of what clients were told are about. What has not ended may yet take effect.
func (c *clients) calls() []check.Call {
	var calls []check.Call
	for _, k := range c.record {
		if !k.request.Stale && k.request.Kind != shard.OpenSession {
			call := check.Call{Op: k.op, Request: k.request, Names: k.names}
			if !k.done {
				call.Outcome = history.Unknown
			}
			calls = append(calls, call)
		}
	}
	return calls
}

// ended reports whether all calls have, and the last ones went well.
func (c *clients) ended() bool {
	return !slices.ContainsFunc(c.record, func(k *call) bool { return !k.done || k.failed() })
}

// failed reports whether the call is a last one and did not go well.
func (k *call) failed() bool {
	return k.done && k.must && k.op.Outcome != history.OK && k.op.Outcome != history.NotFound
}

// unfinished describes the calls that have not ended.
func (c *clients) unfinished(b *strings.Builder) {
	for _, k := range c.record {
		switch {
		case !k.done:
			on := "a name from a session"
			if k.attempt != nil {
				on = fmt.Sprintf("an answer of node %d", k.attempt.to.id)
			} else if k.pausing {
				on = "a better moment"
			}
			fmt.Fprintf(b, "client %d waits for %s, shard %d, for %v; last heard: %s\n", k.client.id, on, k.request.Shard, &k.op, k.heard)
		case k.failed():
			fmt.Fprintf(b, "client %d's last call failed: %v; last heard: %s\n", k.client.id, &k.op, k.heard)
		}
	}
}
