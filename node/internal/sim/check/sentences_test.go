package check

import (
	"strings"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// TestGoodStory tells a life in which nothing is wrong: the product's machine and the checker's model agree on
// commands of every kind, and one configuration follows the other.
func TestGoodStory(t *testing.T) {
	s := begin(t)
	s.message(1, shard.Message{Kind: shard.MsgConnect, Epoch: 1, Number: 7})
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
		sequencer.Activated(first, sequencer.Outcome{}),
	} {
		e := s.persist(cmd)
		r := apply(t, m, e)
		for _, n := range first.Members {
			s.work(n, e)
			s.Applied(n, 1, e.Seqno(), r)
			applied, _ := m.Applied()
			s.Shows(n, 1, applied, stored(c))
			s.stand(n, func(st *shard.Standing) { st.Synced = true })
			got, err := m.Read(key)
			if err != nil {
				t.Fatal(err)
			}
			s.Answers(n, &shard.Request{Shard: 1, Kind: shard.Get, Key: key}, s.Arrives(1), applied, got)
		}
		s.message(2, shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: e.Seqno()})
		s.message(1, shard.Message{Kind: shard.MsgAppend, Epoch: 1, Last: e.Seqno() - 1, Entries: []shard.Entry{e}, Commit: e.Seqno()})
	}
	s.decide()
	s.Learns(1, both)
	s.Told(1, shard.Chain{second})
	s.message(2, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 1, Last: 13, Chain: both})
	s.activate(13)
	s.append(2, 2, put("k", "w"))
	s.restart(2, 1)
	s.stand(2, func(*shard.Standing) {})
	s.message(2, shard.Message{Kind: shard.MsgFenced, Epoch: 2, Commit: 14})
	s.Ends()
	if v := s.Violation(); v != nil {
		t.Fatal(v)
	}
}

// violation is a story that breaks a sentence: which, and what the report says of it.
type violation struct {
	invariant int
	words     string
	tell      func(s *story)
}

