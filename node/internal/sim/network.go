package sim

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/ringward/ringward/shard"
)

// network is what lies between the nodes: for each pair, direction and kind of traffic a connection. It keeps the
// order of what it carries, takes its time, and loses only what was under way when it broke; of that, a first
// part may still arrive, beside what comes over the next connection. So may, at any time, any of what a broken connection
// carried last, also what had arrived: its sender cannot know, and may have sent it again.
type network struct {
	w     *world
	links map[route]*link
	cut   map[route]int // by how many faults: what is sent waits
	slow  map[way]slowness
}

// way leads from one node to another.
type way struct{ from, to shard.NodeID }

// slowness is what a way from one node to another takes beyond the usual, until some moment.
type slowness struct {
	until moment
	extra between
}

type route struct {
	from, to shard.NodeID
	traffic  shard.Traffic
}

type link struct {
	route
	underway []*packet // in order
	clear    moment    // when the last of them arrives
	waiting  []*packet // sent while the route is cut
	open     int       // the life of the receiver that it is open to; 0: it has to be opened
	came     []*packet // that arrived over the present connection: the last of them
	old      []*packet // of broken connections, arrived or not: the last of them
}

// oldPackets bounds what a link remembers of the packets that may come again.
const oldPackets = 24

// packet is a message or a heartbeat under way.
type packet struct {
	message *shard.Message // nil: a heartbeat
	sent    shard.Message  // as it was then
	stalled int
	life    int  // of the receiver, when it was sent
	opens   bool // it is the first that comes over this connection
	arrive  moment
	lost    bool
}

func (l *link) way() way { return way{l.from, l.to} }

func newNetwork(w *world) *network {
	return &network{w: w, links: map[route]*link{}, cut: map[route]int{}, slow: map[way]slowness{}}
}

func (n *network) link(r route) *link {
	l := n.links[r]
	if l == nil {
		l = &link{route: r}
		n.links[r] = l
	}
	return l
}

func (n *network) send(from *node, m shard.Message) {
	n.carry(n.link(route{m.From, m.To, m.Kind.Traffic()}), &packet{message: &m, sent: clone(m)})
}

func (n *network) beat(from *node, to shard.NodeID, stalled int) {
	n.carry(n.link(route{from.id, to, shard.ControlTraffic}), &packet{stalled: stalled})
}

func (n *network) carry(l *link, p *packet) {
	if n.cut[l.route] > 0 {
		l.waiting = append(l.waiting, p)
		return
	}
	to := n.w.node(l.to)
	if !to.up {
		return // nobody to connect to
	}
	p.life, p.opens = to.life, l.open != to.life
	l.open = to.life
	p.arrive = max(l.clear, n.w.now+n.delay()+n.slowed(l))
	l.clear = p.arrive
	l.underway = append(l.underway, p)
	n.w.after(p.arrive-n.w.now, func() { n.arrive(l, p) })
}

func (n *network) delay() moment {
	p := &n.w.plan
	if n.w.calm {
		return min(p.network.pick(n.w.random.network), tick/10)
	}
	if chance(n.w.random.network, p.slow) {
		return between{0, p.slowest}.pick(n.w.random.network)
	}
	return p.network.pick(n.w.random.network)
}

// slowed is what a connection takes beyond the usual.
func (n *network) slowed(l *link) moment {
	s, ok := n.slow[l.way()]
	if !ok || s.until < n.w.now || n.w.calm {
		return 0
	}
	return s.extra.pick(n.w.random.network)
}

func (n *network) arrive(l *link, p *packet) {
	if i := slices.Index(l.underway, p); i >= 0 {
		l.underway = slices.Delete(l.underway, i, i+1)
	}
	to := n.w.node(l.to)
	if p.lost || !to.up || to.life != p.life {
		return
	}
	if p.opens {
		to.take(func() { to.host.Appeared(l.from) })
	}
	hears := n.w.now >= to.deafTo
	if p.message == nil {
		if hears {
			to.take(func() { to.host.Heard(l.from, p.stalled) })
		}
		return
	}
	if !reflect.DeepEqual(*p.message, p.sent) {
		n.w.fail(0, p.sent.Shard, "node %d changed a message of kind %v after it was sent", l.from, p.sent.Kind)
		return
	}
	l.came = append(l.came, p)
	if len(l.came) > 2*oldPackets {
		l.came = slices.Delete(l.came, 0, oldPackets)
	}
	to.take(func() {
		if hears {
			to.host.Spoke(l.from)
		}
		to.step(p.sent)
	})
}

// replay lets some of what a link's broken connections carried arrive once more.
func (n *network) replay(l *link, r *rand.Rand) {
	if len(l.old) == 0 {
		return
	}
	first := r.IntN(len(l.old))
	again := l.old[first : first+1+r.IntN(min(len(l.old)-first, 8))]
	late := n.w.now
	n.w.trace.note(n.w.node(l.from), 0, fmt.Sprintf("to node %d: %d messages of an old connection come again", l.to, len(again)))
	for _, p := range again {
		copied := *p
		copied.lost, copied.opens = false, false
		late += between{0, oneOf(r, tick/10, tick, 5*tick)}.pick(r)
		n.w.after(late-n.w.now, func() {
			if to := n.w.node(l.to); !n.w.calm && to.up && to.life == copied.life {
				to.take(func() { to.step(copied.sent) })
			}
		})
	}
}

