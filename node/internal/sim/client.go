package sim

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/rpc/client/session"
	"github.com/ringward/ringward/shard"
)

const (
	// largestValue is more than some plans let a message, or the work in progress, hold.
	largestValue = 520
	// largestRequest bounds a request as it is counted, with its key and what surrounds it.
	largestRequest = largestValue + 200
)

// client is one caller: what one process knows that uses the SDK.
type client struct {
	w        *world
	group    *clients
	id       int
	known    map[shard.ID]shard.Configuration
	sessions map[shard.ID]*sessions
	open     []*call // not ended
	suspects map[*node]bool
	turns    uint64
	asking   bool // for the ring
	lonely   bool // routes nothing: whatever it asks, it asks anybody, who forwards
	patience moment
	last     bool // no new calls but the last task
}

func newClient(g *clients, id int) *client {
	r := g.w.random.clients
	c := &client{
		w: g.w, group: g, id: id, known: map[shard.ID]shard.Configuration{}, suspects: map[*node]bool{},
		lonely: chance(r, 0.1), patience: oneOf[moment](r, 8, 20, 60) * tick,
	}
	for _, conf := range g.w.genesis.Initial {
		c.known[conf.Shard] = conf
	}
	c.start()
	return c
}

// start begins a life of the client: without sessions.
func (c *client) start() {
	c.sessions = map[shard.ID]*sessions{}
	for _, conf := range c.w.genesis.Initial {
		c.sessions[conf.Shard] = &sessions{client: c, shard: conf.Shard}
	}
}

// crashes lets the client crash now and then, and begin anew: of what it had under way nobody hears again.
func (c *client) crashes() {
	c.w.after(moment(c.w.random.clients.ExpFloat64()*1000/c.group.crash*float64(tick)), func() {
		if c.last || c.w.calm {
			return
		}
		c.w.trace.note(nil, 0, fmt.Sprintf("client %d crashes with %d calls under way", c.id, len(c.open)))
		for len(c.open) > 0 {
			k := c.open[0]
			k.again = false
			k.abandon()
		}
		c.start()
		for range c.w.plan.pipeline {
			c.w.after(c.rest(), c.next)
		}
		c.crashes()
	})
}

// rest is how long a client thinks between two calls.
func (c *client) rest() moment { return between{tick / 10, c.w.plan.rest}.pick(c.w.random.clients) }

// loses reports whether what the client sends now, or is sent, gets lost.
func (c *client) loses() bool { return !c.w.calm && chance(c.w.random.clients, c.w.plan.clientLoss) }

// travels is how long a message from or to the client takes.
func (c *client) travels() moment {
	if c.w.calm {
		return between{1, tick / 10}.pick(c.w.random.clients)
	}
	return c.w.plan.network.pick(c.w.random.clients)
}

// next makes up a call.
func (c *client) next() {
	if c.last {
		return
	}
	r, g, p := c.w.random.clients, c.group, &c.w.plan
	// The first keys are hot.
	key := g.keys[min(r.IntN(len(g.keys)), r.IntN(len(g.keys)))]
	q := shard.Request{Shard: c.w.genesis.Ring.Owner(key), Key: key}
	k := &call{again: true}
	switch x := r.Float64(); {
	case x < p.reads:
		q.Kind, q.Stale = shard.Get, chance(r, 0.1)
	case x < p.reads+p.deletes:
		q.Kind = shard.Delete
		k.identified = true
	default:
		q.Kind = shard.Put
		k.identified = !chance(r, 0.2)
	}
	if q.Kind != shard.Get && chance(r, 0.4) {
		q.If = shard.Condition{Set: true}
		// Version 0 is that of a key that does not exist: a put if absent. The SDK sends no delete of one.
		if absent := chance(r, 0.2); !absent || q.Kind == shard.Delete {
			q.If.Version = g.recent[string(key)]
		}
		q.If.Set = q.Kind == shard.Put || q.If.Version > 0
	}
	k.request = q
	c.call(k)
}

// call begins k.
func (c *client) call(k *call) {
	k.client = c
	if k.request.Kind == shard.Put {
		c.group.values++
		pad := 0
		if chance(c.w.random.clients, 0.03) {
			pad = largestValue - 20
		}
		k.request.Value = fmt.Appendf(nil, "value-%d%*s", c.group.values, pad, "")
	}
	if k.request.Kind == shard.Get || k.request.Kind == shard.OpenSession {
		k.identified = false
	}
	k.begin()
}

