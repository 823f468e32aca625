package check

import (
	"bytes"
	"iter"

	"github.com/ringward/ringward/shard"
)

// Sends tells that a node sends a message to another one, or to itself.
func (c *Checker) Sends(n shard.NodeID, m *shard.Message) {
	id := uint64(m.Shard)
	chain := make([]configuration, len(m.Chain))
	for i, conf := range m.Chain {
		chain[i] = foreign(conf)
	}
	c.chain(n, chain)
	t := c.truth(id)
	if t == nil || t.configuration(uint64(m.Epoch)) == nil {
		c.fail(1, id, n, "node %d sends %v of epoch %d, which was not decided", n, m.Kind, m.Epoch)
		return
	}
	r := c.nodes[n].durable[id]
	if r == nil {
		return // it speaks as the sequencer
	}
	epoch := uint64(m.Epoch)
	switch m.Kind {
	case shard.MsgConnect, shard.MsgConnected, shard.MsgInherit, shard.MsgHandBack, shard.MsgAppend, shard.MsgAck, shard.MsgFence, shard.MsgFenced:
		if epoch < r.promised {
			c.fail(4, id, n, "node %d sends %v of epoch %d, and has durably promised %d", n, m.Kind, epoch, r.promised)
		}
	}
	switch m.Kind {
	case shard.MsgAck:
		if r.active != epoch || uint64(m.Last) > r.history.last() {
			c.fail(5, id, n, "node %d acknowledges %d in epoch %d, and has durable %d, active in %d", n, m.Last, epoch, r.history.last(), r.active)
		}
	case shard.MsgFenced:
		if r.active != epoch {
			c.fail(4, id, n, "node %d confirms that it is active in epoch %d, and is durably in %d", n, epoch, r.active)
		}
		c.committed(n, t, m)
	case shard.MsgAppend:
		c.committed(n, t, m)
	case shard.MsgWedged:
		switch active := uint64(m.Active); {
		case m.Unknown:
			c.fail(4, id, n, "node %d denies a replica that it has", n)
		case epoch > r.promised:
			c.fail(4, id, n, "node %d answers a wedge with promise %d, and has durably promised %d", n, epoch, r.promised)
		case active > r.active || active == r.active && uint64(m.Last) > r.history.last():
			c.fail(4, id, n, "node %d answers a wedge with (%d, %d), and has durable (%d, %d)", n, active, m.Last, r.active, r.history.last())
		}
	}
}

func (c *Checker) committed(n shard.NodeID, t *truth, m *shard.Message) {
	if uint64(m.Commit) > t.history.last() {
		c.fail(5, t.id, n, "node %d tells with %v that %d is committed, and persistent is %d", n, m.Kind, m.Commit, t.history.last())
	}
}

// Boots tells from which position a node goes on to apply, and its contents there.
func (c *Checker) Boots(n shard.NodeID, id shard.ID, applied shard.Seqno, stored iter.Seq2[[]byte, []byte]) {
	c.nodes[n].given[uint64(id)] = uint64(applied)
	c.Shows(n, id, applied, stored)
}

// Works tells that a node gives its applier an entry to apply, or a read to serve.
func (c *Checker) Works(n shard.NodeID, w *shard.Work, stale bool) {
	id := uint64(w.Shard)
	nd, t := c.nodes[n], c.truth(id)
	r := nd.durable[id]
	if r.promised > r.active && !stale {
		c.fail(4, id, n, "node %d commits or reads in epoch %d, and has durably promised %d", n, r.active, r.promised)
		return
	}
	if w.Entry == nil {
		return
	}
	seqno := uint64(w.Entry.Seqno())
	switch {
	case seqno != nd.given[id]+1:
		c.fail(5, id, n, "node %d applies entry %d after %d", n, seqno, nd.given[id])
	case seqno > t.history.last():
		c.fail(5, id, n, "node %d commits entry %d, and persistent is %d", n, seqno, t.history.last())
	case t.history[seqno-1].epoch != uint64(w.Entry.Epoch()) || !bytes.Equal(t.history[seqno-1].command, w.Entry.Command()):
		c.fail(5, id, n, "node %d commits another entry %d than the persistent one", n, seqno)
	case r.history.last() < seqno || !r.history.agrees(t.history, seqno):
		c.fail(5, id, n, "node %d commits entry %d, and has durable %d", n, seqno, r.history.last())
	}
	nd.given[id] = seqno
}

