package node

import (
	"sync"
	"sync/atomic"

	"github.com/ringward/ringward/rpc"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// proxy is the client proxy that stands beside the replicas of a node: it takes any request and
// forwards writes to the head of their shard, reads to a replica that may serve them. Where this node is
// that head or replica, the request goes no further.
//
// What it knows of configurations are hints. A wrong one costs a refusal, which carries a newer one.
type proxy struct {
	self    shard.NodeID
	ring    sequencer.Ring
	serves  func(shard.ID) bool // whether the contents of a shard can be read here
	forward func(to shard.NodeID, q shard.Request, hops int, traceparent string, answer func(shard.Result))
	turn    atomic.Uint64 // spreads forwarded reads over the members

	mu     sync.RWMutex
	newest map[shard.ID]shard.Configuration
}

// learn takes decided configurations, newest last.
func (p *proxy) learn(chain shard.Chain) {
	c := chain.Newest()
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Epoch > p.newest[c.Shard].Epoch {
		p.newest[c.Shard] = c
	}
}

func (p *proxy) configuration(id shard.ID) shard.Configuration {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.newest[id]
}

// configurations lists the newest known of all shards, in ring order.
func (p *proxy) configurations() []shard.Configuration {
	all := make([]shard.Configuration, len(p.ring))
	for i, s := range p.ring {
		all[i] = p.configuration(s.Shard)
	}
	return all
}

// route forwards an operation, or makes it one for a replica of this node, and reports that.
func (p *proxy) route(op *rpc.Operation) (local bool) {
	to := p.target(p.configuration(op.Shard), op.Request)
	if to == p.self {
		op.Token = done(op.Answer)
		return true
	}
	p.forward(to, op.Request, op.Hops, op.Traceparent, op.Answer)
	return false
}

// target is the node to serve q.
func (p *proxy) target(c shard.Configuration, q shard.Request) shard.NodeID {
	switch {
	case q.Kind == shard.Get && q.Stale && p.serves(q.Shard):
		return p.self
	case q.Kind != shard.Get:
		return c.Head()
	case c.Has(p.self):
		return p.self
	}
	return c.Members[p.turn.Add(1)%uint64(len(c.Members))]
}
