package exhaust

import (
	"github.com/ringward/ringward/shard"
)

// eventKind says what happens next.
type eventKind uint8

const (
	evDeliver eventKind = iota // the first message of queue arg arrives
	evLearn                    // node learns of a decision; arg: see learned
	evFsync                    // arg records become durable at node
	evWrite                    // write arg comes to node
	evRead                     // read arg comes to node
	evCrash                    // node crashes and starts again; arg: what outlives it
	evBreak                    // the connection of route arg breaks
	evNotice                   // node notices that its chain connection to its successor, arg, broke
	evTicks                    // time passes for node
	evRewrite                  // node puts its replica into the log once more
	eventKinds
)

// event is one thing that may happen in a state.
type event struct {
	kind eventKind
	node uint8
	arg  uint32 // below 1<<20
}

func (e event) pack() uint32 { return uint32(e.kind)<<24 | uint32(e.node)<<20 | e.arg }

func unpack(v uint32) event {
	return event{kind: eventKind(v >> 24), node: uint8(v >> 20 & 15), arg: v & (1<<20 - 1)}
}

// learned packs which register the decision stands in, and the number of the decision there. A decision changes nothing
// before somebody learns of it, so it is made when the first does. After that nobody learns of an older one but from a message: who has not heard of
// the newest is in all that it does before everything that the newest leads to, and so could have learned of the older one before.
func learned(register uint32, decision int) uint32 { return register<<4 | uint32(decision) }

// events calls yield with all that may happen in s. What would change nothing is left out.
func (s *state) events(m *model, yield func(event)) {
	for i := range s.queues {
		yield(event{evDeliver, uint8(s.queues[i].route.to()), uint32(i)})
	}
	reg := &m.registers[s.register]
	decidable := s.decidable(m, s.register, nil)
	for i := range m.bounds.Nodes {
		v := &m.locals.at(s.nodes[i]).view
		node := uint8(i)
		if newest := len(reg.chain); int(v.newest) < newest {
			yield(event{evLearn, node, learned(s.register, newest-1)})
		}
		for _, r := range decidable {
			yield(event{evLearn, node, learned(r, len(m.registers[r].chain)-1)})
		}
		// A single fsync may cover one record or all that gathered; two in a row cover what is between.
		if v.records > 0 {
			yield(event{evFsync, node, 1})
		}
		if v.records > 1 {
			yield(event{evFsync, node, uint32(v.records)})
		}
		s.asked(m, node, v, yield)
		if s.crashes < uint8(m.bounds.Crashes) {
			for kept := range v.records + 1 {
				yield(event{evCrash, node, crashed(kept, false)})
				if len(v.applied) > 0 {
					yield(event{evCrash, node, crashed(kept, true)})
				}
			}
		}
		if s.notices&(1<<i) != 0 {
			c, _ := reg.chain.At(v.newest)
			yield(event{evNotice, node, uint32(c.Successor(shard.NodeID(i + 1)))})
		}
		if s.ticks < uint8(m.bounds.Ticks) {
			yield(event{evTicks, node, 0})
		}
		if s.rewrites < uint8(m.bounds.Rewrites) {
			yield(event{evRewrite, node, 0})
		}
	}
	if s.breaks < uint8(m.bounds.Breaks) {
		s.breaking(m, yield)
	}
}

// decidable are the registers that one or more decisions lead to.
func (s *state) decidable(m *model, from uint32, to []uint32) []uint32 {
	reg := &m.registers[from]
	for _, next := range reg.next {
		if !next.trims || s.everActive(m, reg.chain.Newest()) {
			to = s.decidable(m, next.register, append(to, next.register))
		}
	}
	return to
}

// asked yields what clients may ask of a node. The writes differ in nothing but their names, and so do the reads: they
// are asked in order. One that would be refused is as if it had not been asked. Nor is the last read while there is nothing
// that it could miss.
func (s *state) asked(m *model, node uint8, v *view, yield func(event)) {
	if !v.active {
		return
	}
	if w := next(s.writes[:m.bounds.Writes]); w >= 0 && v.head {
		yield(event{evWrite, node, uint32(w)})
	}
	if r := next(s.reads[:m.bounds.Reads]); r >= 0 && (r+1 < m.bounds.Reads || s.mustSee() != 0) {
		yield(event{evRead, node, uint32(r)})
	}
}

