package check

import (
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// story is a cluster of two nodes and one shard, which sequences itself, as a test tells it.
type story struct {
	t *testing.T
	*Checker
	logs map[shard.NodeID]*shard.Stored
}

var (
	first  = shard.Configuration{Shard: 1, Epoch: 1, Members: []shard.NodeID{1, 2}}
	second = shard.Configuration{Shard: 1, Epoch: 2, Members: []shard.NodeID{2}}
	both   = shard.Chain{first, second}
)

func begin(t *testing.T) *story {
	s := &story{
		t: t, Checker: New([]shard.Configuration{first}, first.Members, Limits{InFlightBytes: 100, RequestBytes: 200, WaitingReads: 3}),
		logs: map[shard.NodeID]*shard.Stored{1: {}, 2: {}},
	}
	for _, n := range first.Members {
		s.write(n, shard.Record{Kind: shard.RecordState, Chain: shard.Chain{first}, Epoch: 1, Lineage: shard.Lineage{{Epoch: 1}}})
		s.sync(n)
		s.Survives(n, 0)
		s.Boots(n, 1, 0, stored(nil))
	}
	return s
}

// write lets a node append a record.
func (s *story) write(n shard.NodeID, r shard.Record) {
	s.accept(n, r)
	r.Shard = 1
	s.Wrote(n, shard.AppendRecord(nil, r))
}

// accept lets a node have a record in memory only.
func (s *story) accept(n shard.NodeID, r shard.Record) {
	r.Shard = 1
	// What does not fit is the checker's to say.
	_ = s.logs[n].Replay(r)
	if r.Kind == shard.RecordEntry {
		s.Takes(n, &shard.Message{Kind: shard.MsgAppend, Shard: 1, Entries: []shard.Entry{r.Entry}})
	}
	if r.Kind != shard.RecordState {
		s.Accepts(n, []shard.Record{r})
	}
}

func (s *story) sync(n shard.NodeID) { s.Synced(n, len(s.nodes[n].pending)) }

// entry is the one that would follow at a node.
func (s *story) entry(n shard.NodeID, epoch shard.Epoch, c shard.Command) shard.Entry {
	l := s.logs[n]
	hash, _ := l.HashAt(l.Last())
	return shard.NewEntry(epoch, l.Last()+1, hash, shard.AppendCommand(nil, c))
}

func (s *story) append(n shard.NodeID, epoch shard.Epoch, c shard.Command) shard.Entry {
	e := s.entry(n, epoch, c)
	s.write(n, shard.Record{Kind: shard.RecordEntry, Entry: e})
	return e
}

// restart lets a node crash, of whose log records survive, and come up again.
func (s *story) restart(n shard.NodeID, survivors int) {
	s.Crashed(n)
	s.Survives(n, survivors)
	s.Boots(n, 1, 0, stored(nil))
}

// stand is what a node in good order would say of itself, changed by change.
func (s *story) stand(n shard.NodeID, change func(*shard.Standing)) {
	m, l := s.nodes[n].memory[1], s.nodes[n].lives[1]
	standing := shard.Standing{
		Configuration: first, State: shard.Active, Active: shard.Epoch(m.active),
		Last: shard.Seqno(m.history.last()), Durable: shard.Seqno(s.nodes[n].durable[1].history.last()), Commit: shard.Seqno(l.given),
	}
	if m.promised == 2 {
		standing.Configuration = second
	}
	if m.active < m.promised {
		standing.State = shard.Immutable
	}
	change(&standing)
	s.Stands(n, &standing)
}

// work gives an entry to a node's applier.
func (s *story) work(n shard.NodeID, e shard.Entry) {
	s.Works(n, &shard.Work{Shard: 1, Entry: e}, Moment{}, false)
}

// message lets a node send one.
func (s *story) message(n shard.NodeID, m shard.Message) {
	m.Shard = 1
	s.Sends(n, &m)
}

// answer lets a node answer a request that came before anything happened, from what stands up to a position.
func (s *story) answer(n shard.NodeID, q shard.Request, at shard.Seqno, r shard.Result) {
	q.Shard = 1
	s.Answers(n, &q, Moment{}, at, r)
}

// persist lets both nodes have an entry durable.
func (s *story) persist(c shard.Command) shard.Entry {
	for _, n := range first.Members {
		s.append(n, 1, c)
		s.sync(n)
	}
	l := s.logs[1]
	return l.Entries[len(l.Entries)-1]
}

// decide persists the second configuration, and lets node 2 promise it.
func (s *story) decide() {
	s.persist(sequencer.Reconfigure(second, sequencer.Reason{}))
	s.write(2, shard.Record{Kind: shard.RecordPromise, Chain: both})
	s.sync(2)
}

func (s *story) activate(cut shard.Seqno) {
	hash, _ := s.logs[2].HashAt(cut)
	s.write(2, shard.Record{Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 1}, {Epoch: 2, Seqno: cut}}, Cut: cut, Hash: hash})
	s.sync(2)
}

func put(key, value string) shard.Command {
	return shard.Command{Kind: shard.CommandPut, Key: []byte(key), Value: []byte(value)}
}

// stored yields the contents of a machine.
func stored(c contentsOf) func(func(k, v []byte) bool) {
	return func(yield func(k, v []byte) bool) {
		for k, v := range c {
			if !yield([]byte(k), v) {
				return
			}
		}
	}
}

// contentsOf is the plainest shard.Contents.
type contentsOf map[string][]byte

func (c contentsOf) Get(key []byte) ([]byte, bool, error)             { v, ok := c[string(key)]; return v, ok, nil }
func (c contentsOf) Set(key, value []byte) error                      { c[string(key)] = value; return nil }
func (c contentsOf) Delete(key []byte) error                          { delete(c, string(key)); return nil }
func (c contentsOf) Scan([]byte, func(key, value []byte) error) error { return nil }
func (c contentsOf) Clear() error                                     { clear(c); return nil }
func (c contentsOf) Commit() error                                    { return nil }

// machine is the product's, over c.
func machine(t *testing.T, c contentsOf) *shard.Machine {
	g := &sequencer.Genesis{Cluster: "test", Ring: sequencer.NewRing(1), Initial: []shard.Configuration{first}}
	m, err := shard.OpenMachine(c, g.InitialRegister(1), sequencer.DecodeRegister)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func apply(t *testing.T, m *shard.Machine, e shard.Entry) shard.Result {
	r, err := m.Apply(e)
	if err == nil {
		err = m.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
