package wire

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/ringward/ringward/shard"
)

// source makes arbitrary values that the rules allow, the same for the same seed.
type source struct {
	*rand.Rand
	most int // bytes in one field
}

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 0)), 1 << 20} }

// smallSource makes seeds for fuzzing, which large fields would slow down.
func smallSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 0)), 4} }

// number has any magnitude, so varints have any length.
func (s source) number() uint64 { return s.Uint64() >> s.IntN(64) }

func (s source) bytes(most int) []byte {
	b := make([]byte, 1+s.IntN(min(most, s.most)))
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return b
}

func (s source) chance() bool { return s.IntN(2) == 0 }

func (s source) operation() Operation {
	op := Operation{
		ID: s.number(), Hops: s.IntN(MaxHops + 1),
		Request: shard.Request{
			Shard: shard.ID(s.number()), Kind: shard.RequestKind(1 + s.IntN(4)), Key: s.bytes(300), Value: s.bytes(2000), Stale: s.chance(),
			Identity: shard.Identity{Session: shard.SessionID(s.number()), Op: s.number(), Oldest: s.number()},
		},
	}
	if s.chance() {
		op.If = shard.Condition{Set: true, Version: shard.Seqno(s.number())}
	}
	if s.chance() {
		op.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	}
	return op
}

func (s source) chain(id shard.ID, from shard.Epoch, n int) shard.Chain {
	var ch shard.Chain
	for i := range n {
		c := shard.Configuration{Shard: id, Epoch: from + shard.Epoch(i)}
		for range 1 + s.IntN(4) {
			c.Members = append(c.Members, shard.NodeID(s.Uint64()|1))
		}
		ch = append(ch, c)
	}
	return ch
}

func (s source) result() (uint64, shard.Result) {
	res := shard.Result{Status: outcomes[s.IntN(len(outcomes))].status, Version: shard.Seqno(s.number())}
	if s.chance() {
		res.Value = s.bytes(2000)
	}
	if s.chance() {
		res.Chain = s.chain(shard.ID(1+s.IntN(9)), 1+shard.Epoch(s.number()>>1), 1+s.IntN(4))
		res.Reason = "the limit is 4096 – and no more"
	}
	return s.number(), res
}

const (
	alice = shard.NodeID(0xa11ce)
	bob   = shard.NodeID(0xb0b)
)

// message has every field set, whatever its kind needs.
func (s source) message() shard.Message {
	id := shard.ID(1 + s.IntN(1<<20))
	epoch := 1 + shard.Epoch(s.number()>>2)
	m := shard.Message{
		Kind: shard.MsgConnect + shard.MessageKind(s.IntN(int(shard.MsgPart))), Shard: id, From: alice, To: bob, Epoch: epoch,
		Number: shard.Number(s.Uint64() | 1), Link: shard.Link{Ask: shard.Number(s.Uint64() | 1), Answer: shard.Number(s.Uint64() | 1)},
		State: shard.Active, Synced: true, Unknown: true, Active: 1 + shard.Epoch(s.number()>>1),
		Base: 1 + shard.Seqno(s.number()>>2), Last: 1 + shard.Seqno(s.number()>>2), Cut: 1 + shard.Seqno(s.number()>>2),
		Commit: 1 + shard.Seqno(s.number()>>2), Hash: s.Uint64() | 1, Chain: s.chain(id, epoch, 1),
		Ruling: shard.Ruling{At: s.number() | 1, Chain: s.chain(1+shard.ID(s.IntN(1<<20)), epoch, 2)},
	}
	at := shard.View{Epoch: 1, Seqno: 1}
	for range 1 + s.IntN(5) {
		m.Lineage = append(m.Lineage, at)
		at.Epoch += 1 + shard.Epoch(s.IntN(3))
		at.Seqno += shard.Seqno(s.number() >> 8)
	}
	first, hash := 1+shard.Seqno(s.number()>>3), s.Uint64()
	if m.Kind == shard.MsgAppend || m.Kind == shard.MsgFed {
		m.Last = max(1, first-1)
		first = m.Last + 1
	}
	for i := range 1 + s.IntN(5) {
		e := shard.NewEntry(epoch, first+shard.Seqno(i), hash, s.bytes(3000))
		m.Entries, hash = append(m.Entries, e), e.Hash()
		m.Traces = append(m.Traces, shard.Trace{Seqno: e.Seqno(), Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
	}
	m.Key, m.Done = append([]byte("a"), s.bytes(20)...), true
	for i := range 1 + s.IntN(5) {
		m.Data = shard.AppendBytes(shard.AppendBytes(m.Data, []byte{'b', byte(i)}), s.bytes(100))
	}
	m.Sum = xxhash.Sum64(m.Data)
	for range 1 + s.IntN(5) {
		m.Suspects = append(m.Suspects, shard.NodeID(s.Uint64()|1))
		m.Took = append(m.Took, s.number())
	}
	return m
}

func (s source) heartbeat() Heartbeat {
	return Heartbeat{Boot: s.number(), Tick: s.number(), StorageStalled: time.Duration(s.IntN(1e9)) * time.Millisecond}
}

// rounds runs f with many sources.
func rounds(t *testing.T, f func(t *testing.T, s source)) {
	t.Helper()
	for seed := range uint64(100) {
		f(t, newSource(seed))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