// mustSee is what a read that is asked now must see.
func (s *state) mustSee() set {
	must := s.seen
	for w, st := range s.writes {
		if st == acknowledged {
			must |= 1 << w
		}
	}
	return must
}

func next(ops []status) int {
	for i, s := range ops {
		if s == unasked {
			return i
		}
	}
	return -1
}

// breaking yields the connections that may break: those with something under way, and those of the chain, of which the sender
// may notice it.
func (s *state) breaking(m *model, yield func(event)) {
	for from := range m.bounds.Nodes {
		for to := range m.bounds.Nodes {
			for t := range shard.Traffics {
				r := newRoute(from, to, t)
				_, busy := s.find(r, 0)
				if from != to && (busy || t == shard.ChainTraffic) {
					yield(event{evBreak, uint8(from), uint32(r)})
				}
			}
		}
	}
}

// everActive reports whether c was ACTIVE, durably, at all its members.
func (s *state) everActive(m *model, c shard.Configuration) bool {
	for _, n := range c.Members {
		while := m.locals.at(s.nodes[n-1]).view.disk.while
		if len(while) < int(c.Epoch) || while[c.Epoch-1] == nil {
			return false
		}
	}
	return true
}

// pass lets one event happen. It returns what is wrong then.
func (s *state) pass(m *model, e event) error {
	i := int(e.node)
	switch e.kind {
	case evDeliver:
		q := s.queues[e.arg]
		msg := q.messages[0]
		s.pop(int(e.arg))
		return s.happen(m, q.route.to(), input{inStep, msg})
	case evLearn:
		s.register = e.arg >> 4
		return s.happen(m, i, input{inLearn, m.registers[s.register].told[e.arg&15]})
	case evFsync:
		return s.happen(m, i, input{inFsync, e.arg})
	case evWrite:
		s.writes[e.arg], s.at[e.arg] = waiting, e.node
		return s.happen(m, i, input{inWrite, e.arg})
	case evRead:
		s.reads[e.arg], s.at[maxWrites+e.arg] = waiting, e.node
		s.must[e.arg] = s.mustSee()
		if next(s.reads[:m.bounds.Reads]) < 0 {
			s.seen = 0
		}
		return s.happen(m, i, input{inRead, e.arg})
	case evCrash:
		s.crash(m, i)
		return s.happen(m, i, input{inCrash, e.arg})
	case evBreak:
		s.breaks++
		r := route(e.arg)
		s.cut(r)
		if r.traffic() == shard.ChainTraffic {
			s.broke(m, r.from(), r.to())
		}
	case evNotice:
		s.notices &^= 1 << i
		return s.happen(m, i, input{inNotice, e.arg})
	case evTicks:
		s.ticks++
		return s.happen(m, i, input{inTicks, 0})
	case evRewrite:
		s.rewrites++
		return s.happen(m, i, input{inRewrite, 0})
	}
	return nil
}

// broke notes that the chain connection from a node to another broke. The sender notices it before its next configuration, or never;
// it makes a difference where the other is its successor.
func (s *state) broke(m *model, from, to int) {
	v := &m.locals.at(s.nodes[from]).view
	c, _ := m.registers[s.register].chain.At(v.newest)
	if v.active && c.Successor(shard.NodeID(from+1)) == shard.NodeID(to+1) {
		s.notices |= 1 << from
	}
}

// crash takes away what a node loses beside its own state: what was sent to it, its clients, its connections.
func (s *state) crash(m *model, i int) {
	s.crashes++
	kept := s.queues[:0]
	for _, q := range s.queues {
		if q.route.to() == i {
			continue
		}
		if q.route.from() == i {
			q.age++
		}
		kept = append(kept, q)
	}
	s.queues = kept
	s.notices &^= 1 << i
	for j := range m.bounds.Nodes {
		s.broke(m, j, i)
	}
	for w := range s.writes {
		if s.writes[w] == waiting && s.at[w] == uint8(i) {
			s.writes[w], s.at[w] = over, 0
		}
	}
	for r := range s.reads {
		if s.reads[r] == waiting && s.at[maxWrites+r] == uint8(i) {
			s.reads[r], s.at[maxWrites+r], s.must[r] = over, 0, 0
		}
	}
}
