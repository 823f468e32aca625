package engine

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// source turns fuzz bytes into choices; when they are used up, all further ones are the first.
type source struct{ b []byte }

func (s *source) choose(n int) int {
	if len(s.b) == 0 {
		return 0
	}
	v := int(s.b[0]) % n
	s.b = s.b[1:]
	return v
}

// number is one that is likely to matter: small, or at an end of its range.
func (s *source) number() uint64 {
	return []uint64{0, 1, 2, 3, 4, 5, 6, 7, uint64(shard.MaxSeqno) - 1, uint64(shard.MaxSeqno), math.MaxUint64 - 1, math.MaxUint64}[s.choose(12)]
}

func (s *source) node() shard.NodeID { return shard.NodeID(1 + s.choose(5)) }

func (s *source) chain(id shard.ID) shard.Chain {
	var ch shard.Chain
	epoch := shard.Epoch(1 + s.choose(3))
	for i := range s.choose(4) {
		c := shard.Configuration{Shard: id, Epoch: epoch + shard.Epoch(i)}
		for range 1 + s.choose(3) {
			c.Members = append(c.Members, s.node())
		}
		ch = append(ch, c)
	}
	return ch
}

func (s *source) entries(seqno shard.Seqno, prev uint64) []shard.Entry {
	var entries []shard.Entry
	for i := range s.choose(4) {
		command := shard.AppendCommand(nil, shard.Command{Kind: shard.CommandPut, Key: []byte("k")})
		if s.choose(4) == 0 {
			command = []byte{byte(s.choose(256))}
		}
		e := shard.NewEntry(shard.Epoch(1+s.choose(3)), seqno+shard.Seqno(i)+1, prev, command)
		entries = append(entries, e)
		prev = e.Hash()
	}
	return entries
}

// message is one to the given node, near enough to what its peers would send to get past the first look.
func (s *source) message(to shard.NodeID, seen []shard.Message) shard.Message {
	m := shard.Message{
		Kind: shard.MsgConnect + shard.MessageKind(s.choose(14)), Shard: shard.ID(1 + s.choose(4)), From: s.node(), To: to, Epoch: shard.Epoch(1 + s.choose(4)),
		Number: shard.Number(s.number()), State: shard.State(s.choose(3)), Synced: s.choose(2) == 1, Unknown: s.choose(8) == 1,
		Active: shard.Epoch(s.number()), Base: shard.Seqno(s.number()), Last: shard.Seqno(s.number()), Cut: shard.Seqno(s.number()),
		Commit: shard.Seqno(s.number()), Hash: s.number(),
	}
	// Links and numbers are those of a message that the node has sent, where there is one.
	if len(seen) > 0 && s.choose(4) > 0 {
		x := seen[s.choose(len(seen))]
		m.Shard, m.From, m.Epoch, m.Link, m.Number = x.Shard, x.To, x.Epoch, x.Link, x.Number
		if m.Link == (shard.Link{}) {
			m.Link = shard.Link{Ask: x.Number, Answer: shard.Number(s.number())}
		}
		if s.choose(2) == 1 {
			m.Last, m.Hash, m.Cut, m.Lineage = x.Last, x.Hash, x.Cut, x.Lineage
		}
	}
	for i := range s.choose(4) {
		m.Lineage = append(m.Lineage[:len(m.Lineage):len(m.Lineage)], shard.View{Epoch: shard.Epoch(i + 1 + s.choose(2)), Seqno: shard.Seqno(s.number())})
	}
	if s.choose(3) == 1 {
		m.Chain = s.chain(m.Shard)
	}
	m.Entries = s.entries(m.Last, m.Hash)
	for range s.choose(3) {
		m.Suspects = append(m.Suspects, s.node())
	}
	return m
}

// FuzzHost: whatever happens to a host, in whatever order, it does not panic; and what holds of any replica holds of its own.
func FuzzHost(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a host takes messages, requests, ticks and fsyncs as they come"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 250, 251, 252, 253, 254, 255})
	f.Fuzz(anything)
}

// TestHostTakesAnything does so with bytes from a seed.
func TestHostTakesAnything(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		b := make([]byte, 600)
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		anything(t, b)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func anything(t *testing.T, b []byte) {
	s := &source{b: b}
	w := newWorld(t, testOptions(), "ab", "bca", "ac")
	n := w.node(id("a"))
	var seen []shard.Message
	promise := map[shard.ID]shard.Epoch{}
	commit := map[shard.ID]shard.Seqno{}
	unconfirmed := 0
	for len(s.b) > 0 && n.host.Err() == nil {
		switch s.choose(12) {
		case 0:
			n.host.Tick(s.choose(4) == 1)
		case 1:
			k := s.choose(unconfirmed + 1)
			unconfirmed -= k
			n.host.Durable(k)
		case 2:
			n.host.Request(shard.Request{
				Shard: shard.ID(s.choose(5)), Kind: shard.RequestKind(s.choose(6)), Key: []byte("k"), Stale: s.choose(2) == 1, Token: "t",
				If: shard.Condition{Set: true, Version: shard.Seqno(s.number())},
			})
		case 3:
			n.host.Learn(s.chain(shard.ID(s.choose(5))))
		case 4:
			n.host.Heard(s.node(), int(s.number()))
		case 5:
			n.host.Reconnect(s.node())
			n.host.Appeared(s.node())
		case 6:
			n.host.Rewrite([]shard.ID{shard.ID(s.choose(5))})
		case 7:
			id := shard.ID(s.choose(5))
			n.host.Sessions(id, []shard.Idle{{Session: shard.SessionID(s.number()), LastUsed: shard.Seqno(s.number())}})
		default:
			if m := s.message(n.id, seen); m.Valid() == nil {
				n.host.Step(m)
			}
		}
		n.host.wantTouched(t)
		r := n.host.Ready()
		unconfirmed += len(r.Write)
		for _, m := range r.Send {
			if err := m.Valid(); err != nil {
				t.Fatalf("sends what no correct node sends: %v", err)
			}
			if m.To == n.id {
				n.host.Step(m)
			}
		}
		seen = append(seen, r.Send...)
		for _, work := range r.Work {
			if work.Entry != nil {
				n.host.Applied(work.Shard, work.Entry.Seqno(), w.opt.Genesis.InitialRegister(work.Shard))
			}
		}
		for _, x := range n.host.Standings() {
			id := x.Configuration.Shard
			if x.Err == nil && (x.Commit > x.Durable || x.Durable > x.Last || x.Configuration.Epoch < promise[id] || x.Commit < commit[id]) {
				t.Fatalf("shard %d stands at %+v, after commit %d and promise %d", id, x.Standing, commit[id], promise[id])
			}
			promise[id], commit[id] = x.Configuration.Epoch, x.Commit
		}
	}
}

// FuzzApplied: a register may change at any time, to any that is valid.
func FuzzApplied(f *testing.F) {
	f.Add([]byte("registers"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &source{b: b}
		w := newWorld(t, testOptions(), "ab", "ab")
		n := w.node(id("a"))
		for len(s.b) > 0 {
			if ch := s.chain(2); ch.Valid() == nil {
				n.host.Applied(1, 0, &sequencer.Register{Chain: ch, Activated: ch[s.choose(len(ch))].Epoch})
			}
			n.host.Tick(false)
			for _, m := range n.host.Ready().Send {
				if err := m.Valid(); err != nil {
					t.Fatalf("sends what no correct node sends: %v", err)
				}
			}
		}
	})
}
