package sim

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/shard"
)

// clients are the callers of the cluster: each a plain model of the SDK, which routes by what refusals
// taught it, keeps a session per shard, and asks again under the same identity when it does not know.
type clients struct {
	w       *world
	all     []*client
	keys    [][]byte
	values  int
	instant int64 // of the history: rises with every beginning and end of a call
	recent  map[string]shard.Seqno
	record  []*call
}

func newClients(w *world) *clients {
	c := &clients{w: w, recent: map[string]shard.Seqno{}}
	for i := range w.plan.keys {
		c.keys = append(c.keys, fmt.Appendf(nil, "key-%d", i))
	}
	for i := range w.plan.clients {
		cl := &client{w: w, group: c, id: i, known: map[shard.ID]shard.Chain{}, sessions: map[shard.ID]*session{}}
		for _, conf := range w.genesis.Initial {
			cl.known[conf.Shard] = shard.Chain{conf}
			cl.sessions[conf.Shard] = &session{}
		}
		c.all = append(c.all, cl)
	}
	return c
}

func (c *clients) begin() {
	for _, cl := range c.all {
		for range c.w.plan.pipeline {
			c.w.after(cl.rest(), cl.next)
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
				cl.learn(shard.Chain{{Shard: id, Epoch: epoch, Members: members}})
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

// calls are those that the check of linearizability is about.
func (c *clients) calls() []check.Call {
	var calls []check.Call
	for _, k := range c.record {
		if !k.request.Stale && k.request.Kind != shard.OpenSession {
			calls = append(calls, check.Call{Op: k.op, Request: k.request})
		}
	}
	return calls
}

// unfinished describes the calls that have not ended.
func (c *clients) unfinished(b *strings.Builder) {
	for _, k := range c.record {
		switch {
		case !k.done:
			fmt.Fprintf(b, "client %d waits for %v; last heard: %s\n", k.client.id, &k.op, k.heard)
		case k.must && k.op.Outcome != history.OK && k.op.Outcome != history.NotFound:
			fmt.Fprintf(b, "client %d's last call failed: %v; last heard: %s\n", k.client.id, &k.op, k.heard)
		}
	}
}

// client is one caller.
type client struct {
	w        *world
	group    *clients
	id       int
	known    map[shard.ID]shard.Chain
	sessions map[shard.ID]*session
	last     bool // no new calls but the last task
}

// session is a client's on one shard.
type session struct {
	id      shard.SessionID // 0: not open
	opening bool
	waiting []*call // for it to be open
	ops     uint64
	open    []uint64 // unanswered, rising
}

// rest is how long a client thinks between two calls.
func (c *client) rest() moment { return between{tick / 10, c.w.plan.rest}.pick(c.w.random.clients) }

// next makes up a call.
func (c *client) next() {
	if c.last {
		return
	}
	r := c.w.random.clients
	g := c.group
	// The first keys are hot.
	key := g.keys[min(r.IntN(len(g.keys)), r.IntN(len(g.keys)))]
	q := shard.Request{Shard: c.w.genesis.Ring.Owner(key), Key: key}
	k := &call{identified: true, again: true}
	switch p := r.Float64(); {
	case p < c.w.plan.reads:
		q.Kind, q.Stale = shard.Get, chance(r, 0.1)
	case p < c.w.plan.reads+c.w.plan.deletes:
		q.Kind = shard.Delete
	default:
		q.Kind = shard.Put
		k.identified = !chance(r, 0.2)
	}
	if q.Kind != shard.Get && chance(r, 0.4) {
		q.If = shard.Condition{Set: true}
		if !chance(r, 0.2) {
			q.If.Version = g.recent[string(key)]
		}
	}
	k.request = q
	c.call(k)
}

// call begins k, after the session is open where it needs one.
func (c *client) call(k *call) {
	k.client = c
	s := c.sessions[k.request.Shard]
	if k.request.Kind == shard.Put && k.request.Value == nil {
		c.group.values++
		k.request.Value = fmt.Appendf(nil, "value-%d", c.group.values)
	}
	if k.request.Kind == shard.Get || k.request.Kind == shard.OpenSession {
		k.identified = false
	}
	if k.identified {
		if s.id == 0 {
			s.waiting = append(s.waiting, k)
			c.openSession(k.request.Shard)
			return
		}
		s.ops++
		k.request.Identity = shard.Identity{Session: s.id, Op: s.ops}
		s.open = append(s.open, s.ops)
	}
	k.begin()
}

func (c *client) openSession(id shard.ID) {
	if s := c.sessions[id]; !s.opening {
		s.opening = true
		c.call(&call{request: shard.Request{Shard: id, Kind: shard.OpenSession}})
	}
}

// opened goes on with what waited for the session.
func (c *client) opened(id shard.ID, session shard.SessionID) {
	s := c.sessions[id]
	s.opening, s.id, s.ops, s.open = false, session, 0, nil
	waiting := s.waiting
	s.waiting = nil
	for _, k := range waiting {
		if session == 0 {
			// It could not be opened: nothing was asked for yet.
			if k.must {
				c.call(k)
			} else if k.again {
				c.w.after(c.rest(), c.next)
			}
			continue
		}
		c.call(k)
	}
}

// learn takes what an answer tells of the configurations.
func (c *client) learn(chain shard.Chain) {
	if n := chain.Newest(); n.Epoch > c.known[n.Shard].Newest().Epoch {
		c.known[n.Shard] = chain
	}
}

// target picks the node to ask: the head for a write, any member for a read, and anybody now and then, more
// often where that was tried before.
func (c *client) target(q *shard.Request, again bool) *node {
	r := c.w.random.clients
	conf := c.known[q.Shard].Newest()
	switch {
	case chance(r, 0.05) || again && chance(r, 0.4):
		return c.w.nodes[r.IntN(len(c.w.nodes))]
	case q.Kind == shard.Get:
		return c.w.node(conf.Members[r.IntN(len(conf.Members))])
	}
	return c.w.node(conf.Head())
}
