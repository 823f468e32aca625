package check

import (
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/history"
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
	s := &story{t: t, Checker: New([]shard.Configuration{first}, first.Members), logs: map[shard.NodeID]*shard.Stored{1: {}, 2: {}}}
	for _, n := range first.Members {
		s.write(n, shard.Record{Kind: shard.RecordState, Chain: shard.Chain{first}, Epoch: 1, Lineage: shard.Lineage{{Epoch: 1}}})
		s.sync(n)
		s.Boots(n, 1, 0, stored(nil))
	}
	return s
}

// write lets a node append a record.
func (s *story) write(n shard.NodeID, r shard.Record) {
	r.Shard = 1
	// What does not fit is the checker's to say.
	_ = s.logs[n].Replay(r)
	s.Wrote(n, shard.AppendRecord(nil, r))
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
	s.persist(sequencer.Reconfigure(second))
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

// TestGoodStory tells a life in which nothing is wrong: the product's machine and the checker's model agree on
// commands of every kind, and one configuration follows the other.
func TestGoodStory(t *testing.T) {
	s := begin(t)
	id := func(op, oldest uint64) shard.Identity { return shard.Identity{Session: 2, Op: op, Oldest: oldest} }
	key, value := []byte("k"), []byte("v")
	c := contentsOf{}
	m := machine(t, c)
	for _, cmd := range []shard.Command{
		put("k", "v"),
		{Kind: shard.CommandOpenSession},
		{Kind: shard.CommandPut, Identity: id(1, 1), Key: key, Value: value},
		{Kind: shard.CommandPut, Identity: id(1, 1), Key: key, Value: value}, // again
		{Kind: shard.CommandPut, Identity: id(2, 1), If: shard.Condition{Set: true, Version: 1}, Key: key, Value: value},
		{Kind: shard.CommandDelete, Identity: id(3, 3), Key: key},
		{Kind: shard.CommandDelete, Identity: id(2, 2), Key: key}, // forgotten
		{Kind: shard.CommandDelete, Key: key},
		{Kind: shard.CommandExpireSessions, Expired: []shard.Idle{{Session: 2, LastUsed: 6}}}, // was used since
		{Kind: shard.CommandExpireSessions, Expired: []shard.Idle{{Session: 2, LastUsed: 7}}},
		{Kind: shard.CommandPut, Identity: id(4, 4), Key: key, Value: value}, // expired
		sequencer.Activated(first),
	} {
		e := s.persist(cmd)
		r := apply(t, m, e)
		for _, n := range first.Members {
			s.Works(n, &shard.Work{Shard: 1, Entry: e}, false)
			s.Applied(n, 1, e.Seqno(), r)
			applied, _ := m.Applied()
			s.Shows(n, 1, applied, stored(c))
		}
	}
	s.decide()
	s.Sends(2, &shard.Message{Kind: shard.MsgWedged, Shard: 1, Epoch: 2, Active: 1, Last: 13, Chain: both})
	s.activate(13)
	s.append(2, 2, put("k", "w"))
	s.Crashed(2, 1)
	s.Sends(2, &shard.Message{Kind: shard.MsgFenced, Shard: 1, Epoch: 2, Commit: 14})
	s.Ends()
	if v := s.Violation(); v != nil {
		t.Fatal(v)
	}
}

// TestViolations tells what must not be, sentence by sentence of the package's doc.
func TestViolations(t *testing.T) {
	message := func(s *story, n shard.NodeID, m shard.Message) {
		m.Shard = 1
		s.Sends(n, &m)
	}
	work := func(s *story, n shard.NodeID, e shard.Entry) { s.Works(n, &shard.Work{Shard: 1, Entry: e}, false) }
	for _, c := range []struct {
		invariant int
		words     string
		tell      func(s *story)
	}{
		{1, "was not decided", func(s *story) {
			message(s, 1, shard.Message{Kind: shard.MsgWedge, Epoch: 1, Chain: both})
		}},
		{1, "was not decided", func(s *story) {
			// It stands in one log only.
			s.append(1, 1, sequencer.Reconfigure(second))
			s.sync(1)
			s.write(1, shard.Record{Kind: shard.RecordPromise, Chain: both})
		}},
		{1, "decided were [2]", func(s *story) {
			s.decide()
			message(s, 1, shard.Message{Kind: shard.MsgRefuse, Epoch: 1, Chain: shard.Chain{first, {Shard: 1, Epoch: 2, Members: []shard.NodeID{1}}}})
		}},
		{1, "never was active", func(s *story) {
			s.decide()
			message(s, 1, shard.Message{Kind: shard.MsgWedge, Epoch: 2, Chain: shard.Chain{second}})
		}},
		{2, "hold different entries 1", func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.append(2, 1, put("k", "w"))
		}},
		{2, "lineage", func(s *story) {
			s.decide()
			hash, _ := s.logs[2].HashAt(1)
			s.write(2, shard.Record{Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 2, Seqno: 0}}, Cut: 1, Hash: hash})
		}},
		{3, "lacks what was persistent before", func(s *story) {
			s.decide()
			s.activate(0)
		}},
		{3, "have become persistent in epoch 1", func(s *story) {
			// Node 1 has the entry durable only after node 2 has gone on without it.
			s.persist(sequencer.Reconfigure(second))
			s.append(1, 1, put("k", "v"))
			s.append(2, 1, put("k", "v"))
			s.sync(2)
			s.write(2, shard.Record{Kind: shard.RecordPromise, Chain: both})
			s.activate(1)
			s.sync(1)
		}},
		{4, "accepts entry 2 of epoch 1", func(s *story) {
			s.decide()
			s.append(2, 1, put("k", "v"))
		}},
		{4, "sends Ack of epoch 1", func(s *story) {
			s.decide()
			message(s, 2, shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 1})
		}},
		{4, "sends Fenced of epoch 1", func(s *story) {
			s.decide()
			s.Crashed(2, 0)
			message(s, 2, shard.Message{Kind: shard.MsgFenced, Epoch: 1})
		}},
		{4, "commits or reads", func(s *story) {
			s.decide()
			s.Works(2, &shard.Work{Shard: 1, Key: []byte("k")}, false)
		}},
		{4, "answers a wedge with promise 2", func(s *story) {
			s.persist(sequencer.Reconfigure(second))
			s.write(2, shard.Record{Kind: shard.RecordPromise, Chain: both})
			message(s, 2, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 1, Last: 1})
		}},
		{4, "answers a wedge with (1, 2)", func(s *story) {
			s.decide()
			message(s, 2, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 1, Last: 2})
		}},
		{5, "acknowledges 1", func(s *story) {
			s.append(2, 1, put("k", "v"))
			message(s, 2, shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 1})
		}},
		{5, "persistent is 0", func(s *story) {
			e := s.append(1, 1, put("k", "v"))
			s.sync(1)
			work(s, 1, e)
		}},
		{5, "applies entry 1 after 1", func(s *story) {
			e := s.persist(put("k", "v"))
			work(s, 1, e)
			work(s, 1, e)
		}},
		{5, "commits another entry 1", func(s *story) {
			e := s.entry(1, 1, put("k", "w"))
			s.persist(put("k", "v"))
			work(s, 1, e)
		}},
		{5, "tells with Append that 1 is committed", func(s *story) {
			message(s, 1, shard.Message{Kind: shard.MsgAppend, Epoch: 1, Commit: 1})
		}},
		{5, "and it has (ok, 1)", func(s *story) {
			s.persist(put("k", "v"))
			s.Applied(1, 1, 1, shard.Result{Status: shard.NotFound})
		}},
		{5, "the keys of node 1", func(s *story) {
			c := contentsOf{}
			apply(s.t, machine(s.t, c), s.persist(put("k", "v")))
			c["kk"][8]++
			s.Shows(1, 1, 1, stored(c))
		}},
		{6, "which is another's", func(s *story) {
			s.persist(put("k", "v"))
			s.Answers(1, &shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("w")}, shard.Result{Status: shard.OK, Version: 1})
		}},
		{6, "does not hold what was acknowledged", func(s *story) {
			s.persist(put("k", "v"))
			s.Answers(1, &shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("v")}, shard.Result{Status: shard.OK, Version: 1})
			s.nodes[2].durable[1].history = nil
			s.Ends()
		}},
		{7, "which nobody wrote", func(s *story) {
			s.persist(put("k", "v"))
			s.Answers(1, &shard.Request{Shard: 1, Kind: shard.Get, Key: []byte("k")}, shard.Result{Status: shard.OK, Version: 1, Value: []byte("w")})
		}},
		{7, "violated", func(s *story) {
			s.persist(put("k", "v"))
			write := shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("v")}
			s.Linearizable([]Call{
				{history.Op{Kind: history.Put, Key: "k", Value: history.Of(write.Value), Call: 1, Return: 2, Outcome: history.OK, Version: 1}, write},
				{history.Op{Client: 1, Kind: history.Get, Key: "k", Call: 3, Return: 4, Outcome: history.NotFound}, shard.Request{Shard: 1, Kind: shard.Get}},
			})
		}},
		{7, "violated", func(s *story) {
			// Nobody knows the outcome of the write; the truth has it, so a read cannot see it come and go.
			s.persist(put("k", "v"))
			write := shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("v")}
			get := shard.Request{Shard: 1, Kind: shard.Get}
			s.Linearizable([]Call{
				{history.Op{Kind: history.Put, Key: "k", Value: history.Of(write.Value), Call: 1}, write},
				{history.Op{Client: 1, Kind: history.Get, Key: "k", Value: history.Of(write.Value), Call: 2, Return: 3, Outcome: history.OK, Version: 1}, get},
				{history.Op{Client: 1, Kind: history.Get, Key: "k", Call: 4, Return: 5, Outcome: history.NotFound}, get},
			})
		}},
	} {
		t.Run(c.words, func(t *testing.T) {
			s := begin(t)
			c.tell(s)
			v := s.Violation()
			if v == nil || v.Invariant != c.invariant || !strings.Contains(v.Reason, c.words) {
				t.Errorf("got %v, want invariant %d and the words %q", v, c.invariant, c.words)
			}
		})
	}
}