func tellAll(t *testing.T, violations []violation) {
	for _, c := range violations {
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

func TestConfigurations(t *testing.T) {
	other := shard.Chain{first, {Shard: 1, Epoch: 2, Members: []shard.NodeID{1}}}
	tellAll(t, []violation{
		{1, "node 1 names epoch 2 with members [2], which was not decided", func(s *story) {
			s.message(1, shard.Message{Kind: shard.MsgWedge, Epoch: 1, Chain: both})
		}},
		{1, "node 1 names epoch 2 with members [2], which was not decided: the newest is 1", func(s *story) {
			// It stands in one log only.
			s.append(1, 1, sequencer.Reconfigure(second, sequencer.Reason{}))
			s.sync(1)
			s.accept(1, shard.Record{Kind: shard.RecordPromise, Chain: both})
		}},
		{1, "decided were [2]", func(s *story) {
			s.decide()
			s.message(1, shard.Message{Kind: shard.MsgRefuse, Epoch: 1, Chain: other})
		}},
		{1, "sends Wedge of epoch 2, which was not decided", func(s *story) {
			s.message(1, shard.Message{Kind: shard.MsgWedge, Epoch: 2})
		}},
		{1, "node 1 names a chain of configurations that begins with epoch 2, in which member 2 never was active", func(s *story) {
			s.decide()
			s.message(1, shard.Message{Kind: shard.MsgWedge, Epoch: 2, Chain: shard.Chain{second}})
		}},
		{1, "the gossip that reaches node 1 names a chain of configurations that begins with epoch 2", func(s *story) {
			s.decide()
			s.Learns(1, shard.Chain{second})
		}},
		{1, "an answer to client 3 names epoch 2 with members [1], decided were [2]", func(s *story) {
			s.decide()
			s.Told(3, other)
		}},
		{1, "the memory of node 1 names epoch 2", func(s *story) {
			s.stand(1, func(st *shard.Standing) { st.Configuration = second })
		}},
		{1, "which is not in the ring", func(s *story) {
			s.Told(3, shard.Chain{{Shard: 9, Epoch: 1, Members: []shard.NodeID{1}}})
		}},
	})
}

// TestSecondDecision: of two decisions for one epoch the first is in force, whatever comes behind it.
func TestSecondDecision(t *testing.T) {
	s := begin(t)
	s.persist(sequencer.Reconfigure(second, sequencer.Reason{}))
	s.persist(sequencer.Reconfigure(shard.Configuration{Shard: 1, Epoch: 2, Members: []shard.NodeID{1}}, sequencer.Reason{}))
	if _, members := s.Newest(1); len(members) != 1 || members[0] != 2 || s.Violation() != nil {
		t.Errorf("decided is %v, %v; want the first decision", members, s.Violation())
	}
}

func TestEntries(t *testing.T) {
	tellAll(t, []violation{
		{2, "node 2 and node 1 have different entries 1 of epoch 1", func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.append(2, 1, put("k", "w"))
		}},
		{2, "node 2 and node 1 have different entries 1", func(s *story) {
			// Neither is in a log yet.
			s.accept(1, shard.Record{Kind: shard.RecordEntry, Entry: s.entry(1, 1, put("k", "v"))})
			s.accept(2, shard.Record{Kind: shard.RecordEntry, Entry: s.entry(2, 1, put("k", "w"))})
		}},
		{2, "a message of node 2 and node 1 have different entries 1", func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.message(2, shard.Message{Kind: shard.MsgHandBack, Epoch: 1, Entries: []shard.Entry{s.entry(2, 1, put("k", "w"))}})
		}},
		{2, "not the next it has accepted", func(s *story) {
			for _, v := range []string{"v", "w"} {
				s.accept(1, shard.Record{Kind: shard.RecordEntry, Entry: s.entry(1, 1, put("k", v))})
			}
			e := s.logs[1].Entries[1]
			s.Wrote(1, shard.AppendRecord(nil, shard.Record{Shard: 1, Kind: shard.RecordEntry, Entry: e}))
		}},
		{2, "answers handshake 3 of node 1, and has answered 4", func(s *story) {
			for _, ask := range []shard.Number{4, 4, 3} {
				s.message(2, shard.Message{Kind: shard.MsgConnected, Epoch: 1, To: 1, Link: shard.Link{Ask: ask}})
			}
		}},
		{2, "writes what is no record", func(s *story) { s.Wrote(1, []byte{99}) }},
		{2, "no record of a replica it has", func(s *story) {
			s.Accepts(1, []shard.Record{{Shard: 7, Kind: shard.RecordPromise, Chain: both}})
		}},
		{2, "accepts entry 1, which no connection that holds has brought", func(s *story) {
			e := s.entry(2, 1, put("k", "v"))
			s.Takes(2, &shard.Message{Kind: shard.MsgAppend, Shard: 1, Link: shard.Link{Ask: 1, Answer: 1}, Entries: []shard.Entry{e}})
			s.Takes(2, &shard.Message{Kind: shard.MsgHandBack, Shard: 1, Link: shard.Link{Ask: 1, Answer: 1}, Entries: []shard.Entry{e}})
			s.Accepts(2, []shard.Record{{Shard: 1, Kind: shard.RecordEntry, Entry: e}})
		}},
		{2, "is synced with entries up to 0, and node 2 behind it has other ones, up to 1", func(s *story) {
			s.append(2, 1, put("k", "v"))
			s.stand(1, func(st *shard.Standing) { st.Synced = true })
		}},
		{2, "accepts entry 2 after 0", func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.accept(2, shard.Record{Kind: shard.RecordEntry, Entry: s.entry(1, 1, put("k", "w"))})
		}},
		{2, "begins a replica anew that it has", func(s *story) {
			s.write(1, shard.Record{Kind: shard.RecordState, Chain: shard.Chain{first}, Epoch: 1, Lineage: shard.Lineage{{Epoch: 1}}, Cut: 5})
		}},
		{2, "does not end with (2, 1)", func(s *story) {
			s.decide()
			hash, _ := s.logs[2].HashAt(1)
			s.write(2, shard.Record{Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 2, Seqno: 0}}, Cut: 1, Hash: hash})
		}},
		{2, "is of epoch 1, of 2 by the lineage", func(s *story) {
			s.persist(put("k", "v"))
			s.decide()
			s.write(2, shard.Record{Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 2, Seqno: 0}, {Epoch: 2, Seqno: 2}}, Cut: 2})
		}},
		{2, "beyond its end 1", func(s *story) {
			s.decide()
			s.write(2, shard.Record{Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 1}, {Epoch: 2, Seqno: 3}}, Cut: 3})
		}},
		{2, "activates epoch 2 with entry 3 after 1", func(s *story) {
			s.decide()
			for _, v := range []string{"v", "w"} {
				s.append(1, 1, put("k", v))
			}
			s.write(2, shard.Record{
				Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 1}, {Epoch: 2, Seqno: 3}}, Cut: 1, Entries: s.logs[1].Entries[2:],
			})
		}},
		{2, "once more, and differently", func(s *story) {
			s.persist(put("k", "v"))
			s.write(1, shard.Record{Kind: shard.RecordActivate, Epoch: 1, Lineage: shard.Lineage{{Epoch: 1}}})
		}},
	})
}

