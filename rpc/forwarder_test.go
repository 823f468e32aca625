package rpc

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// forward sends one request and returns where its result will be.
func forward(f *Forwarder, q shard.Request, hops int) chan shard.Result {
	result := make(chan shard.Result, 2) // a second one would be seen
	f.Forward(bob, q, hops, "", func(res shard.Result) { result <- res })
	return result
}

func put(key string) shard.Request {
	return shard.Request{Shard: 1, Kind: shard.Put, Key: []byte(key), Value: []byte("value")}
}

func read(key string) shard.Request {
	return shard.Request{Shard: 1, Kind: shard.Get, Key: []byte(key)}
}

func TestForward(t *testing.T) {
	b := newBackend()
	b.submit = func(q shard.Request, hops int, _ string, answer func(shard.Result)) {
		if q.Shard != 1 {
			t.Errorf("shard %d", q.Shard)
		}
		answer(shard.Result{Status: shard.OK, Version: shard.Seqno(hops), Value: q.Key})
	}
	f := NewForwarder(ForwarderOptions{Resolve: at(serve(t, b, nil))})
	defer f.Close()
	for hops, want := range []shard.Result{
		{Status: shard.OK, Version: 1, Value: []byte("k")},
		{Status: shard.OK, Version: 2, Value: []byte("k")},
		{Status: shard.Refused, Reason: "forwarded 2 times, the limit is 2"},
	} {
		if got := await(t, forward(f, read("k"), hops)); got.Status != want.Status || got.Version != want.Version || string(got.Value) != string(want.Value) || got.Reason != want.Reason {
			t.Errorf("forwarded before %d times: got %+v, want %+v", hops, got, want)
		}
	}
}

func TestForwardMany(t *testing.T) {
	b := newBackend()
	b.submit = func(q shard.Request, _ int, _ string, answer func(shard.Result)) {
		answer(shard.Result{Status: shard.OK, Value: q.Key})
	}
	f := NewForwarder(ForwarderOptions{Resolve: at(serve(t, b, nil))})
	defer f.Close()
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			for i := range 100 {
				key := fmt.Sprintf("%d-%d", g, i)
				if got := await(t, forward(f, read(key), 0)); string(got.Value) != key {
					t.Errorf("asked for %s, got %+v", key, got)
				}
			}
		})
	}
	all.Wait()
}

// TestForwardToLostNode: what was surely not applied is said to be so, and nothing else.
func TestForwardToLostNode(t *testing.T) {
	b := newBackend()
	submitted := make(chan bool, 10)
	b.submit = func(shard.Request, int, string, func(shard.Result)) { submitted <- true }
	lost := map[string]func(*Forwarder, *Server){
		"killed":    func(_ *Forwarder, s *Server) { kill(s) },
		"suspected": func(f *Forwarder, _ *Server) { f.Reset(bob) },
		"closed":    func(f *Forwarder, _ *Server) { f.Close() },
	}
	for name, lose := range lost {
		t.Run(name, func(t *testing.T) {
			s := serve(t, b, nil)
			f := NewForwarder(ForwarderOptions{Resolve: at(s)})
			defer f.Close()
			write, get := forward(f, put("k"), 0), forward(f, read("k"), 0)
			session := forward(f, shard.Request{Shard: 1, Kind: shard.OpenSession}, 0)
			for range 3 {
				await(t, submitted)
			}
			lose(f, s)
			if got := await(t, write); got.Status != shard.OutcomeUnknown || got.Reason == "" {
				t.Errorf("write: %+v", got)
			}
			if got := await(t, session); got.Status != shard.OutcomeUnknown {
				t.Errorf("session: %+v", got)
			}
			if got := await(t, get); got.Status != Unavailable || got.Reason == "" {
				t.Errorf("read: %+v", got)
			}
		})
	}
}

func TestForwardNowhere(t *testing.T) {
	f := NewForwarder(ForwarderOptions{Resolve: func(id shard.NodeID) (string, bool) { return "127.0.0.1:1", id == bob }})
	if got := await(t, forward(f, put("k"), 0)); got.Status != Unavailable || !contains(got.Reason, "127.0.0.1:1") {
		t.Errorf("nobody listens: %+v", got)
	}
	result := make(chan shard.Result, 1)
	f.Forward(alice, put("k"), 0, "", func(res shard.Result) { result <- res })
	if got := await(t, result); got.Status != Unavailable || !contains(got.Reason, "the address of node 00000000000a11ce is not known") {
		t.Errorf("unknown address: %+v", got)
	}
	f.Close()
	if got := await(t, forward(f, put("k"), 0)); got.Status != Unavailable {
		t.Errorf("closed: %+v", got)
	}
}

func TestForwardFollowsAddress(t *testing.T) {
	servers := make([]*Server, 2)
	for i := range servers {
		b := newBackend()
		b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) {
			answer(shard.Result{Status: shard.OK, Version: shard.Seqno(i + 1)})
		}
		servers[i] = serve(t, b, nil)
	}
	var now atomic.Int32
	f := NewForwarder(ForwarderOptions{Resolve: func(shard.NodeID) (string, bool) { return servers[now.Load()].Addr().String(), true }})
	defer f.Close()
	for i := range servers {
		now.Store(int32(i))
		if got := await(t, forward(f, read("k"), 0)); got.Version != shard.Seqno(i+1) {
			t.Errorf("address %d answers %+v", i, got)
		}
	}
}

func TestForwardTooMuch(t *testing.T) {
	b := newBackend()
	b.submit = func(shard.Request, int, string, func(shard.Result)) {}
	f := NewForwarder(ForwarderOptions{Resolve: at(serve(t, b, nil))})
	results := make(chan shard.Result, 1)
	for n := 0; len(results) == 0; n++ {
		if n > 1<<14 {
			t.Fatal("no bound")
		}
		f.Forward(bob, read("k"), 0, "", func(res shard.Result) {
			if res.Status == shard.Overloaded {
				results <- res
			}
		})
	}
	f.Close()
}

// BenchmarkForward measures the way there and back: encode, send, decode, submit, and the result likewise.
func BenchmarkForward(b *testing.B) {
	back := newBackend()
	back.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) {
		answer(shard.Result{Status: shard.OK, Version: 1})
	}
	f := NewForwarder(ForwarderOptions{Resolve: at(serve(b, back, nil))})
	defer f.Close()
	q := shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("user1234567890"), Value: make([]byte, 100), Identity: shard.Identity{Session: 9, Op: 5, Oldest: 3}}
	for _, underWay := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("%d-under-way", underWay), func(b *testing.B) {
			b.ReportAllocs()
			slots := make(chan bool, underWay)
			done := func(res shard.Result) {
				if res.Status != shard.OK {
					b.Errorf("%+v", wire.Error(res))
				}
				<-slots
			}
			for b.Loop() {
				slots <- true
				f.Forward(bob, q, 0, "", done)
			}
			for range underWay {
				slots <- true
			}
		})
	}
}