// reset breaks a connection. What was under way is lost from some point on; what was before that point arrives
// late, and no longer in order with what is sent from now on. The sender notices some time later, or never.
func (n *network) reset(l *link) {
	r := n.w.random.network
	keep := 0
	if chance(r, 0.5) {
		keep = r.IntN(len(l.underway) + 1)
	}
	late := n.w.now
	if chance(r, 0.3) && !n.w.calm {
		late += between{0, 10 * tick}.pick(r)
	}
	for i, p := range l.underway {
		p.lost = true
		if i >= keep {
			continue
		}
		again := *p
		again.lost = false
		late = max(late, p.arrive) + n.delay()
		n.w.after(late-n.w.now, func() { n.arrive(l, &again) })
	}
	for _, p := range append(l.came, l.underway...) {
		if p.message != nil {
			l.old = append(l.old, p)
		}
	}
	l.old = slices.Delete(l.old, 0, max(0, len(l.old)-oldPackets))
	l.underway, l.clear, l.open, l.came = nil, n.w.now, 0, nil
	l.waiting = nil
	n.noticed(l)
}

// noticed tells the sender that its connection broke, as production does for the chain.
func (n *network) noticed(l *link) {
	r := n.w.random.network
	if l.traffic != shard.ChainTraffic || chance(r, 0.1) {
		return
	}
	from := n.w.node(l.from)
	life := from.life
	n.w.after(between{0, 2 * tick}.pick(r), func() {
		if from.up && from.life == life {
			from.take(func() { from.host.Reconnect(l.to) })
		}
	})
}

// crashed breaks all connections of a node. What others sent it is lost; of what it sent, a first part arrives.
func (n *network) crashed(dead *node) {
	for _, l := range n.sorted() {
		if l.from == dead.id || l.to == dead.id {
			n.reset(l)
		}
	}
}

// sorted lists the connections in a fixed order.
func (n *network) sorted() []*link {
	var all []*link
	for from := range n.w.nodes {
		for to := range n.w.nodes {
			for t := range shard.Traffics {
				if l := n.links[route{shard.NodeID(from + 1), shard.NodeID(to + 1), t}]; l != nil {
					all = append(all, l)
				}
			}
		}
	}
	return all
}

// all are the routes of a way.
func (w way) all() []route {
	return []route{{w.from, w.to, shard.ChainTraffic}, {w.from, w.to, shard.ControlTraffic}, {w.from, w.to, shard.TransferTraffic}}
}

// part cuts routes, beside what others may have done to them.
func (n *network) part(routes []route) {
	for _, r := range routes {
		n.cut[r]++
	}
}

// heal takes a cut of these routes back. Where nothing else cuts one, what waited comes through, or, unless all of it
// was only held, the connection was lost over it.
func (n *network) heal(routes []route, whole bool) {
	for _, r := range routes {
		n.cut[r]--
		if l := n.links[r]; n.cut[r] == 0 && l != nil && len(l.waiting) > 0 {
			n.resume(l, whole)
		}
	}
}

func (n *network) resume(l *link, whole bool) {
	if !whole && chance(n.w.random.network, 0.6) {
		n.reset(l)
		return
	}
	waiting := l.waiting
	l.waiting = nil
	for _, p := range waiting {
		n.carry(l, p)
	}
}

// gossip spreads a hint to some others.
func (n *network) gossip(from *node, chain shard.Chain) {
	for _, to := range n.w.nodes {
		if to != from && !chance(n.w.random.network, 0.5) {
			n.hint(from, to, chain)
		}
	}
}

// exchangeEvery is how often a node tells another all that it knows, in ticks: whom a hint did not reach hears of it then.
const exchangeEvery = 100

// exchange tells some other node all that one knows.
func (n *network) exchange(from *node) {
	to := n.w.nodes[n.w.random.network.IntN(len(n.w.nodes))]
	if to == from || !to.up {
		return
	}
	for _, c := range n.w.genesis.Initial {
		if chain := from.host.Known(c.Shard); chain.Newest().Epoch > to.host.Known(c.Shard).Newest().Epoch {
			n.hint(from, to, chain)
		}
	}
}

// hint brings a node decided configurations, unless it is out of reach.
func (n *network) hint(from, to *node, chain shard.Chain) {
	if n.cut[route{from.id, to.id, shard.ControlTraffic}] > 0 {
		return
	}
	n.w.after(between{tick / 10, 3 * tick}.pick(n.w.random.network), func() {
		if to.up {
			to.take(func() {
				n.w.check.Learns(to.id, chain)
				n.w.rare.hint(to, chain)
				to.host.Learn(chain)
			})
		}
	})
}

// clone copies a message as the wire would.
func clone(m shard.Message) shard.Message {
	m.Lineage = slices.Clone(m.Lineage)
	m.Suspects, m.Took = slices.Clone(m.Suspects), slices.Clone(m.Took)
	m.Chain = slices.Clone(m.Chain)
	for i := range m.Chain {
		m.Chain[i].Members = slices.Clone(m.Chain[i].Members)
	}
	m.Key, m.Data = slices.Clone(m.Key), slices.Clone(m.Data)
	m.Entries = slices.Clone(m.Entries)
	for i := range m.Entries {
		m.Entries[i] = slices.Clone(m.Entries[i])
	}
	return m
}