func TestPersistence(t *testing.T) {
	tellAll(t, []violation{
		{3, "lacks what was persistent before", func(s *story) {
			s.decide()
			s.activate(0)
		}},
		{3, "have become persistent in epoch 1", func(s *story) {
			// Node 1 has the entry durable only after node 2 has gone on without it.
			s.persist(sequencer.Reconfigure(second, sequencer.Reason{}))
			s.append(1, 1, put("k", "v"))
			s.append(2, 1, put("k", "v"))
			s.sync(2)
			s.write(2, shard.Record{Kind: shard.RecordPromise, Chain: both})
			s.activate(1)
			s.sync(1)
		}},
	})
}

func TestPromises(t *testing.T) {
	wedged := func(active shard.Epoch, last shard.Seqno) func(s *story) {
		return func(s *story) {
			s.decide()
			s.message(2, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: active, Last: last})
		}
	}
	tellAll(t, []violation{
		{4, "accepts entry 2 of epoch 1", func(s *story) {
			s.decide()
			s.append(2, 1, put("k", "v"))
		}},
		{4, "accepts entry 1 of epoch 2, being active in 1", func(s *story) { s.append(2, 2, put("k", "v")) }},
		{4, "promises epoch 2 after 2", func(s *story) {
			s.decide()
			s.accept(2, shard.Record{Kind: shard.RecordPromise, Chain: both})
		}},
		{4, "activates epoch 2 with a promise for 1", func(s *story) {
			s.persist(sequencer.Reconfigure(second, sequencer.Reason{}))
			s.write(2, shard.Record{Kind: shard.RecordActivate, Epoch: 2, Lineage: shard.Lineage{{Epoch: 1}, {Epoch: 2, Seqno: 1}}, Cut: 1})
		}},
		{4, "sends Ack of epoch 1", func(s *story) {
			s.decide()
			s.message(2, shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 1})
		}},
		{4, "sends Fence of epoch 1", func(s *story) {
			s.decide()
			s.message(2, shard.Message{Kind: shard.MsgFence, Epoch: 1})
		}},
		{4, "sends Fenced of epoch 1", func(s *story) {
			s.decide()
			s.restart(2, 0)
			s.message(2, shard.Message{Kind: shard.MsgFenced, Epoch: 1})
		}},
		{4, "goes by epoch 1, and has promised 2, durably 2", func(s *story) {
			s.decide()
			s.restart(2, 0)
			s.stand(2, func(st *shard.Standing) { st.Configuration = first })
		}},
		{4, "confirms that it is active in epoch 2, and is durably in 1", func(s *story) {
			s.decide()
			s.message(2, shard.Message{Kind: shard.MsgFenced, Epoch: 2})
		}},
		{4, "says it is ACTIVE with epoch 2, active in 2, and is durably in 1", func(s *story) {
			s.decide()
			s.stand(2, func(st *shard.Standing) { st.State, st.Active = shard.Active, 2 })
		}},
		{4, "commits or reads in epoch 1", func(s *story) {
			s.decide()
			s.Works(2, &shard.Work{Shard: 1, Key: []byte("k")}, Moment{}, false)
		}},
		{4, "answers a wedge with promise 2", func(s *story) {
			s.persist(sequencer.Reconfigure(second, sequencer.Reason{}))
			s.write(2, shard.Record{Kind: shard.RecordPromise, Chain: both})
			s.message(2, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 1, Last: 1})
		}},
		{4, "answers a wedge with (1, 2), and has durable (1, 1)", wedged(1, 2)},
		{4, "answers a wedge with (1, 0), and has durable (1, 1)", wedged(1, 0)},
		{4, "answers a wedge with (2, 1), and has durable (1, 1)", wedged(2, 1)},
		{4, "answers a wedge with (2, 9), and has durable (2, 1) only", func(s *story) {
			s.decide()
			s.activate(1)
			s.message(2, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 2, Last: 9})
		}},
		{4, "denies a replica that it has", func(s *story) {
			s.message(2, shard.Message{Kind: shard.MsgWedged, Epoch: 1, Unknown: true})
		}},
		{4, "of which its disk knows nothing", func(s *story) {
			s.Crashed(1)
			s.Stands(1, &shard.Standing{Configuration: first})
		}},
	})
}

