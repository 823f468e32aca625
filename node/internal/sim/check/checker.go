package check

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Checker watches one simulated cluster. What happens is told by calls; the first violation stays in Violation.
type Checker struct {
	truths []*truth // in the order of the ring
	nodes  map[shard.NodeID]*node
	order  []shard.NodeID
	found  *Violation
	late   int
}

// Violation says which sentence of the package's doc was broken, and how.
type Violation struct {
	Invariant int
	Shard     shard.ID
	Node      shard.NodeID // 0: no single one
	Reason    string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("invariant %d broken in shard %d: %s", v.Invariant, v.Shard, v.Reason)
}

// node is what one node's disk holds, and what the node does in its present life.
type node struct {
	id      shard.NodeID
	written map[uint64]*replica // with what is not durable yet
	durable map[uint64]*replica
	pending []record // written, not durable, in order
	given   map[uint64]uint64
}

// New watches a cluster that begins with these configurations, in the order of the ring.
func New(initial []shard.Configuration, nodes []shard.NodeID) *Checker {
	c := &Checker{nodes: map[shard.NodeID]*node{}, order: slices.Sorted(slices.Values(nodes))}
	for _, n := range nodes {
		c.nodes[n] = &node{id: n, written: map[uint64]*replica{}, durable: map[uint64]*replica{}, given: map[uint64]uint64{}}
	}
	for i, conf := range initial {
		c.truths = append(c.truths, newTruth(conf, initial[(i+1)%len(initial)]))
	}
	return c
}

// Violation is the first that was found, nil while there is none.
func (c *Checker) Violation() *Violation { return c.found }

func (c *Checker) fail(invariant int, id uint64, n shard.NodeID, format string, args ...any) {
	if c.found == nil {
		c.found = &Violation{Invariant: invariant, Shard: shard.ID(id), Node: n, Reason: fmt.Sprintf(format, args...)}
	}
}

func (c *Checker) truth(id uint64) *truth {
	for _, t := range c.truths {
		if t.id == id {
			return t
		}
	}
	return nil
}

// Wrote tells that a node appended a record to its log, behind all others.
func (c *Checker) Wrote(n shard.NodeID, b []byte) {
	rec, err := decodeRecord(b)
	if err != nil || c.truth(rec.shard) == nil {
		c.fail(2, rec.shard, n, "node %d writes what is no record: %v", n, err)
		return
	}
	nd := c.nodes[n]
	r := nd.written[rec.shard]
	if r == nil {
		r = &replica{}
		nd.written[rec.shard] = r
	}
	if invariant, reason := r.acceptable(rec); invariant > 0 {
		c.fail(invariant, rec.shard, n, "node %d %s", n, reason)
		return
	}
	c.chain(n, rec.chain)
	again := rec.kind == recordActivate && rec.epoch == r.active
	r.fold(rec)
	nd.pending = append(nd.pending, rec)
	if again {
		return
	}
	for _, e := range rec.entries {
		c.unique(nd, rec.shard, r.history, e)
	}
}

// unique checks that nobody holds another entry of the same shard, epoch and seqno.
func (c *Checker) unique(nd *node, id uint64, h entries, e entry) {
	for _, other := range c.order {
		r := c.nodes[other].written[id]
		if other == nd.id || r == nil || r.history.last() < e.seqno || r.history[e.seqno-1].epoch != e.epoch {
			continue
		}
		if !r.history.agrees(h, e.seqno) {
			c.fail(2, id, nd.id, "nodes %d and %d hold different entries %d of epoch %d", nd.id, other, e.seqno, e.epoch)
		}
	}
}

// Synced tells that the first n records of a node that were not durable are so now.
func (c *Checker) Synced(n shard.NodeID, records int) {
	nd := c.nodes[n]
	for _, rec := range nd.pending[:records] {
		r := nd.durable[rec.shard]
		if r == nil {
			r = &replica{}
			nd.durable[rec.shard] = r
		}
		before := r.active
		r.fold(rec)
		switch {
		case rec.kind == recordEntry, rec.kind == recordActivate && r.active > before:
			c.progress(nd, c.truth(rec.shard), r)
		}
	}
	nd.pending = slices.Delete(nd.pending, 0, records)
}

