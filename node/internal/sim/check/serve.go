package check

import (
	"bytes"
	"iter"

	"github.com/ringward/ringward/shard"
)

// Moment is what was so of a shard when a request came to a replica.
type Moment struct {
	shown     uint64 // up to where clients had been shown the history
	activated uint64 // the newest epoch in which some replica was durably ACTIVE
}

// Arrives tells that a request has come to a replica that is to serve it.
func (c *Checker) Arrives(id shard.ID) Moment {
	t := c.truth(uint64(id))
	if t == nil {
		return Moment{}
	}
	return Moment{shown: t.shown, activated: t.activated}
}

// Boots tells from which position a node goes on to apply, and its contents there.
func (c *Checker) Boots(n shard.NodeID, id shard.ID, applied shard.Seqno, stored iter.Seq2[[]byte, []byte]) {
	c.nodes[n].lives[uint64(id)] = &life{given: uint64(applied), commit: uint64(applied)}
	c.Shows(n, id, applied, stored)
}

// Works tells that a node gives its applier an entry to apply, or a read to serve; when that read came and
// whether it asked for no more than some applied state.
func (c *Checker) Works(n shard.NodeID, w *shard.Work, came Moment, stale bool) {
	id := uint64(w.Shard)
	nd, t := c.nodes[n], c.truth(id)
	r, l := nd.durable[id], nd.lives[id]
	if w.Clear || w.Part != nil {
		return
	}
	if r == nil || l == nil {
		c.fail(5, id, n, "node %d serves a shard that it does not host", n)
		return
	}
	switch {
	case stale:
		return
	case r.promised > r.active && (w.Entry == nil || nd.memory[id].lineage == nil): // a learner commits as well
		c.fail(4, id, n, "node %d commits or reads in epoch %d, and has durably promised %d", n, r.active, r.promised)
		return
	case w.Entry == nil && r.active < came.activated:
		c.fail(7, id, n, "node %d serves in epoch %d a read that came when epoch %d was ACTIVE", n, r.active, came.activated)
		return
	case w.Entry == nil:
		return
	}
	seqno := uint64(w.Entry.Seqno())
	if l.filled > 0 && seqno == l.filled+1 && !r.void {
		l.given, l.filled = l.filled, 0
	}
	switch {
	case seqno != l.given+1:
		c.fail(5, id, n, "node %d applies entry %d after %d", n, seqno, l.given)
	case seqno > t.history.last():
		c.fail(5, id, n, "node %d commits entry %d, and persistent is %d", n, seqno, t.history.last())
	case t.history[seqno-1].epoch != uint64(w.Entry.Epoch()) || !bytes.Equal(t.history[seqno-1].command, w.Entry.Command()):
		c.fail(5, id, n, "node %d commits another entry %d than the persistent one", n, seqno)
	case r.history.last() < seqno || !r.history.agrees(t.history, seqno):
		c.fail(5, id, n, "node %d commits entry %d, and has durable %d", n, seqno, r.history.last())
	}
	l.given = seqno
}

// Applied tells the result of applying an entry.
func (c *Checker) Applied(n shard.NodeID, id shard.ID, seqno shard.Seqno, got shard.Result) {
	t := c.truth(uint64(id))
	if uint64(seqno) > t.history.last() {
		c.fail(5, t.id, n, "node %d applies entry %d, and persistent is %d", n, seqno, t.history.last())
		return
	}
	want := t.at(uint64(seqno))
	if byte(got.Status) != want.status || uint64(got.Version) != want.version {
		c.fail(5, t.id, n, "node %d applies entry %d with (%v, %d), and it has (%v, %d)", n, seqno, got.Status, got.Version, shard.Status(want.status), want.version)
	}
}

// Clears tells that a node takes all contents of a shard away, for a snapshot to come.
func (c *Checker) Clears(n shard.NodeID, id shard.ID) {
	l := c.nodes[n].lives[uint64(id)]
	l.shown, l.waits = 0, 0
	if r := c.nodes[n].durable[uint64(id)]; r == nil || !r.void && !c.nodes[n].memory[uint64(id)].void {
		c.fail(5, uint64(id), n, "node %d takes away what it has of a history that it has not given up", n)
	}
}