func TestPositions(t *testing.T) {
	tellAll(t, []violation{
		{5, "node 2 acknowledges 1 in epoch 1, and has durable 0", func(s *story) {
			s.append(2, 1, put("k", "v"))
			s.message(2, shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 1})
		}},
		{5, "node 1 acknowledges 1 in epoch 1, and node 2 behind it has durable 0", func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.sync(1)
			s.message(1, shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 1})
		}},
		{5, "persistent is 0", func(s *story) {
			e := s.append(1, 1, put("k", "v"))
			s.sync(1)
			s.work(1, e)
		}},
		{5, "applies entry 1 after 1", func(s *story) {
			e := s.persist(put("k", "v"))
			s.work(1, e)
			s.work(1, e)
		}},
		{5, "commits another entry 1", func(s *story) {
			e := s.entry(1, 1, put("k", "w"))
			s.persist(put("k", "v"))
			s.work(1, e)
		}},
		{5, "commits entry 1, and has durable 0", func(s *story) {
			e := s.persist(put("k", "v"))
			s.nodes[1].durable[1].history = nil
			s.work(1, e)
		}},
		{5, "serves a shard that it does not host", func(s *story) {
			s.Crashed(1)
			s.Works(1, &shard.Work{Shard: 1, Key: []byte("k")}, Moment{}, false)
		}},
		{5, "tells with Append that 1 is committed", func(s *story) {
			s.message(1, shard.Message{Kind: shard.MsgAppend, Epoch: 1, Commit: 1})
		}},
		{5, "tells with Fenced that 1 is committed", func(s *story) {
			s.message(1, shard.Message{Kind: shard.MsgFenced, Epoch: 1, Commit: 1})
		}},
		{5, "and it has (ok, 1)", func(s *story) {
			s.persist(put("k", "v"))
			s.Applied(1, 1, 1, shard.Result{Status: shard.NotFound})
		}},
		{5, "applies entry 1, and persistent is 0", func(s *story) { s.Applied(1, 1, 1, shard.Result{}) }},
		{5, "the keys of node 1", func(s *story) {
			c := contentsOf{}
			e := s.persist(put("k", "v"))
			apply(s.t, machine(s.t, c), e)
			c["kk"][8]++
			s.work(1, e)
			s.Shows(1, 1, 1, stored(c))
		}},
		{5, "the sessions of node 1", func(s *story) {
			c := contentsOf{}
			e := s.persist(shard.Command{Kind: shard.CommandOpenSession})
			apply(s.t, machine(s.t, c), e)
			for k := range c {
				if k[0] == 's' {
					delete(c, k)
				}
			}
			s.work(1, e)
			s.Shows(1, 1, 1, stored(c))
		}},
		{5, "the register of node 1", func(s *story) {
			c := contentsOf{}
			e := s.persist(sequencer.Reconfigure(second, sequencer.Reason{}))
			apply(s.t, machine(s.t, c), e)
			delete(c, "r")
			s.work(1, e)
			s.Shows(1, 1, 1, stored(c))
		}},
		{5, "its machine at 2", func(s *story) {
			c := contentsOf{}
			apply(s.t, machine(s.t, c), s.persist(put("k", "v")))
			s.Shows(1, 1, 2, stored(c))
		}},
		{5, "contents of node 1 are at 1, and committed is 0", func(s *story) {
			c := contentsOf{}
			apply(s.t, machine(s.t, c), s.persist(put("k", "v")))
			s.Shows(1, 1, 1, stored(c))
		}},
		{5, "contents of node 1 fall from 1 to 0", func(s *story) {
			c := contentsOf{}
			e := s.persist(put("k", "v"))
			apply(s.t, machine(s.t, c), e)
			s.work(1, e)
			s.Shows(1, 1, 1, stored(c))
			s.Shows(1, 1, 0, stored(nil))
		}},
		{5, "contents of node 1: malformed", func(s *story) { s.Shows(1, 1, 0, stored(contentsOf{"?": nil})) }},
		{5, "persistent entry 1: malformed", func(s *story) {
			for _, n := range first.Members {
				s.write(n, shard.Record{Kind: shard.RecordEntry, Entry: shard.NewEntry(1, 1, 0, []byte{99})})
				s.sync(n)
			}
		}},
		{5, "says its history ends at 1", func(s *story) { s.stand(1, func(st *shard.Standing) { st.Last = 1 }) }},
		{5, "says that 1 is durable", func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.stand(1, func(st *shard.Standing) { st.Durable = 1 })
		}},
		{5, "commit of node 1 falls from 1 to 0", func(s *story) {
			s.work(1, s.persist(put("k", "v")))
			s.stand(1, func(*shard.Standing) {})
			s.stand(1, func(st *shard.Standing) { st.Commit = 0 })
		}},
		{5, "commit of node 1 is 1, and its applier was given up to 0", func(s *story) {
			s.persist(put("k", "v"))
			s.stand(1, func(st *shard.Standing) { st.Commit = 1 })
		}},
		{5, "answers from what stands up to 1, and persistent is 0", func(s *story) {
			s.answer(1, shard.Request{Kind: shard.Get, Key: []byte("k")}, 1, shard.Result{Status: shard.NotFound})
		}},
	})
}