// Crashed tells that a node is gone, and that the first n records survive that were not durable.
func (c *Checker) Crashed(n shard.NodeID, survivors int) {
	c.Synced(n, survivors)
	nd := c.nodes[n]
	nd.pending = nil
	for id := range nd.written {
		delete(nd.written, id)
	}
	for id, r := range nd.durable {
		nd.written[id] = &replica{promised: r.promised, active: r.active, history: slices.Clip(r.history)}
	}
	clear(nd.given)
}

// progress takes in that a replica of the shard has more durable.
func (c *Checker) progress(nd *node, t *truth, r *replica) {
	e, last := r.active, r.history.last()
	if t.configuration(e) == nil {
		c.fail(1, t.id, nd.id, "node %d is active in epoch %d, which was not decided", nd.id, e)
		return
	}
	if p := t.persistentBelow(e); last < p || !r.history.agrees(t.history, p) {
		c.fail(3, t.id, nd.id, "node %d is active in epoch %d with a history up to %d, which lacks what was persistent before, up to %d", nd.id, e, last, p)
		return
	}
	t.reach[e-1][nd.id] = last
	p, all := t.reached(e)
	if !all || p <= t.persistent[e-1] {
		return
	}
	t.persistent[e-1] = p
	if common := min(p, t.history.last()); !r.history.agrees(t.history, common) {
		c.fail(3, t.id, nd.id, "what is persistent in epoch %d, up to %d, is not what was persistent before", e, p)
		return
	}
	late := false
	// An entry may become persistent after some members have left for a later epoch.
	for _, other := range c.order {
		o := c.nodes[other].durable[t.id]
		if _, member := t.reach[e-1][other]; member && o.promised > e {
			late = true
		}
		if o != nil && o.active > e && (o.history.last() < p || !o.history.agrees(r.history, p)) {
			c.fail(3, t.id, other, "node %d is active in epoch %d without the entries up to %d, which have become persistent in epoch %d", other, o.active, p, e)
			return
		}
	}
	if late {
		c.late++
	}
	for t.history.last() < p {
		c.extend(t, r.history[t.history.last()])
	}
}

// Late is how often something became persistent in an epoch that a member had left.
func (c *Checker) Late() int { return c.late }

// extend takes the next persistent entry into the truth.
func (c *Checker) extend(t *truth, it item) {
	decided, err := t.extend(it)
	if err != nil {
		c.fail(5, t.id, 0, "persistent entry %d: %v", t.history.last(), err)
		return
	}
	if decided != nil {
		c.truth(decided.shard).decide(*decided)
	}
}

// chain checks that all configurations of a chain were decided, and that the first has been ACTIVE at all its members:
// where a chain begins is what nobody looks behind.
func (c *Checker) chain(n shard.NodeID, chain []configuration) {
	for _, conf := range chain {
		c.decided(n, conf)
	}
	if len(chain) == 0 || c.found != nil {
		return
	}
	t := c.truth(chain[0].shard)
	for _, m := range chain[0].members {
		if !t.wasActive(shard.NodeID(m), chain[0].epoch) {
			c.fail(1, t.id, n, "node %d names a chain of configurations that begins with epoch %d, in which member %d never was active, nor in a later one", n, chain[0].epoch, m)
		}
	}
}

// decided checks that a configuration that somebody names was decided.
func (c *Checker) decided(n shard.NodeID, conf configuration) {
	t := c.truth(conf.shard)
	if t == nil {
		c.fail(1, conf.shard, n, "node %d names a configuration of shard %d, which is not in the ring", n, conf.shard)
		return
	}
	switch d := t.configuration(conf.epoch); {
	case d == nil:
		c.fail(1, t.id, n, "node %d names epoch %d with members %v, which was not decided: the newest is %d", n, conf.epoch, conf.members, len(t.decided))
	case !slices.Equal(d.members, conf.members):
		c.fail(1, t.id, n, "node %d names epoch %d with members %v, decided were %v", n, conf.epoch, conf.members, d.members)
	}
}
