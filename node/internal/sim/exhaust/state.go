package exhaust

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// status is where a client's operation stands.
type status uint8

const (
	unasked status = iota
	waiting
	acknowledged // a write: answered with success
	over         // refused, of unknown outcome, lost with the node that it waited at, or a read that was answered
)

// state is everything at one moment.
type state struct {
	nodes    [maxNodes]uint32 // numbers of local states
	register uint32
	crashes  uint8
	breaks   uint8
	ticks    uint8
	rewrites uint8
	notices  uint8 // bit i: node i has not noticed yet that its chain connection to its successor broke
	writes   [maxWrites]status
	reads    [maxReads]status
	at       [maxWrites + maxReads]uint8 // where a waiting operation waits
	// must[i] are the writes that read i must see: those that were acknowledged, or seen by another read, before it was asked.
	must   [maxReads]set
	seen   set // by any read that was answered, while others are to be asked
	queues []queue
	room   []uint32 // where decode puts what is under way
}

func (s *state) append(b []byte, m *model) []byte {
	for _, n := range s.nodes[:m.bounds.Nodes] {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(s.register))
	b = append(b, s.crashes, s.breaks, s.ticks, s.rewrites, s.notices, byte(s.seen))
	for i, w := range s.writes[:m.bounds.Writes] {
		b = append(b, byte(w)|s.at[i]<<4)
	}
	for i, r := range s.reads[:m.bounds.Reads] {
		b = append(b, byte(r)|s.at[maxWrites+i]<<4, byte(s.must[i]))
	}
	for _, q := range s.queues {
		b = append(b, byte(q.route), q.age, byte(len(q.messages)))
		for _, msg := range q.messages {
			b = binary.AppendUvarint(b, uint64(msg))
		}
	}
	return b
}

// decode reads what append wrote.
func (s *state) decode(b []byte, m *model) {
	number := func() uint32 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return uint32(v)
	}
	octet := func() byte {
		v := b[0]
		b = b[1:]
		return v
	}
	*s = state{queues: s.queues[:0], room: s.room[:0]}
	for i := range m.bounds.Nodes {
		s.nodes[i] = number()
	}
	s.register = number()
	s.crashes, s.breaks, s.ticks, s.rewrites, s.notices, s.seen = octet(), octet(), octet(), octet(), octet(), set(octet())
	for i := range m.bounds.Writes {
		v := octet()
		s.writes[i], s.at[i] = status(v&15), v>>4
	}
	for i := range m.bounds.Reads {
		v := octet()
		s.reads[i], s.at[maxWrites+i], s.must[i] = status(v&15), v>>4, set(octet())
	}
	for len(b) > 0 {
		q := queue{route: route(octet()), age: octet()}
		begin := len(s.room)
		for range octet() {
			s.room = append(s.room, number())
		}
		q.messages = s.room[begin:len(s.room):len(s.room)]
		s.queues = append(s.queues, q)
	}
}

// become makes s a copy of another state, of which it shares nothing that changes.
func (s *state) become(other *state) {
	queues, room := append(s.queues[:0], other.queues...), s.room // the messages of a queue are replaced, never changed
	*s = *other
	s.queues, s.room = queues, room
}

func (s *state) clone() *state {
	c := &state{}
	c.become(s)
	return c
}

// find is where the queue of a route and age stands or belongs.
func (s *state) find(r route, age uint8) (int, bool) {
	return slices.BinarySearchFunc(s.queues, queue{route: r, age: age}, func(a, b queue) int {
		return (int(a.route)<<8 | int(a.age)) - (int(b.route)<<8 | int(b.age))
	})
}

func (s *state) send(p parcel) {
	i, ok := s.find(p.route, 0)
	if !ok {
		s.queues = slices.Insert(s.queues, i, queue{route: p.route, messages: []uint32{p.message}})
		return
	}
	s.queues[i].messages = append(slices.Clip(s.queues[i].messages), p.message)
}

// pop takes the first message off a queue.
func (s *state) pop(i int) {
	if q := &s.queues[i]; len(q.messages) > 1 {
		q.messages = q.messages[1:]
	} else {
		s.queues = slices.Delete(s.queues, i, i+1)
	}
}

// drop takes the message at a place out of a queue.
func (s *state) drop(i, place int) {
	if q := &s.queues[i]; len(q.messages) > 1 {
		q.messages = slices.Delete(slices.Clone(q.messages), place, place+1)
	} else {
		s.queues = slices.Delete(s.queues, i, i+1)
	}
}

// cut breaks the present connection of a route.
func (s *state) cut(r route) {
	for i := range s.queues {
		if s.queues[i].route == r {
			s.queues[i].age++
		}
	}
}

// happen lets an input come to a node, with all that follows at once. It returns what is wrong then.
func (s *state) happen(m *model, i int, in input) error {
	st := m.try(m.locals.at(s.nodes[i]), in)
	if st.err != nil {
		return st.err
	}
	if st.to.view.newest > m.locals.at(s.nodes[i]).view.newest {
		s.notices &^= 1 << i
	}
	s.nodes[i] = st.to.number
	for _, p := range st.sends {
		s.send(p)
	}
	for _, a := range st.answers {
		if err := s.answer(m, a); err != nil {
			return err
		}
	}
	for k := range st.acks {
		if err := s.acknowledges(m, &st.acks[k]); err != nil {
			return err
		}
	}
	return nil
}

// answer ends an operation.
func (s *state) answer(m *model, a answer) error {
	if !a.op.read {
		if s.writes[a.op.n] != waiting {
			return fmt.Errorf("6: write %d is answered twice", a.op.n+1)
		}
		s.writes[a.op.n], s.at[a.op.n] = over, 0
		if a.status == shard.OK {
			s.writes[a.op.n] = acknowledged
		}
		return nil
	}
	if s.reads[a.op.n] != waiting {
		return fmt.Errorf("7: read %d is answered twice", a.op.n+1)
	}
	s.reads[a.op.n], s.at[maxWrites+a.op.n] = over, 0
	must := s.must[a.op.n]
	s.must[a.op.n] = 0
	if a.status == shard.OK {
		if missing := must &^ a.seen; missing != 0 {
			return fmt.Errorf("7: read %d misses %v, acknowledged or read before it was asked: it saw %v", a.op.n+1, missing, a.seen)
		}
		if next(s.reads[:m.bounds.Reads]) >= 0 {
			s.seen |= a.seen
		}
	}
	return nil
}