// Fills tells that the contents of a shard at a node are a whole snapshot, at this position.
func (c *Checker) Fills(n shard.NodeID, id shard.ID, position shard.Seqno, stored iter.Seq2[[]byte, []byte]) {
	c.nodes[n].lives[uint64(id)].filled = uint64(position)
	c.Shows(n, id, position, stored)
}

// Shows tells the contents of a shard at a node, after a commit at the position applied.
func (c *Checker) Shows(n shard.NodeID, id shard.ID, applied shard.Seqno, stored iter.Seq2[[]byte, []byte]) {
	t, l := c.truth(uint64(id)), c.nodes[n].lives[uint64(id)]
	got := contents{register: t.initial.register}
	for k, v := range stored {
		if err := got.read(k, v); err != nil {
			c.fail(5, t.id, n, "contents of node %d: %v", n, err)
			return
		}
	}
	switch {
	case got.applied != uint64(applied) || got.applied > t.history.last():
		c.fail(5, t.id, n, "contents of node %d are at %d, its machine at %d, persistent is %d", n, got.applied, applied, t.history.last())
		return
	case got.applied < l.shown:
		c.fail(5, t.id, n, "contents of node %d fall from %d to %d", n, l.shown, got.applied)
	case got.applied > max(l.given, l.filled, l.waits):
		c.fail(5, t.id, n, "contents of node %d are at %d, and committed is %d", n, got.applied, l.given)
	}
	l.shown = got.applied
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

// Answers tells that a node answers a request, which came at some moment, from what it has applied up to a position.
func (c *Checker) Answers(n shard.NodeID, q *shard.Request, came Moment, applied shard.Seqno, got shard.Result) {
	t := c.truth(uint64(q.Shard))
	at, version := uint64(applied), uint64(got.Version)
	if at > t.history.last() {
		c.fail(5, t.id, n, "node %d answers from what stands up to %d, and persistent is %d", n, at, t.history.last())
		return
	}
	switch {
	case q.Kind == shard.Get:
		c.read(n, t, q, came, at, got)
		if q.Stale {
			return
		}
	case got.Status != shard.OK:
	case version == 0 || version > at:
		c.fail(6, t.id, n, "node %d answers with version %d, and has applied %d", n, version, at)
		return
	default:
		c.written(n, t, q, version)
	}
	t.shown = max(t.shown, at)
}

// read checks the answer to a get.
func (c *Checker) read(n shard.NodeID, t *truth, q *shard.Request, came Moment, at uint64, got shard.Result) {
	if !q.Stale && at < came.shown {
		c.fail(7, t.id, n, "node %d reads %q at %d, and clients had been shown what stands up to %d when the read came", n, q.Key, at, came.shown)
		return
	}
	want, exists := t.model.read(q.Key, at)
	switch {
	case got.Status == shard.OK && (!exists || uint64(got.Version) != want.version || !bytes.Equal(got.Value, want.value)):
		c.fail(7, t.id, n, "node %d reads %q with version %d of %q, which is not so at %d", n, got.Value, got.Version, q.Key, at)
	case got.Status == shard.NotFound && exists:
		c.fail(7, t.id, n, "node %d does not find %q, which has version %d at %d", n, q.Key, want.version, at)
	}
}

// written checks an answer that says that a write took effect.
func (c *Checker) written(n shard.NodeID, t *truth, q *shard.Request, version uint64) {
	cmd, err := decodeCommand(t.history[version-1].command)
	switch {
	case err != nil:
		c.fail(6, t.id, n, "entry %d: %v", version, err)
	case q.Kind == shard.OpenSession:
		if cmd.kind != commandOpen {
			c.fail(6, t.id, n, "node %d answers with session %d, and entry %d opens none", n, version, version)
		}
	case !bytes.Equal(cmd.key, q.Key) || !bytes.Equal(cmd.value, q.Value) ||
		cmd.session != uint64(q.Identity.Session) || cmd.op != q.Identity.Op || t.at(version).status != statusOK:
		c.fail(6, t.id, n, "node %d answers a write of session %d, op %d, with version %d, which is another's", n, q.Identity.Session, q.Identity.Op, version)
	case cmd.session != 0 && t.model.took[identity{cmd.session, cmd.op}] != version:
		c.fail(6, t.id, n, "node %d answers session %d, op %d, with version %d, and it took effect at %d",
			n, cmd.session, cmd.op, version, t.model.took[identity{cmd.session, cmd.op}])
	}
}
