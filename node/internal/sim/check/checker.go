package check

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Checker watches one simulated cluster. What happens is told by calls; the first violation stays in Violation.
type Checker struct {
	truths []*truth // in the order of the ring
	nodes  map[shard.NodeID]*node
	order  []shard.NodeID
	limits Limits
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

// node is what one node has in memory and on disk. The three are the same history at three moments: what the
// replicas have given out, what the log has been given of it, and what of that is durable.
type node struct {
	id       shard.NodeID
	memory   map[uint64]*replica
	accepted []record // in memory, and not in the log yet
	pending  []record // in the log, and not durable yet
	durable  map[uint64]*replica
	lives    map[uint64]*life
}

// life is what a replica has done since its node came up.
type life struct {
	given  uint64 // the last entry that the applier got
	shown  uint64 // the highest position at which the contents were seen
	commit uint64
	// The handshake it sent last, the link it opened last to its predecessor, and up to where entries
	// were offered to it over either.
	connect shard.Number
	link    shard.Link
	offered uint64
	// The highest number of a predecessor's handshake that it answered, and in which epoch that was.
	asked      shard.Number
	askedEpoch uint64
	// filled is where the snapshot stands that the contents hold, until the replica knows it too.
	filled uint64
	// waits is up to where the applier was given entries of a history that was given up since: it may still be at them,
	// until it clears the contents.
	waits uint64
}

// New watches a cluster that begins with these configurations, in the order of the ring.
func New(initial []shard.Configuration, nodes []shard.NodeID, limits Limits) *Checker {
	c := &Checker{nodes: map[shard.NodeID]*node{}, order: slices.Sorted(slices.Values(nodes)), limits: limits}
	for _, n := range nodes {
		c.nodes[n] = &node{id: n, memory: map[uint64]*replica{}, durable: map[uint64]*replica{}, lives: map[uint64]*life{}}
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

// teller is who or what names something.
type teller struct {
	what   string
	number uint64
}

func (t teller) String() string { return fmt.Sprintf("%s %d", t.what, t.number) }

// Accepts tells what a node's replicas give out to be logged: from here on they have it in memory.
func (c *Checker) Accepts(n shard.NodeID, records []shard.Record) {
	nd := c.nodes[n]
	for i := range records {
		rec, ok := foreignRecord(&records[i])
		if rec.kind == recordPromise && nd.holds(rec.shard) == nil && len(rec.chain) > 0 && c.truth(rec.shard) != nil {
			nd.memory[rec.shard] = &replica{} // it becomes a learner
		}
		r := nd.memory[rec.shard]
		if !ok || r == nil {
			c.fail(2, rec.shard, n, "node %d wants to log what is no record of a replica it has", n)
			return
		}
		if invariant, reason := r.acceptable(&rec, c.truth(rec.shard)); invariant > 0 {
			c.fail(invariant, rec.shard, n, "node %d %s", n, reason)
			return
		}
		c.chain(teller{"node", uint64(n)}, rec.chain)
		again := rec.kind == recordActivate && rec.epoch == r.active || rec.again
		if !again {
			c.offered(nd, &rec)
			c.gives(nd, &rec, r)
		}
		r.fold(&rec)
		nd.accepted = append(nd.accepted, rec)
		if !again {
			for _, e := range rec.entries {
				c.unique(teller{"node", uint64(n)}, rec.shard, e)
			}
		}
	}
}

// gives takes note of a replica that gives up its history for a snapshot, and checks that its contents hold the one
// that it then adopts.
func (c *Checker) gives(nd *node, rec *record, r *replica) {
	l := nd.lives[rec.shard]
	switch {
	case rec.kind != recordFollow:
	case len(rec.lineage) == 0:
		if l != nil {
			l.waits, l.given, l.commit, l.filled = max(l.waits, l.given), 0, 0, 0
		}
	case r.void && (l == nil || l.filled != rec.cut):
		c.fail(5, rec.shard, nd.id, "node %d takes its history to begin at %d, and its contents do not", nd.id, rec.cut)
	}
}

// offered checks that an entry that a replica accepts, and does not number itself, came over a connection that holds.
func (c *Checker) offered(nd *node, rec *record) {
	l := nd.lives[rec.shard]
	switch {
	case l == nil:
	case rec.kind == recordActivate:
		l.offered = 0
	case rec.kind == recordEntry:
		conf := c.truth(rec.shard).configuration(rec.entries[0].epoch)
		if e := rec.entries[0]; conf != nil && conf.members[0] != uint64(nd.id) && e.seqno > l.offered {
			c.fail(2, rec.shard, nd.id, "node %d accepts entry %d, which no connection that holds has brought", nd.id, e.seqno)
		}
	}
}

// unique checks that nobody has another entry of the same shard, epoch and seqno in memory.
func (c *Checker) unique(who teller, id uint64, e entry) {
	for _, other := range c.order {
		r := c.nodes[other].holds(id)
		if r == nil || r.history.last() < e.seqno || r.history[e.seqno-1].epoch != e.epoch {
			continue
		}
		if !bytes.Equal(r.history[e.seqno-1].command, e.command) {
			c.fail(2, id, other, "%v and node %d have different entries %d of epoch %d", who, other, e.seqno, e.epoch)
		}
	}
}

// Wrote tells that a node appended a record to its log, behind all others: the next that it has accepted, or the
// state that a first member of a shard begins with.
func (c *Checker) Wrote(n shard.NodeID, b []byte) {
	rec, err := decodeRecord(b)
	if err != nil || c.truth(rec.shard) == nil {
		c.fail(2, rec.shard, n, "node %d writes what is no record: %v", n, err)
		return
	}
	nd := c.nodes[n]
	if rec.kind == recordState {
		c.begins(nd, rec)
		return
	}
	if len(nd.accepted) == 0 || !nd.accepted[0].equal(&rec) {
		c.fail(2, rec.shard, n, "node %d writes a record of kind %d that is not the next it has accepted", n, rec.kind)
		return
	}
	nd.pending = append(nd.pending, nd.accepted[0])
	nd.accepted = slices.Delete(nd.accepted, 0, 1)
}

// begins takes the state that a log begins with.
func (c *Checker) begins(nd *node, rec record) {
	c.chain(teller{"node", uint64(nd.id)}, rec.chain)
	if nd.holds(rec.shard) != nil {
		c.fail(2, rec.shard, nd.id, "node %d begins a replica anew that it has", nd.id)
		return
	}
	nd.memory[rec.shard] = &replica{promised: rec.promise(), active: rec.epoch}
	nd.pending = append(nd.pending, rec)
}

// holds is what the node has of a replica: in memory, or on disk while it is down.
func (nd *node) holds(id uint64) *replica {
	if r := nd.memory[id]; r != nil {
		return r
	}
	return nd.durable[id]
}

// Synced tells that the first n records of a node's log that were not durable are so now.
func (c *Checker) Synced(n shard.NodeID, records int) {
	nd := c.nodes[n]
	for i := range nd.pending[:records] {
		rec := &nd.pending[i]
		r := nd.durable[rec.shard]
		if r == nil {
			r = &replica{}
			nd.durable[rec.shard] = r
		}
		before := r.active
		r.fold(rec)
		switch {
		case rec.kind == recordEntry && r.active == r.promised, rec.kind == recordActivate && r.active > before:
			c.progress(nd, c.truth(rec.shard), r)
		}
	}
	nd.pending = slices.Delete(nd.pending, 0, records)
}

// Crashed tells that a node is gone, with all that it had in memory.
func (c *Checker) Crashed(n shard.NodeID) {
	nd := c.nodes[n]
	nd.accepted = nil
	clear(nd.memory)
	clear(nd.lives)
}

// Survives tells that a node comes up, and finds the first n of the records in its log that were not durable.
func (c *Checker) Survives(n shard.NodeID, records int) {
	nd := c.nodes[n]
	if nd == nil {
		return // what starts in an emptied directory is a new node
	}
	c.Synced(n, records)
	nd.pending = nil
	for id, r := range nd.durable {
		copied := *r
		copied.history = slices.Clip(r.history)
		nd.memory[id] = &copied
	}
}

// progress takes in that a replica of the shard has more durable.
func (c *Checker) progress(nd *node, t *truth, r *replica) {
	e, last := r.active, r.history.last()
	if t.configuration(e) == nil {
		c.fail(1, t.id, nd.id, "node %d is active in epoch %d, which was not decided", nd.id, e)
		return
	}
	t.activated = max(t.activated, e)
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
		if o != nil && o.active > e && !o.learned && (o.history.last() < p || !o.history.agrees(r.history, p)) {
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
	for _, conf := range decided {
		c.decides("the register", conf)
	}
}

// Rules tells that an operator's ruling is in force: its configurations count as decided.
func (c *Checker) Rules(chain shard.Chain) {
	for _, conf := range foreignChain(chain) {
		c.decides("an operator", conf)
	}
}

// decides takes a decision into the truth. What an operator ruled comes to be in the register later.
func (c *Checker) decides(who string, conf configuration) {
	t := c.truth(conf.shard)
	switch d := t.configuration(conf.epoch); {
	case d != nil && !d.equal(conf):
		c.fail(1, t.id, 0, "%s decides epoch %d with members %v, and decided is %v", who, conf.epoch, conf.members, d.members)
	case d == nil:
		t.decide(conf)
	}
}

// chain checks that all configurations of a chain were decided, and that the first has been ACTIVE at all its members:
// where a chain begins is what nobody looks behind.
func (c *Checker) chain(who teller, chain []configuration) {
	for _, conf := range chain {
		c.decided(who, conf)
	}
	if len(chain) == 0 || c.found != nil {
		return
	}
	t := c.truth(chain[0].shard)
	for _, m := range chain[0].members {
		if !t.wasActive(shard.NodeID(m), chain[0].epoch) {
			c.fail(1, t.id, 0, "%v names a chain of configurations that begins with epoch %d, in which member %d never was active, nor in a later one", who, chain[0].epoch, m)
		}
	}
}

// decided checks that a configuration that somebody names was decided.
func (c *Checker) decided(who teller, conf configuration) {
	t := c.truth(conf.shard)
	if t == nil {
		c.fail(1, conf.shard, 0, "%v names a configuration of shard %d, which is not in the ring", who, conf.shard)
		return
	}
	switch d := t.configuration(conf.epoch); {
	case d == nil:
		c.fail(1, t.id, 0, "%v names epoch %d with members %v, which was not decided: the newest is %d", who, conf.epoch, conf.members, len(t.decided))
	case !slices.Equal(d.members, conf.members):
		c.fail(1, t.id, 0, "%v names epoch %d with members %v, decided were %v", who, conf.epoch, conf.members, d.members)
	}
}

// Learns tells that a node hears of a chain by gossip.
func (c *Checker) Learns(n shard.NodeID, chain shard.Chain) {
	c.chain(teller{"the gossip that reaches node", uint64(n)}, foreignChain(chain))
}

// Told tells that a client hears of the newest of a chain.
func (c *Checker) Told(client int, chain shard.Chain) {
	for _, conf := range chain {
		c.decided(teller{"an answer to client", uint64(client)}, foreign(conf))
	}
}
