package exhaust

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/ringward/ringward/shard"
)

// history is a history as the numbers of its entries.
type history []uint16

// set is a set of the clients' writes, bit i for write i.
type set uint8

func (s set) has(w int) bool { return s&(1<<w) != 0 }

// begins reports whether h is a first part of longer.
func (h history) begins(longer history) bool {
	return len(h) <= len(longer) && slices.Equal(h, longer[:len(h)])
}

// view is what the checks look at in one state of one node. It is taken from its log, by a fold of its own: the last two
// only are the replica's word.
type view struct {
	disk, memory fold // of the records that are durable, and of all
	applied      history
	records      int  // written and not durable
	promising    bool // the first of them is a promise
	commit, last shard.Seqno
	newest       shard.Epoch // the promise, as the replica has it
	active       bool        // as the replica has it
	synced       bool
	head         bool
	given        shard.Number // the last number it gave out
}

// fold is what a log says.
type fold struct {
	history history
	promise shard.Epoch
	active  shard.Epoch // the last epoch in which the replica was ACTIVE
	// while has the history with which it was last ACTIVE in an epoch, from epoch 1 on; nil where it never was.
	while []history
	err   error
}

func (n *node) fold(records []shard.Record) fold {
	var f fold
	for _, r := range records {
		switch r.Kind {
		case shard.RecordState:
			f.promise, f.active = r.Chain.Newest().Epoch, r.Epoch
		case shard.RecordEntry:
			if f.active != f.promise || r.Entry.Epoch() != f.active {
				f.err = fmt.Errorf("4: accepts an entry of epoch %d, ACTIVE in %d with a promise for %d", r.Entry.Epoch(), f.active, f.promise)
			}
			f.history = append(f.history, n.m.entry(r.Entry))
		case shard.RecordPromise:
			f.promise = r.Chain.Newest().Epoch
		case shard.RecordActivate:
			// One in the same epoch once more is the log's own affair: it lets older segments go.
			if r.Epoch < f.active || r.Epoch > f.active && r.Epoch != f.promise {
				f.err = fmt.Errorf("4: becomes ACTIVE in epoch %d with a promise for %d", r.Epoch, f.promise)
			}
			if int(r.Cut) > len(f.history) {
				f.err = fmt.Errorf("5: cuts a history of %d entries at %d", len(f.history), r.Cut)
				return f
			}
			f.history = f.history[:r.Cut:r.Cut]
			for _, e := range r.Entries {
				f.history = append(f.history, n.m.entry(e))
			}
			f.active = r.Epoch
		}
		if f.active == f.promise {
			for len(f.while) < int(f.active) {
				f.while = append(f.while, nil)
			}
			f.while[f.active-1] = append(make(history, 0, len(f.history)), f.history...)
		}
	}
	return f
}

func (n *node) view() view {
	s := n.host.Standings()[0]
	return view{
		disk: n.fold(n.log[:n.synced]), memory: n.fold(n.log), applied: n.applied, records: len(n.log) - n.synced,
		promising: len(n.log) > n.synced && n.log[n.synced].Kind == shard.RecordPromise,
		commit:    s.Commit, last: s.Last, newest: s.Configuration.Epoch, active: s.State == shard.Active, synced: s.Synced,
		head: s.Configuration.Head() == n.id, given: shard.Number(reflect.ValueOf(n.numbers).Elem().FieldByName("last").Uint()),
	}
}

// judge looks at one node alone after an input.
func (n *node) judge() {
	if n.effect.err != nil {
		return
	}
	v := n.view()
	switch {
	case v.memory.err != nil:
		n.fail(v.memory.err)
	case v.newest != v.memory.promise:
		n.fail(fmt.Errorf("4: stands in epoch %d, and its log says %d", v.newest, v.memory.promise))
	case v.active != (v.disk.active == v.memory.promise):
		n.fail(fmt.Errorf("4: is ACTIVE (%v) in epoch %d, and its log says %d", v.active, v.newest, v.disk.active))
	case int(v.last) != len(v.memory.history):
		n.fail(fmt.Errorf("5: has a history of %d entries, and its log says %d", v.last, len(v.memory.history)))
	case int(v.commit) != len(v.applied):
		n.fail(fmt.Errorf("5: commits up to %d, and applies up to %d", v.commit, len(v.applied)))
	case !v.applied.begins(v.memory.history):
		n.fail(fmt.Errorf("5: its history has lost what was applied"))
	}
	for _, m := range n.effect.sends {
		if err := says(&m, &v); err != nil {
			n.fail(fmt.Errorf("sends %s: %w", describe(n.m, &m), err))
		}
	}
	for _, a := range n.effect.answers {
		if a.status == shard.OK && a.op.read && v.disk.active != v.memory.promise {
			n.fail(fmt.Errorf("4: serves a read in epoch %d with a promise for %d", v.disk.active, v.memory.promise))
		}
	}
}

