package check

import (
	"github.com/ringward/ringward/shard"
)

// Takes tells that a node takes a message.
func (c *Checker) Takes(n shard.NodeID, m *shard.Message) {
	l := c.nodes[n].lives[uint64(m.Shard)]
	if l == nil || len(m.Entries) == 0 {
		return
	}
	last := uint64(m.Entries[len(m.Entries)-1].Seqno())
	if m.Kind == shard.MsgFed || m.Kind == shard.MsgAppend && m.Link == l.link || m.Kind == shard.MsgHandBack && m.Link.Ask == l.connect {
		l.offered = max(l.offered, last)
	}
}

// Sends tells that a node sends a message to another one, or to itself.
func (c *Checker) Sends(n shard.NodeID, m *shard.Message) {
	id, epoch := uint64(m.Shard), uint64(m.Epoch)
	c.chain(teller{"node", uint64(n)}, foreignChain(m.Chain))
	t := c.truth(id)
	if t == nil || t.configuration(epoch) == nil {
		c.fail(1, id, n, "node %d sends %v of epoch %d, which was not decided", n, m.Kind, m.Epoch)
		return
	}
	for _, b := range m.Entries {
		c.unique(teller{"a message of node", uint64(n)}, id, (&reader{}).entry(b))
	}
	r := c.nodes[n].durable[id]
	if r == nil {
		return // it speaks as the sequencer
	}
	switch m.Kind {
	case shard.MsgConnect, shard.MsgConnected, shard.MsgInherit, shard.MsgHandBack, shard.MsgAppend, shard.MsgAck,
		shard.MsgFence, shard.MsgFenced, shard.MsgFetched, shard.MsgFollow, shard.MsgFed, shard.MsgFollowed:
		if epoch < r.promised {
			c.fail(4, id, n, "node %d sends %v of epoch %d, and has durably promised %d", n, m.Kind, epoch, r.promised)
		}
	}
	switch m.Kind {
	case shard.MsgConnect:
		if l := c.nodes[n].lives[id]; l != nil {
			l.connect = m.Number
		}
	case shard.MsgConnected:
		c.connected(n, c.nodes[n].lives[id], m)
	case shard.MsgAck:
		c.acknowledges(n, t, r, m)
	case shard.MsgFenced:
		if r.active != epoch {
			c.fail(4, id, n, "node %d confirms that it is active in epoch %d, and is durably in %d", n, epoch, r.active)
		}
		c.committed(n, t, m)
		if head := t.configuration(epoch).members[0]; head == uint64(n) && t.activated == epoch && uint64(m.Commit) < t.shown {
			c.fail(7, id, n, "head %d confirms a fence with commit %d, and clients were shown what stands up to %d", n, m.Commit, t.shown)
		}
	case shard.MsgAppend:
		c.committed(n, t, m)
	case shard.MsgFollow:
		if epoch > r.promised {
			c.fail(4, id, n, "node %d learns in epoch %d, and has durably promised %d", n, epoch, r.promised)
		}
	case shard.MsgFed:
		c.committed(n, t, m)
		if r.active != epoch {
			c.fail(4, id, n, "node %d feeds a learner in epoch %d, and is durably active in %d", n, epoch, r.active)
		}
	case shard.MsgFollowed:
		if uint64(m.Last) > r.history.last() {
			c.fail(5, id, n, "node %d has learned up to %d, and has durable %d", n, m.Last, r.history.last())
		}
	case shard.MsgPart:
		if uint64(m.Last) > t.history.last() {
			c.fail(5, id, n, "node %d sends a snapshot at %d, and persistent is %d", n, m.Last, t.history.last())
		}
	case shard.MsgWedged:
		c.wedged(n, r, c.nodes[n].memory[id], m)
	}
}

// connected checks that no handshake is answered that is older than one that was answered before, whatever the order of arrival.
func (c *Checker) connected(n shard.NodeID, l *life, m *shard.Message) {
	if epoch := uint64(m.Epoch); epoch != l.askedEpoch {
		l.asked, l.askedEpoch = 0, epoch
	}
	if m.Link.Ask < l.asked {
		c.fail(2, uint64(m.Shard), n, "node %d answers handshake %d of node %d, and has answered %d", n, m.Link.Ask, m.To, l.asked)
	}
	l.asked, l.link = m.Link.Ask, m.Link
}

// acknowledges checks that what is acknowledged is durable at the sender and at all behind it, each ACTIVE in the epoch.
func (c *Checker) acknowledges(n shard.NodeID, t *truth, r *replica, m *shard.Message) {
	epoch, last := uint64(m.Epoch), uint64(m.Last)
	if r.active != epoch || last > r.history.last() {
		c.fail(5, t.id, n, "node %d acknowledges %d in epoch %d, and has durable %d, active in %d", n, last, epoch, r.history.last(), r.active)
		return
	}
	behind := false
	for _, member := range t.configuration(epoch).members {
		if has, active := t.reach[epoch-1][shard.NodeID(member)]; behind && last > 0 && (!active || has < last) {
			c.fail(5, t.id, n, "node %d acknowledges %d in epoch %d, and node %d behind it has durable %d, active %v", n, last, epoch, member, has, active)
		}
		behind = behind || member == uint64(n)
	}
}

