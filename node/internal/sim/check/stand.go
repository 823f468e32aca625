package check

import (
	"github.com/ringward/ringward/shard"
)

// Limits are the bounds that the nodes were told.
type Limits struct {
	InFlightBytes int // of entries numbered and not applied, and of requests held
	RequestBytes  int // of the largest request: one that is larger than InFlightBytes travels alone
	WaitingReads  int
}

// wedgesPerNode is how many wedges of one node may wait for a promise to be durable.
const wedgesPerNode = 2

// ownBytes bounds the commands that a head adds of the ring's own accord, which no limit holds back: decisions,
// and the end of as many sessions as one command may name.
const ownBytes = 8 << 10

// Stands tells where a replica says that it stands, after its node has done what there was to do.
func (c *Checker) Stands(n shard.NodeID, s *shard.Standing) {
	id := uint64(s.Configuration.Shard)
	nd, t := c.nodes[n], c.truth(id)
	if t == nil {
		c.fail(1, id, n, "node %d hosts shard %d, which is not in the ring", n, id)
		return
	}
	m, d, l := nd.memory[id], nd.durable[id], nd.lives[id]
	if d == nil {
		d = &replica{} // a learner, whose promise is not durable yet
	}
	if m == nil || l == nil {
		c.fail(4, id, n, "node %d hosts a replica of which its disk knows nothing", n)
		return
	}
	c.decided(teller{"the memory of node", uint64(n)}, foreign(s.Configuration))
	epoch, active := uint64(s.Configuration.Epoch), uint64(s.Active)
	last, durable, commit := uint64(s.Last), uint64(s.Durable), uint64(s.Commit)
	if l.filled > 0 && commit >= l.filled && !d.void {
		l.given, l.filled = max(l.given, l.filled), 0
	}
	switch {
	case epoch != m.promised || epoch < d.promised:
		c.fail(4, id, n, "node %d goes by epoch %d, and has promised %d, durably %d", n, epoch, m.promised, d.promised)
	case active > d.active || s.State == shard.Active && active != epoch:
		c.fail(4, id, n, "node %d says it is %v with epoch %d, active in %d, and is durably in %d", n, s.State, epoch, active, d.active)
	case last != m.history.last():
		c.fail(5, id, n, "node %d says its history ends at %d, and has logged up to %d", n, last, m.history.last())
	case durable > d.history.last():
		c.fail(5, id, n, "node %d says that %d is durable, and on its disk is %d", n, durable, d.history.last())
	case commit < l.commit:
		c.fail(5, id, n, "commit of node %d falls from %d to %d", n, l.commit, commit)
	case commit != l.given:
		c.fail(5, id, n, "commit of node %d is %d, and its applier was given up to %d", n, commit, l.given)
	case commit > t.history.last() || commit > d.history.last():
		c.fail(5, id, n, "commit of node %d is %d, persistent is %d, durable %d", n, commit, t.history.last(), d.history.last())
	}
	l.commit = commit
	if s.State == shard.Active && s.Synced {
		c.synced(n, t, m, epoch)
	}
	c.bounded(n, s)
}

// synced checks that a replica that says it has all it ever accepted in an epoch has what those behind it have.
func (c *Checker) synced(n shard.NodeID, t *truth, m *replica, epoch uint64) {
	conf := t.configuration(epoch)
	if conf == nil {
		return
	}
	behind := false
	for _, member := range conf.members {
		if o := c.nodes[shard.NodeID(member)].holds(t.id); behind && o != nil && o.active == epoch && !o.learned &&
			(o.history.last() > m.history.last() || !o.history.agrees(m.history, o.history.last())) {
			c.fail(2, t.id, n, "node %d is synced with entries up to %d, and node %d behind it has other ones, up to %d", n, m.history.last(), member, o.history.last())
		}
		behind = behind || member == uint64(n)
	}
}

// bounded checks what the replica has gathered.
func (c *Checker) bounded(n shard.NodeID, s *shard.Standing) {
	members := len(s.Configuration.Members)
	uncommitted := int(s.Last - s.Commit)
	for _, q := range []struct {
		what        string
		has, atMost int
	}{
		{"bytes in flight", s.Load.InFlightBytes, max(c.limits.InFlightBytes, c.limits.RequestBytes) + ownBytes},
		{"bytes held", s.Load.HeldBytes, c.limits.InFlightBytes},
		{"reads waiting", s.Load.Reads, c.limits.WaitingReads},
		{"fences to confirm", s.Load.Fences, members - 1},
		{"wedges to answer", s.Load.Wedges, wedgesPerNode * len(c.order)},
		{"callers waiting", s.Load.Callers, uncommitted},
		{"traces", s.Load.Traces, uncommitted},
	} {
		if q.has > q.atMost {
			c.fail(Bounds, uint64(s.Configuration.Shard), n, "node %d has %d %s, and may have %d", n, q.has, q.what, q.atMost)
		}
	}
}
