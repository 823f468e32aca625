package exhaust

import "github.com/ringward/ringward/shard"

// tidy does at once what could as well happen later, or never: whatever follows from a state before, for the checks, follows from the state after. It
// returns what is wrong then.
func (s *state) tidy(m *model) error {
	for again := true; again; {
		s.forget(m)
		var err error
		if again, err = s.hasten(m); err != nil {
			return err
		}
	}
	return nil
}

// forget drops the messages to which nobody listens any more.
func (s *state) forget(m *model) {
	for i := len(s.queues) - 1; i >= 0; i-- {
		from := m.locals.at(s.nodes[s.queues[i].route.from()])
		for k := len(s.queues[i].messages) - 1; k >= 0; k-- {
			if unheard(m.messages.at(s.queues[i].messages[k]), &from.view) {
				s.drop(i, k)
			}
		}
	}
}

// hasten does one thing that may as well happen now. It reports false where there is none.
func (s *state) hasten(m *model) (bool, error) {
	for i := range m.bounds.Nodes {
		if v := &m.locals.at(s.nodes[i]).view; s.crashes == uint8(m.bounds.Crashes) && v.promising && !v.head {
			return true, s.happen(m, i, input{inFsync, 1})
		}
	}
	for i := range s.queues {
		q := s.queues[i]
		to := m.locals.at(s.nodes[q.route.to()])
		msg := m.messages.at(q.messages[0])
		step := m.try(to, input{inStep, q.messages[0]})
		if step.idle && spent(msg, &to.view) {
			s.pop(i)
			return true, nil
		}
		if step.to == to && asksAlone(msg.Kind) {
			s.pop(i)
			return true, s.happen(m, q.route.to(), input{inStep, q.messages[0]})
		}
	}
	return false, nil
}

// unheard reports whether a wedge or a fetch comes from a node, which looks like v, that gathers no answers any more: then nobody is left to
// count the answer, and of the decision its receiver may learn at any moment anyway.
func unheard(m *shard.Message, v *view) bool {
	return asksAlone(m.Kind) && (m.Epoch < v.newest || v.memory.active == v.newest)
}

// asksAlone reports whether a message of this kind does nothing but ask, where its receiver has learned of the decision before.
func asksAlone(k shard.MessageKind) bool { return k == shard.MsgWedge || k == shard.MsgFetch }

// spent reports whether a message that changes nothing now never will, at a receiver that looks like v. Then it may as
// well arrive at once.
//
//   - Below the receiver's promise everything is refused, for ever.
//   - Askings are made before they are answered, and their numbers never come again. The latter is the core's to see to: an answer is spent
//     only where its receiver has given out its number in its present life, or a higher one.
//   - What belongs to a link belongs to no later one, and a handshake that was overtaken stays so.
//
// What is left may count later: a fence that comes before its receiver is ACTIVE, a wedge, a fetch.
func spent(m *shard.Message, v *view) bool {
	if m.Epoch != v.newest {
		return m.Epoch < v.newest
	}
	switch m.Kind {
	case shard.MsgFence, shard.MsgWedge, shard.MsgFetch:
		return false
	case shard.MsgFenced, shard.MsgWedged, shard.MsgFetched:
		return m.Number <= v.given
	case shard.MsgConnected, shard.MsgHandBack, shard.MsgAck, shard.MsgRefuse:
		return m.Link.Ask <= v.given
	}
	return true
}