func (c *Checker) committed(n shard.NodeID, t *truth, m *shard.Message) {
	if uint64(m.Commit) > t.history.last() {
		c.fail(5, t.id, n, "node %d tells with %v that %d is committed, and persistent is %d", n, m.Kind, m.Commit, t.history.last())
	}
}

// wedged checks that the answer to a wedge says what is durable: no more, and, until it writes its inheritance, no less.
func (c *Checker) wedged(n shard.NodeID, r, memory *replica, m *shard.Message) {
	id, epoch, active, last := uint64(m.Shard), uint64(m.Epoch), uint64(m.Active), uint64(m.Last)
	switch {
	case m.Unknown:
		c.fail(4, id, n, "node %d denies a replica that it has", n)
	case epoch > r.promised:
		c.fail(4, id, n, "node %d answers a wedge with promise %d, and has durably promised %d", n, epoch, r.promised)
	case memory.learned:
		// Its history moves, by what counts for nothing yet.
		if active != r.active || last > max(r.history.last(), memory.history.last()) {
			c.fail(4, id, n, "node %d answers a wedge with (%d, %d) as a learner, and has durable (%d, %d)", n, active, last, r.active, r.history.last())
		}
	case memory.active < epoch && (active != r.active || last != r.history.last()):
		// Its history stands still.
		c.fail(4, id, n, "node %d answers a wedge with (%d, %d), and has durable (%d, %d)", n, active, last, r.active, r.history.last())
	case active > r.active || active == r.active && last > r.history.last():
		c.fail(4, id, n, "node %d answers a wedge with (%d, %d), and has durable (%d, %d) only", n, active, last, r.active, r.history.last())
	}
}

// Newest is the newest decided configuration of a shard.
func (c *Checker) Newest(id shard.ID) (shard.Epoch, []shard.NodeID) {
	t := c.truth(uint64(id))
	conf := t.decided[len(t.decided)-1]
	var members []shard.NodeID
	for _, m := range conf.members {
		members = append(members, shard.NodeID(m))
	}
	return shard.Epoch(conf.epoch), members
}

// Held reports whether the nodes that are left have, for the newest configuration of a shard, all that was ever persistent: going
// back from it, a member of the first that any of those left was ACTIVE in, and one of each before that.
func (c *Checker) Held(id shard.ID, left func(shard.NodeID) bool) bool {
	t := c.truth(uint64(id))
	for e := len(t.decided); e > 0; e-- {
		some := false
		for _, m := range t.decided[e-1].members {
			if !left(shard.NodeID(m)) {
				continue
			}
			some = true
			if r := c.nodes[shard.NodeID(m)].durable[t.id]; r != nil && r.active >= uint64(e) {
				return true
			}
		}
		if !some {
			return false
		}
	}
	return false
}

// Promised is the newest epoch of a shard that a node has learned of and given to its log.
func (c *Checker) Promised(n shard.NodeID, id shard.ID) shard.Epoch {
	if r := c.nodes[n].holds(uint64(id)); r != nil {
		return shard.Epoch(r.promised)
	}
	return 0
}

// Log is what a replica's log holds durably, and the epoch that its memory is to be ACTIVE in.
type Log struct{ Promised, Active, Activating shard.Epoch }

// Log tells where the log of a node has got to for a shard.
func (c *Checker) Log(n shard.NodeID, id shard.ID) (l Log) {
	if r := c.nodes[n].durable[uint64(id)]; r != nil {
		l = Log{Promised: shard.Epoch(r.promised), Active: shard.Epoch(r.active)}
		l.Activating = shard.Epoch(c.nodes[n].holds(uint64(id)).active)
	}
	return l
}

// Epochs is how many configurations of a shard were decided, and how long its persistent history is.
func (c *Checker) Epochs(id shard.ID) (epochs int, entries int) {
	t := c.truth(uint64(id))
	return len(t.decided), len(t.history)
}

// Ends checks, when all is calm, that every member holds all that was acknowledged.
func (c *Checker) Ends() {
	for _, t := range c.truths {
		conf := t.decided[len(t.decided)-1]
		for _, m := range conf.members {
			n := shard.NodeID(m)
			r := c.nodes[n].durable[t.id]
			if r == nil || r.active != conf.epoch || r.history.last() < t.shown || !r.history.agrees(t.history, t.shown) {
				c.fail(6, t.id, n, "at the end node %d does not hold what was acknowledged, up to %d", n, t.shown)
			}
		}
	}
}