// says reports what is wrong with a replica saying m: it says it in an epoch in which it is ACTIVE, durably, and of what is durable.
func says(m *shard.Message, v *view) error {
	switch m.Kind {
	case shard.MsgWedged:
		switch {
		case m.Unknown || m.Epoch > v.disk.promise:
			return fmt.Errorf("4: the promise that is durable is for %d", v.disk.promise)
		case m.Active != v.disk.active || int(m.Last) > len(v.disk.history):
			return fmt.Errorf("4: durable is a history of %d entries, ACTIVE last in %d", len(v.disk.history), v.disk.active)
		}
	case shard.MsgConnect, shard.MsgInherit, shard.MsgHandBack, shard.MsgAppend, shard.MsgAck, shard.MsgFence, shard.MsgFenced, shard.MsgConnected:
		if m.Kind == shard.MsgConnected && m.State == shard.Pending {
			return nil
		}
		if m.Epoch != v.memory.promise || m.Epoch != v.disk.active {
			return fmt.Errorf("4: it is ACTIVE in epoch %d with a promise for %d", v.disk.active, v.memory.promise)
		}
		if m.Kind == shard.MsgAck && int(m.Last) > len(v.disk.history) {
			return fmt.Errorf("5: durable is a history of %d entries", len(v.disk.history))
		}
	}
	return nil
}

// judge looks at all nodes at one moment.
func (s *state) judge(m *model) error {
	var room [maxNodes]*view
	views := room[:m.bounds.Nodes]
	for i := range views {
		views[i] = &m.locals.at(s.nodes[i]).view
	}
	chain := m.registers[s.register].chain
	// persistent is the longest history that was durable at all members of a configuration while they were ACTIVE in it.
	var persistent history
	for _, c := range chain {
		h, ok := durableAt(views, c)
		if !ok {
			continue
		}
		switch {
		case persistent.begins(h):
			persistent = h
		case !h.begins(persistent):
			return fmt.Errorf("3: what was persistent in epoch %d, %s, is not in what was persistent before, %s", c.Epoch, m.spelled(h), m.spelled(persistent))
		}
		for i, v := range views {
			if v.memory.active > c.Epoch && !h.begins(v.memory.history) {
				return fmt.Errorf("3: node %s is ACTIVE in epoch %d with %s, and %s was persistent in epoch %d",
					name(shard.NodeID(i+1)), v.memory.active, m.spelled(v.memory.history), m.spelled(h), c.Epoch)
			}
		}
	}
	for i, v := range views {
		if v.newest > chain.Newest().Epoch {
			return fmt.Errorf("1: node %s knows epoch %d, which was not decided", name(shard.NodeID(i+1)), v.newest)
		}
		if !v.applied.begins(persistent) {
			return fmt.Errorf("5: node %s has applied %s, and persistent is %s", name(shard.NodeID(i+1)), m.spelled(v.applied), m.spelled(persistent))
		}
	}
	if err := m.agree(views); err != nil {
		return err
	}
	held := m.writesOf(persistent)
	for w := range m.bounds.Writes {
		if s.writes[w] == acknowledged && !held.has(w) {
			return fmt.Errorf("6: write %d was acknowledged, and persistent is %s", w+1, m.spelled(persistent))
		}
	}
	return nil
}

// durableAt is what was durable at all members of c while they were ACTIVE in it.
func durableAt(views []*view, c shard.Configuration) (h history, ok bool) {
	for i, n := range c.Members {
		while := views[n-1].disk.while
		if len(while) < int(c.Epoch) || while[c.Epoch-1] == nil {
			return nil, false
		}
		if mine := while[c.Epoch-1]; i == 0 || len(mine) < len(h) {
			h = mine
		}
	}
	return h, true
}

// agree reports two different entries of one epoch and seqno.
func (m *model) agree(views []*view) error {
	for i, v := range views {
		for _, w := range views[:i] {
			for at := range min(len(v.memory.history), len(w.memory.history)) {
				a, b := v.memory.history[at], w.memory.history[at]
				if a != b && m.entries.at(uint32(a)).Epoch() == m.entries.at(uint32(b)).Epoch() {
					return fmt.Errorf("2: two entries of one epoch and position: %s and %s", m.spelled(v.memory.history), m.spelled(w.memory.history))
				}
			}
		}
	}
	return nil
}

// acknowledges reports an acknowledgement of what is not durable at its sender and everyone after it.
func (s *state) acknowledges(m *model, ack *shard.Message) error {
	c := m.registers[s.register].chain[ack.Epoch-1]
	for _, n := range c.Members[slices.Index(c.Members, ack.From):] {
		while := m.locals.at(s.nodes[n-1]).view.disk.while
		if len(while) < int(ack.Epoch) || len(while[ack.Epoch-1]) < int(ack.Last) {
			return fmt.Errorf("5: node %s acknowledges %d in epoch %d, which is not durable at %s", name(ack.From), ack.Last, ack.Epoch, name(n))
		}
	}
	return nil
}

// writesOf is which writes a history holds.
func (m *model) writesOf(h history) (s set) {
	for _, e := range h {
		s |= 1 << m.writeOf(e)
	}
	return s
}

// writeOf is which write an entry is: its value, which stands last.
func (m *model) writeOf(e uint16) int {
	entry := m.entries.at(uint32(e))
	return int(entry[len(entry)-1])
}