// Applied tells the result of applying an entry.
func (c *Checker) Applied(n shard.NodeID, id shard.ID, seqno shard.Seqno, got shard.Result) {
	t := c.truth(uint64(id))
	want := t.at(uint64(seqno))
	if byte(got.Status) != want.status || uint64(got.Version) != want.version {
		c.fail(5, t.id, n, "node %d applies entry %d with (%v, %d), and it has (%v, %d)", n, seqno, got.Status, got.Version, shard.Status(want.status), want.version)
	}
}

// Shows tells the contents of a shard at a node, after a commit at the position applied.
func (c *Checker) Shows(n shard.NodeID, id shard.ID, applied shard.Seqno, stored iter.Seq2[[]byte, []byte]) {
	t := c.truth(uint64(id))
	got := contents{register: t.initial.register}
	for k, v := range stored {
		if err := got.read(k, v); err != nil {
			c.fail(5, t.id, n, "contents of node %d: %v", n, err)
			return
		}
	}
	if got.applied != uint64(applied) || got.applied > t.history.last() {
		c.fail(5, t.id, n, "contents of node %d are at %d, its machine at %d, persistent is %d", n, got.applied, applied, t.history.last())
		return
	}
	want := t.at(got.applied)
	for _, part := range []struct {
		name      string
		got, want uint64
	}{{"keys", got.keys, want.keys}, {"sessions", got.sessions, want.sessions}, {"register", got.register, want.register}} {
		if part.got != part.want {
			c.fail(5, t.id, n, "the %s of node %d at %d are not the fold of the history up to there", part.name, n, got.applied)
		}
	}
}

// Answers tells that a node answers a request from what it applied.
func (c *Checker) Answers(n shard.NodeID, q *shard.Request, got shard.Result) {
	id := uint64(q.Shard)
	t := c.truth(id)
	if got.Status != shard.OK {
		return
	}
	version := uint64(got.Version)
	if version == 0 || version > t.history.last() {
		c.fail(6, id, n, "node %d answers with version %d, and persistent is %d", n, version, t.history.last())
		return
	}
	cmd, err := decodeCommand(t.history[version-1].command)
	if err != nil {
		c.fail(6, id, n, "entry %d: %v", version, err)
		return
	}
	switch q.Kind {
	case shard.Get:
		if cmd.kind != commandPut || !bytes.Equal(cmd.key, q.Key) || !bytes.Equal(cmd.value, got.Value) {
			c.fail(7, id, n, "node %d reads %q with version %d of %q, which nobody wrote", n, got.Value, version, q.Key)
		}
		return
	case shard.OpenSession:
		if cmd.kind != commandOpen {
			c.fail(6, id, n, "node %d answers with session %d, and entry %d opens none", n, version, version)
		}
	default:
		mine := bytes.Equal(cmd.key, q.Key) && bytes.Equal(cmd.value, q.Value) &&
			cmd.session == uint64(q.Identity.Session) && cmd.op == q.Identity.Op
		if !mine || t.at(version).status != statusOK {
			c.fail(6, id, n, "node %d answers a write of session %d, op %d, with version %d, which is another's", n, q.Identity.Session, q.Identity.Op, version)
			return
		}
		if cmd.session != 0 && t.model.took[identity{cmd.session, cmd.op}] != version {
			c.fail(6, id, n, "node %d answers session %d, op %d, with version %d, and it took effect at %d",
				n, cmd.session, cmd.op, version, t.model.took[identity{cmd.session, cmd.op}])
		}
	}
	t.acked = max(t.acked, version)
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

// Promised is the newest epoch of a shard that a node has learned of, as its log says.
func (c *Checker) Promised(n shard.NodeID, id shard.ID) shard.Epoch {
	if r := c.nodes[n].written[uint64(id)]; r != nil {
		return shard.Epoch(r.promised)
	}
	return 0
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
			if r == nil || r.active != conf.epoch || r.history.last() < t.acked || !r.history.agrees(t.history, t.acked) {
				c.fail(6, t.id, n, "at the end node %d does not hold what was acknowledged, up to %d", n, t.acked)
			}
		}
	}
}
