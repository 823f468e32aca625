package exhaust

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// model is the nodes and all that has ever been seen of them in a search: each message, each state of one node
// and each step of one node has a number, and is worked out once.
type model struct {
	bounds    Bounds
	genesis   *sequencer.Genesis
	register  *sequencer.Register // of the shard after this one; nothing happens there
	options   engine.Options
	chains    []shard.Chain // that nodes are told of decisions with
	registers []register

	messages *names[*shard.Message]
	entries  *names[shard.Entry]
	locals   *names[*local]
	steps    memo[*step]
}

// sequencerNode is the only member of the shard that sequences the one explored. It is not there itself: the register stands for it.
const sequencerNode shard.NodeID = 26

const never = 1 << 30 // ticks

func newModel(b Bounds) *model {
	var members []shard.NodeID
	for i := range b.Nodes {
		members = append(members, shard.NodeID(i+1))
	}
	m := &model{
		bounds: b, messages: newNames[*shard.Message](), entries: newNames[shard.Entry](), locals: newNames[*local](),
		genesis: &sequencer.Genesis{Cluster: "exhaust", Ring: sequencer.NewRing(2), Initial: []shard.Configuration{
			{Shard: 1, Epoch: 1, Members: members}, {Shard: 2, Epoch: 1, Members: []shard.NodeID{sequencerNode}},
		}},
	}
	m.register = m.genesis.InitialRegister(1)
	m.options = engine.Options{
		Genesis:      m.genesis,
		Replica:      shard.Options{MessageBytes: 1 << 20, InFlightBytes: 1 << 20, WaitingReads: maxReads, KeepBytes: 1 << 20},
		SuspectTicks: never, GraceTicks: never, ReportTicks: never, SessionTicks: never,
	}
	if b.Small {
		m.options.Replica.MessageBytes = 1
	}
	m.registers = []register{{chain: shard.Chain{m.genesis.Initial[0]}, begins: []shard.Epoch{1}, told: []uint32{0}}}
	m.chains = []shard.Chain{m.registers[0].chain}
	m.grow(0)
	m.entries.name(print128{}, func() shard.Entry { return nil }) // number 0 is no entry
	return m
}

// local is one state of one node. It is not kept itself, but how it came about: from an earlier state by an input. So it
// can be had again, as often as different inputs are tried on it, by doing the same once more.
type local struct {
	number uint32
	id     shard.NodeID
	from   *local // nil: the process came up from seed
	by     input
	seed   seed
	view   view
}

// step is what one input makes of a local state.
type step struct {
	to      *local
	sends   []parcel
	answers []answer
	acks    []shard.Message
	err     error
	// idle: nothing changed, and nothing came out.
	idle bool
}

// parcel is a message on its way, as numbers.
type parcel struct {
	route   route
	message uint32
}

// build brings a node into the state l.
func (m *model) build(l *local) *node {
	var inputs []input
	for ; l.from != nil; l = l.from {
		inputs = append(inputs, l.by)
	}
	n := m.start(l.id, l.seed)
	for _, in := range slices.Backward(inputs) {
		n.take(in)
	}
	return n
}

// try finds out what an input makes of a local state.
func (m *model) try(l *local, in input) *step {
	return m.steps.get(uint64(l.number)<<32|in.key(), func() *step {
		n := m.build(l)
		s := &step{}
		origin := local{id: l.id, from: l, by: in}
		if in.kind == inCrash {
			origin = local{id: l.id, seed: n.outlives(in.arg)}
		}
		n.take(in)
		n.judge()
		m.result(s, n, origin)
		s.idle = s.to == l && len(s.sends)+len(s.answers) == 0 && s.err == nil
		return s
	})
}

// result puts what came out into numbers.
func (m *model) result(s *step, n *node, origin local) {
	e := &n.effect
	s.err, s.answers = e.err, e.answers
	if s.err != nil {
		return
	}
	for _, msg := range e.sends {
		if covered(&msg) {
			continue
		}
		if msg.Kind == shard.MsgAck {
			s.acks = append(s.acks, msg)
		}
		s.sends = append(s.sends, parcel{route: routeOf(&msg), message: m.message(msg)})
	}
	s.to = m.local(n, origin)
}

func (m *model) message(msg shard.Message) uint32 {
	return m.messages.name(printOf(spell(nil, msg)), func() *shard.Message { return &msg })
}

func (m *model) entry(e shard.Entry) uint16 {
	n := m.entries.name(printOf(e), func() shard.Entry { return e })
	if n > 1<<16-1 {
		panic(fmt.Sprintf("more than %d different entries", 1<<16-1))
	}
	return uint16(n)
}

// local returns the number of the state that n is in.
func (m *model) local(n *node, origin local) *local {
	b := binary.AppendUvarint(nil, uint64(n.id))
	b = binary.AppendUvarint(b, n.boot)
	b = spell(b, n.applied)
	// Of what is durable counts what it says, not in how many records: what a start would make of it, and what the checks do.
	stored, err := replay(n.log[:n.synced])
	if err != nil {
		n.fail(err)
	}
	b = spell(b, stored)
	b = spell(b, n.fold(n.log[:n.synced]))
	for _, r := range n.log[n.synced:] {
		b = shard.AppendBytes(b, shard.AppendRecord(nil, r))
	}
	b = spell(b, n.host)
	return m.locals.at(m.locals.name(printOf(b), func() *local {
		l := origin
		l.view = n.view()
		l.number = uint32(m.locals.n)
		return &l
	}))
}

// disk is that of a member of the first configuration when it begins.
func (m *model) disk() seed {
	return seed{boot: 1, log: []shard.Record{{
		Shard: 1, Kind: shard.RecordState, Chain: m.registers[0].chain, Epoch: 1, Lineage: shard.Lineage{{Epoch: 1}},
	}}}
}
