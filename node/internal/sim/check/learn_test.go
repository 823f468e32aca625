package check

import (
	"testing"

	"github.com/ringward/ringward/shard"
)

// learner is the story up to where node 1, which epoch 2 has dropped, may learn from node 2. One entry is persistent, and
// another is the next.
func learner(s *story) (next shard.Entry) {
	s.decide()
	s.activate(1)
	s.sync(2)
	s.write(1, shard.Record{Kind: shard.RecordPromise, Chain: both})
	s.sync(1)
	return s.entry(2, 2, put("k", "v"))
}

var learned = shard.Lineage{{Epoch: 1}, {Epoch: 2, Seqno: 1}}

// follow is the record with which node 1 adopts a lineage.
func follow(s *story, cut shard.Seqno, l shard.Lineage) shard.Record {
	hash, _ := s.logs[1].HashAt(cut)
	return shard.Record{Kind: shard.RecordFollow, Cut: cut, Hash: hash, Lineage: l}
}

// TestGoodLearner tells how a node that was dropped follows, gives up its history, and begins with a snapshot.
func TestGoodLearner(t *testing.T) {
	s := begin(t)
	e := learner(s)
	s.message(1, shard.Message{Kind: shard.MsgFollow, Epoch: 2, Last: 1})
	s.write(1, follow(s, 1, learned))
	s.write(2, shard.Record{Kind: shard.RecordEntry, Entry: e})
	s.sync(2)
	s.Takes(1, &shard.Message{Kind: shard.MsgFed, Shard: 1, Entries: []shard.Entry{e}})
	s.write(1, shard.Record{Kind: shard.RecordEntry, Entry: e})
	s.sync(1)
	s.message(1, shard.Message{Kind: shard.MsgFollowed, Epoch: 2, Last: 2})
	s.message(1, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 1, Last: 2})
	s.write(1, shard.Record{Kind: shard.RecordFollow})
	s.sync(1)
	s.Clears(1, 1)
	c := contentsOf{}
	m := machine(t, c)
	for _, e := range s.logs[2].Entries {
		apply(t, m, e)
	}
	s.Fills(1, 1, 2, stored(c))
	s.write(1, shard.Record{Kind: shard.RecordFollow, Cut: 2, Hash: e.Hash(), Lineage: learned})
	s.sync(1)
	s.stand(1, func(st *shard.Standing) { st.Commit = 2 })
	if v := s.Violation(); v != nil {
		t.Fatal(v)
	}
}

func TestLearners(t *testing.T) {
	tellAll(t, []violation{
		{2, "adopts a history cut at 1: entry 1 is of epoch 1, of 2 by the lineage", func(s *story) {
			learner(s)
			s.write(1, follow(s, 1, shard.Lineage{{Epoch: 2, Seqno: 0}}))
		}},
		{2, "adopts a history cut at 3, beyond its end 1", func(s *story) {
			learner(s)
			s.write(1, shard.Record{Kind: shard.RecordFollow, Cut: 3, Lineage: learned})
		}},
		{2, "which no connection that holds has brought", func(s *story) {
			e := learner(s)
			s.write(1, follow(s, 1, learned))
			s.write(2, shard.Record{Kind: shard.RecordEntry, Entry: e})
			s.sync(2)
			s.Accepts(1, []shard.Record{{Shard: 1, Kind: shard.RecordEntry, Entry: e}})
		}},
		{4, "adopts another history in epoch 2, in which it is active", func(s *story) {
			learner(s)
			s.write(2, shard.Record{Kind: shard.RecordFollow})
		}},
		{4, "learns in epoch 2, and has durably promised 1", func(s *story) {
			s.decide()
			s.message(1, shard.Message{Kind: shard.MsgFollow, Epoch: 2})
		}},
		{4, "feeds a learner in epoch 2, and is durably active in 1", func(s *story) {
			s.decide()
			s.message(2, shard.Message{Kind: shard.MsgFed, Epoch: 2})
		}},
		{4, "answers a wedge with (2, 1) as a learner", func(s *story) {
			learner(s)
			s.write(1, follow(s, 1, learned))
			s.sync(1)
			s.message(1, shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 2, Last: 1})
		}},
		{5, "learns entry 2, and persistent is 1", func(s *story) {
			e := learner(s)
			s.write(1, follow(s, 1, learned))
			s.write(1, shard.Record{Kind: shard.RecordEntry, Entry: e})
		}},
		{5, "has learned up to 2, and has durable 1", func(s *story) {
			learner(s)
			s.message(1, shard.Message{Kind: shard.MsgFollowed, Epoch: 2, Last: 2})
		}},
		{5, "sends a snapshot at 9, and persistent is 1", func(s *story) {
			learner(s)
			s.message(2, shard.Message{Kind: shard.MsgPart, Epoch: 2, Last: 9})
		}},
		{5, "takes away what it has of a history that it has not given up", func(s *story) {
			learner(s)
			s.Clears(1, 1)
		}},
		{5, "takes its history to begin at 1, and its contents do not", func(s *story) {
			learner(s)
			s.write(1, shard.Record{Kind: shard.RecordFollow})
			s.write(1, shard.Record{Kind: shard.RecordFollow, Cut: 1, Lineage: learned})
		}},
	})
}
