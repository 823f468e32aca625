package engine

import (
	"fmt"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// line is a chain of three members whose disks, network and appliers take no time and keep nothing: what is left is the protocol.
type line struct {
	b        *testing.B
	hosts    map[shard.NodeID]*Host
	order    []shard.NodeID
	register *sequencer.Register
	net      []shard.Message
	answered int
}

func newLine(b *testing.B) *line {
	w := newWorld(b, testOptions(), "abc", "def")
	for range 3 {
		w.tick() // until their links stand
	}
	l := &line{b: b, hosts: map[shard.NodeID]*Host{}, order: ids("abc"), register: w.opt.Genesis.InitialRegister(1)}
	for _, n := range l.order {
		l.hosts[n] = w.node(n).host
	}
	return l
}

// ask lets a member do b.N requests, so many at once, each batch until all its answers are there.
func (l *line) ask(member shard.NodeID, batch int, request shard.Request) {
	l.b.ReportAllocs()
	l.b.ResetTimer()
	for done := 0; done < l.b.N; done += batch {
		n := min(batch, l.b.N-done)
		for range n {
			if !l.hosts[member].Request(request) {
				l.b.Fatal("the request is not taken")
			}
		}
		l.settle()
		if l.answered != done+n {
			l.b.Fatalf("%d answers to %d requests", l.answered, done+n)
		}
	}
}

// settle does what the hosts want done until they want nothing more.
func (l *line) settle() {
	for busy := true; busy; {
		busy = false
		for _, n := range l.order {
			busy = l.drain(l.hosts[n]) || busy
		}
		arriving := l.net
		l.net = nil
		for _, m := range arriving {
			l.hosts[m.To].Step(m)
			busy = true
		}
	}
}

func (l *line) drain(h *Host) bool {
	r := h.Ready()
	if r.Empty() {
		return false
	}
	if len(r.Replies) > 0 {
		l.b.Fatalf("refused: %+v", r.Replies)
	}
	l.net = append(l.net, r.Send...)
	h.Durable(len(r.Write))
	for _, w := range r.Work {
		if w.Entry != nil {
			h.Applied(w.Shard, w.Entry.Seqno(), l.register)
		}
		if w.Token != nil {
			l.answered++
		}
	}
	return true
}

// BenchmarkPut is what all three members of a chain together spend on a put of 100 bytes, from the request at the head to its answer. An
// op is one put; so many come at once.
func BenchmarkPut(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			newLine(b).ask(id("a"), batch, shard.Request{
				Shard: 1, Kind: shard.Put, Key: []byte("user000007"), Value: make([]byte, 100), Identity: shard.Identity{Session: 1, Op: 1, Oldest: 1}, Token: b,
			})
		})
	}
}

// BenchmarkFence is what they spend on a read at a member, from the request through its fence to where the contents are asked. An op is one
// read; so many come at once and share a fence.
func BenchmarkFence(b *testing.B) {
	for _, at := range []string{"a", "b"} { // the head, and another one
		for _, batch := range []int{1, 64} {
			b.Run(fmt.Sprintf("at=%s/batch=%d", map[string]string{"a": "head", "b": "middle"}[at], batch), func(b *testing.B) {
				newLine(b).ask(id(at), batch, shard.Request{Shard: 1, Kind: shard.Get, Key: []byte("user000007"), Token: b})
			})
		}
	}
}