// route picks the node for the next attempt of a call.
func (c *client) route(k *call) *node {
	var members []*node
	if !c.lonely {
		for _, m := range c.known[k.request.Shard].Members {
			members = append(members, c.w.node(m))
		}
	}
	c.turns++
	return k.course.Next(members, c.w.nodes, c.turns, func(n *node) bool { return c.suspects[n] })
}

// learn takes a newer configuration. It ends the pauses of the shard's calls, and the waiting for nodes that have no
// part in it: they may hang, and the new members answer from the record.
func (c *client) learn(conf shard.Configuration) {
	if conf.Epoch <= c.known[conf.Shard].Epoch {
		return
	}
	c.known[conf.Shard] = conf
	for _, k := range slices.Clone(c.open) {
		switch {
		case k.request.Shard != conf.Shard:
		case k.attempt != nil && !conf.Has(k.attempt.to.id):
			k.heard = fmt.Sprintf("that node %d was dropped", k.attempt.to.id)
			k.unanswered()
			k.goOn(session.Retry, k.course.Pause())
		case k.pausing:
			c.w.after(0, k.try)
		}
	}
}

// doubt has the client find out about a node.
func (c *client) doubt(n *node) {
	c.w.after(c.travels(), func() { c.consult(n) })
	c.inquire()
}

// inquire asks some nodes for the ring, and the suspects whether they are back.
func (c *client) inquire() {
	if c.asking {
		return
	}
	c.asking = true
	c.w.after(between{tick / 5, 2 * tick}.pick(c.w.random.clients), func() {
		c.asking = false
		for _, n := range c.w.nodes {
			if c.suspects[n] || chance(c.w.random.clients, 0.3) {
				c.consult(n)
			}
		}
		if len(c.suspects) > 0 {
			c.inquire()
		}
	})
}

// refresh is how often a client asks for the ring while nothing seems wrong, and refreshWidth how many nodes: the SDK's ten
// seconds and three. Without it, who is told by a head that was replaced and does not know that it is overloaded would ask there for ever.
const (
	refresh      = 200 * tick
	refreshWidth = 3
)

// keep asks for the ring again and again.
func (c *client) keep() {
	c.w.after(refresh, func() {
		for i, n := range c.w.random.clients.Perm(len(c.w.nodes)) {
			if i < refreshWidth {
				c.consult(c.w.nodes[n])
			}
		}
		c.keep()
	})
}

// consult asks one node for the ring, and notes whether it is any good.
func (c *client) consult(n *node) {
	w := c.w
	if !n.up || n.pausedTo > w.now {
		c.suspects[n] = true
		c.inquire()
		return
	}
	life := n.life
	n.take(func() {
		told := make([]shard.Configuration, 0, len(w.genesis.Initial))
		for _, conf := range w.genesis.Initial {
			told = append(told, n.host.Known(conf.Shard).Newest())
		}
		w.after(c.travels(), func() {
			if n.life == life {
				delete(c.suspects, n)
			}
			for _, conf := range told {
				w.check.Told(c.id, shard.Chain{conf})
				c.learn(conf)
			}
		})
	})
}

// sessions gives the writes of a client to one shard their names: one session at a time, opened when the first
// write wants a name, once for all that wait.
type sessions struct {
	client  *client
	shard   shard.ID
	current *session.Session // nil: none is open
	opening bool
	waiting []*call
}

// begin names k, at once or when a session is open that has room.
func (s *sessions) begin(k *call) {
	s.waiting = append(s.waiting, k)
	if s.current != nil {
		s.admit()
		return
	}
	s.want()
}

// admit names those that wait, as far as the session goes.
func (s *sessions) admit() {
	for s.current != nil && len(s.waiting) > 0 {
		k := s.waiting[0]
		if k.done {
			s.waiting = s.waiting[1:]
			continue
		}
		id, ok := s.current.Begin()
		if !ok {
			return
		}
		s.waiting = s.waiting[1:]
		k.name(s.current, id)
	}
}

// wanted reports whether somebody waits for a session.
func (s *sessions) wanted() bool {
	s.waiting = slices.DeleteFunc(s.waiting, func(k *call) bool { return k.done })
	return len(s.waiting) > 0
}

func (s *sessions) want() {
	if s.current == nil && !s.opening && s.wanted() {
		s.opening = true
		s.client.call(&call{request: shard.Request{Shard: s.shard, Kind: shard.OpenSession}})
	}
}

func (s *sessions) opened(id shard.SessionID) {
	s.opening, s.current = false, session.New(id)
	s.admit()
}

// expire forgets a session that the shard no longer knows.
func (s *sessions) expire(gone *session.Session) {
	if gone != nil && s.current == gone {
		s.current = nil
		s.want()
	}
}
