package check

import (
	"testing"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/shard"
)

func TestExactlyOnce(t *testing.T) {
	write := shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("v")}
	ok := shard.Result{Status: shard.OK, Version: 1}
	named := func(session, op uint64) shard.Identity {
		return shard.Identity{Session: shard.SessionID(session), Op: op, Oldest: 1}
	}
	call := func(outcome history.Outcome, version uint64, names ...shard.Identity) Call {
		return Call{Op: history.Op{Kind: history.Put, Key: "k", Outcome: outcome, Version: version}, Request: write, Names: names}
	}
	under := func(id shard.Identity) shard.Command {
		c := put("k", "v")
		c.Identity = id
		return c
	}
	tellAll(t, []violation{
		{6, "with version 1, which is another's", func(s *story) {
			s.persist(put("k", "w"))
			s.answer(1, write, 1, ok)
		}},
		{6, "answers with version 2, and has applied 1", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, write, 1, shard.Result{Status: shard.OK, Version: 2})
		}},
		{6, "answers with session 1, and entry 1 opens none", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, shard.Request{Kind: shard.OpenSession}, 1, ok)
		}},
		{6, "and it took effect at 2", func(s *story) {
			// The same command stands there twice, and the second is answered as if it had been carried out.
			s.persist(shard.Command{Kind: shard.CommandOpenSession})
			s.persist(under(named(1, 1)))
			s.persist(under(named(1, 1)))
			q := write
			q.Identity = named(1, 1)
			s.answer(1, q, 3, shard.Result{Status: shard.OK, Version: 3})
		}},
		{6, "took effect 2 times, at [3 4]", func(s *story) {
			for range 2 {
				s.persist(shard.Command{Kind: shard.CommandOpenSession})
			}
			s.persist(under(named(1, 1)))
			s.persist(under(named(2, 1)))
			s.Once([]Call{call(history.OK, 3, named(1, 1), named(2, 1))})
		}},
		{6, "is told to have version 2, and took effect at [1]", func(s *story) {
			s.persist(put("k", "v"))
			s.Once([]Call{call(history.OK, 2)})
		}},
		{6, "is told to have version 1, and took effect at []", func(s *story) { s.Once([]Call{call(history.OK, 1)}) }},
		{6, "is told not to have happened, and took effect at 1", func(s *story) {
			// Its caller lost patience, and took that for an answer.
			s.persist(put("k", "v"))
			s.Once([]Call{call(history.Unknown, 0), call(history.NotApplied, 0)})
		}},
		{6, "does not hold what was acknowledged", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, write, 1, ok)
			s.nodes[2].durable[1].history = nil
			s.Ends()
		}},
	})
}

func TestReads(t *testing.T) {
	get := shard.Request{Shard: 1, Kind: shard.Get, Key: []byte("k")}
	write := shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("v")}
	missing := shard.Result{Status: shard.NotFound}
	call := func(q shard.Request, o history.Op) Call {
		o.Key = "k"
		return Call{Op: o, Request: q}
	}
	value := history.Of(write.Value)
	tellAll(t, []violation{
		{7, "which is not so at 1", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, get, 1, shard.Result{Status: shard.OK, Version: 1, Value: []byte("w")})
		}},
		{7, "which is not so at 2", func(s *story) {
			s.persist(put("k", "v"))
			s.persist(put("k", "w"))
			stale := get
			stale.Stale = true
			s.answer(1, stale, 1, shard.Result{Status: shard.OK, Version: 1, Value: []byte("v")}) // that was so
			s.answer(1, get, 2, shard.Result{Status: shard.OK, Version: 1, Value: []byte("v")})
		}},
		{7, "does not find \"k\", which has version 1 at 1", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, get, 1, missing)
		}},
		{7, "reads \"k\" at 0, and clients had been shown what stands up to 1", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, write, 1, shard.Result{Status: shard.OK, Version: 1})
			s.Answers(2, &get, s.Arrives(1), 0, missing)
		}},
		{7, "reads \"k\" at 0, and clients had been shown what stands up to 1", func(s *story) {
			// Another key's write, or its absence, shows as much of the shard's history.
			s.persist(put("k", "v"))
			s.answer(1, shard.Request{Kind: shard.Get, Key: []byte("other")}, 1, missing)
			s.Answers(2, &get, s.Arrives(1), 0, missing)
		}},
		{7, "serves in epoch 1 a read that came when epoch 2 was ACTIVE", func(s *story) {
			s.decide()
			s.activate(1)
			s.Works(1, &shard.Work{Shard: 1, Key: get.Key}, s.Arrives(1), false)
		}},
		{7, "head 1 confirms a fence with commit 0, and clients were shown what stands up to 1", func(s *story) {
			s.persist(put("k", "v"))
			s.answer(1, write, 1, shard.Result{Status: shard.OK, Version: 1})
			s.message(1, shard.Message{Kind: shard.MsgFenced, Epoch: 1})
		}},
		{7, "the key was not missing at any time that is left for it", func(s *story) {
			s.persist(put("k", "v"))
			s.Linearizable([]Call{
				call(write, history.Op{Kind: history.Put, Value: value, Call: 1, Return: 2, Outcome: history.OK, Version: 1}),
				call(get, history.Op{Client: 1, Kind: history.Get, Call: 3, Return: 4, Outcome: history.NotFound}),
			})
		}},
		{7, "the key was not missing at any time that is left for it", func(s *story) {
			// Nobody knows the outcome of the write; the truth has it, so a read cannot see it come and go.
			s.persist(put("k", "v"))
			s.Linearizable([]Call{
				call(write, history.Op{Kind: history.Put, Value: value, Call: 1}),
				call(get, history.Op{Client: 1, Kind: history.Get, Value: value, Call: 2, Return: 3, Outcome: history.OK, Version: 1}),
				call(get, history.Op{Client: 1, Kind: history.Get, Call: 4, Return: 5, Outcome: history.NotFound}),
			})
		}},
	})
}

func TestBounds(t *testing.T) {
	load := func(l shard.Load) func(s *story) {
		return func(s *story) {
			s.append(1, 1, put("k", "v"))
			s.stand(1, func(st *shard.Standing) { st.Load = l })
		}
	}
	s := begin(t)
	load(shard.Load{InFlightBytes: 200 + ownBytes, HeldBytes: 100, Reads: 3, Fences: 1, Wedges: 4, Callers: 1, Traces: 1})(s)
	if s.Violation() != nil {
		t.Errorf("what is full is too much: %v", s.Violation())
	}
	tellAll(t, []violation{
		{Bounds, "bytes in flight", load(shard.Load{InFlightBytes: 201 + ownBytes})},
		{Bounds, "101 bytes held, and may have 100", load(shard.Load{HeldBytes: 101})},
		{Bounds, "4 reads waiting, and may have 3", load(shard.Load{Reads: 4})},
		{Bounds, "2 fences to confirm, and may have 1", load(shard.Load{Fences: 2})},
		{Bounds, "5 wedges to answer, and may have 4", load(shard.Load{Wedges: 5})},
		{Bounds, "2 callers waiting, and may have 1", load(shard.Load{Callers: 2})},
		{Bounds, "2 traces, and may have 1", load(shard.Load{Traces: 2})},
	})
}
