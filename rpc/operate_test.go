package rpc

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

var contains = strings.Contains

type operateClient = grpc.BidiStreamingClient[kvpb.OperateRequest, kvpb.OperateResponse]

func operate(t testing.TB, s *Server) operateClient {
	t.Helper()
	c, err := Dial(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	o, err := kvpb.NewKVClient(c).Operate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func send(t testing.TB, o operateClient, ops ...*kvpb.Operation) {
	t.Helper()
	if err := o.Send(&kvpb.OperateRequest{Operations: ops}); err != nil {
		t.Fatal(err)
	}
}

func get(id uint64) *kvpb.Operation {
	return &kvpb.Operation{Id: id, Kind: kvpb.Operation_KIND_GET, Key: []byte("key")}
}

// results receives until it has n, by id.
func results(t testing.TB, o operateClient, n int) map[uint64]*kvpb.Result {
	t.Helper()
	got := map[uint64]*kvpb.Result{}
	for len(got) < n {
		batch, err := o.Recv()
		if err != nil {
			t.Fatalf("after %d results: %v", len(got), err)
		}
		for _, r := range batch.GetResults() {
			if got[r.GetId()] != nil {
				t.Fatalf("operation %d has two results", r.GetId())
			}
			got[r.GetId()] = r
		}
	}
	return got
}

func TestOperate(t *testing.T) {
	b := newBackend()
	answers := make(chan func(shard.Result), 10)
	b.submit = func(q shard.Request, hops int, _ string, answer func(shard.Result)) {
		if hops != 0 || string(q.Key) != "key" {
			t.Errorf("hops %d, %+v", hops, q)
		}
		answers <- answer
	}
	o := operate(t, serve(t, b, nil))
	send(t, o, get(1), get(2), &kvpb.Operation{Id: 3, Kind: kvpb.Operation_KIND_GET, Key: make([]byte, 5000)})
	if got := results(t, o, 1)[3]; got.GetStatus() != kvpb.Status_STATUS_TOO_LARGE || got.GetReason() != "key of 5000 bytes, the limit is 4096" {
		t.Errorf("got %v", got)
	}
	first, second := await(t, answers), await(t, answers)
	if b.mu.Lock(); !slices.Equal(b.batches, []int{2}) {
		t.Errorf("the store got %v operations at a time; want those of one message together", b.batches)
	}
	b.mu.Unlock()
	second(shard.Result{Status: shard.OK, Version: 2, Value: []byte("two")})
	if got := results(t, o, 1)[2]; string(got.GetValue()) != "two" || got.GetVersion() != 2 {
		t.Errorf("got %v", got)
	}
	// A client that has no more to ask gets what it is due.
	if err := o.CloseSend(); err != nil {
		t.Fatal(err)
	}
	first(shard.Result{Status: shard.Refused, Chain: shard.Chain{{Shard: 1, Epoch: 4, Members: []shard.NodeID{bob}}}})
	if got := results(t, o, 1)[1]; got.GetStatus() != kvpb.Status_STATUS_REFUSED || got.GetChain()[0].GetEpoch() != 4 {
		t.Errorf("got %v", got)
	}
	if _, err := o.Recv(); err != io.EOF {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestMalformedOperations(t *testing.T) {
	o := operate(t, serve(t, newBackend(), nil))
	if err := o.SendMsg(&wire.Frame{Bytes: []byte{0x0a, 0x7f}}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v", err)
	}
}

// gauge knows how many operations are under way, and how many there were at most.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
}

func TestBoundsHoldBack(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Limits)
		key    int
	}{
		"operations of a stream": {func(l *Limits) { l.StreamOperations = 3 }, 10},
		"bytes of a stream":      {func(l *Limits) { l.KeyBytes, l.ValueBytes, l.StreamBytes = 100, 0, 300 }, 100},
		"operations":             {func(l *Limits) { l.Operations = 3 }, 10},
		"bytes":                  {func(l *Limits) { l.KeyBytes, l.ValueBytes, l.Bytes = 100, 0, 300 }, 100},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend()
			var underWay gauge
			answers := make(chan func(shard.Result), 1000)
			b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) {
				underWay.add(1)
				answers <- answer
			}
			o := operate(t, serve(t, b, func(o *ServerOptions) { test.change(&o.Limits) }))
			const n = 300
			for id := uint64(1); id <= n; id++ {
				op := get(id)
				op.Key = make([]byte, test.key)
				send(t, o, op)
			}
			go func() {
				for range n {
					answer := <-answers
					underWay.add(-1)
					answer(shard.Result{Status: shard.OK})
				}
			}()
			results(t, o, n)
			if underWay.most > 3 {
				t.Errorf("%d operations were under way, the limit is 3", underWay.most)
			}
		})
	}
}

// TestForwardedNeverWait: operations of other nodes are refused where clients' wait, and have room beside theirs.
func TestForwardedNeverWait(t *testing.T) {
	b := newBackend()
	answers := make(chan func(shard.Result), 10)
	b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) { answers <- answer }
	s := serve(t, b, func(o *ServerOptions) { o.Limits.Operations = 2 })
	clients, nodes := operate(t, s), operate(t, s)
	send(t, clients, get(1), get(2), get(3)) // the third waits
	forwarded := func(id uint64) *kvpb.Operation {
		op := get(id)
		op.Hops = 1
		return op
	}
	client1, client2 := await(t, answers), await(t, answers)
	send(t, nodes, forwarded(1), forwarded(2), forwarded(3))
	if got := results(t, nodes, 1)[3]; got.GetStatus() != kvpb.Status_STATUS_OVERLOADED || !contains(got.GetReason(), "limit of 2") {
		t.Errorf("got %v", got)
	}
	node1, node2 := await(t, answers), await(t, answers)
	for _, answer := range []func(shard.Result){node1, node2, client1, client2} {
		answer(shard.Result{Status: shard.OK})
	}
	await(t, answers)(shard.Result{Status: shard.OK})
	results(t, nodes, 2)
	results(t, clients, 3)
}

func TestStopAnswersFirst(t *testing.T) {
	b := newBackend()
	slow := make(chan func(shard.Result), 1)
	b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) {
		select {
		case slow <- answer: // the first
		default:
			answer(shard.Result{Status: shard.OK})
		}
	}
	s := serve(t, b, nil)
	o := operate(t, s)
	send(t, o, get(1), get(2))
	results(t, o, 1)
	stopped := make(chan bool)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.Stop(ctx)
		close(stopped)
	}()
	// Some time the server takes nothing new.
	for id := uint64(3); ; id++ {
		send(t, o, get(id))
		if results(t, o, 1)[id].GetStatus() == kvpb.Status_STATUS_UNAVAILABLE {
			break
		}
	}
	(<-slow)(shard.Result{Status: shard.OK, Version: 9})
	if got := results(t, o, 1)[1]; got.GetVersion() != 9 {
		t.Errorf("got %v", got)
	}
	if _, err := o.Recv(); status.Code(err) != codes.Unavailable || !contains(err.Error(), "the node is stopping") {
		t.Errorf("the stream ended with %v", err)
	}
	await(t, stopped)
}

func TestStopGivesUp(t *testing.T) {
	b := newBackend()
	submitted := make(chan func(shard.Result), 1)
	b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) { submitted <- answer }
	s := serve(t, b, nil)
	o := operate(t, s)
	send(t, o, get(1))
	answer := await(t, submitted)
	kill(s)
	if _, err := o.Recv(); err == nil || err == io.EOF {
		t.Errorf("the stream ended with %v", err)
	}
	answer(shard.Result{Status: shard.OK}) // has nowhere to go, and harms nobody
}

func TestResultTooLarge(t *testing.T) {
	b := newBackend()
	b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) {
		answer(shard.Result{Status: shard.OK, Value: make([]byte, 3<<20)})
	}
	o := operate(t, serve(t, b, func(o *ServerOptions) { o.Limits.MessageBytes = 2 << 20 }))
	send(t, o, get(1))
	got := results(t, o, 1)[1]
	if got.GetStatus() != kvpb.Status_STATUS_TOO_LARGE || got.GetReason() != fmt.Sprintf("value of %d bytes, the limit of a message is %d", 3<<20, 2<<20) {
		t.Errorf("got %v", got)
	}
}

// slowReader is a stream whose client asks without end and reads no results before it has asked for many.
type slowReader struct {
	grpc.ServerStream
	ctx    context.Context
	asked  int
	before func() // each ask
	gate   chan struct{}
}

func (s *slowReader) Context() context.Context { return s.ctx }

func (s *slowReader) RecvMsg(m any) error {
	s.before()
	if s.asked == 200 {
		return io.EOF
	}
	s.asked++
	m.(*wire.Frame).Bytes = wire.AppendOperation(nil, &wire.Operation{ID: uint64(s.asked), Request: shard.Request{Kind: shard.Get, Key: []byte("k")}})
	if s.asked == 20 {
		close(s.gate)
	}
	return nil
}

func (s *slowReader) SendMsg(any) error {
	select {
	case <-s.gate:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the client asked %d times only", s.asked)
	}
}

// TestUnreadResultsHoldBack: a client that does not read its results is not asked for more operations.
func TestUnreadResultsHoldBack(t *testing.T) {
	b := newBackend()
	value := make([]byte, 64<<10)
	b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) {
		answer(shard.Result{Status: shard.OK, Value: value})
	}
	limits := DefaultLimits()
	limits.StreamBytes = 2 << 20
	o := newOperateStream(newKVService(limits, b, nil), nil)
	o.grpc = &slowReader{ctx: t.Context(), gate: make(chan struct{}), before: func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if n := o.out.Bytes(); n > limits.StreamBytes {
			t.Errorf("%d bytes of results wait and more is read, the limit is %d", n, limits.StreamBytes)
		}
	}}
	received := make(chan error, 1)
	go func() { received <- o.receive() }()
	if err := o.serve(received); err != nil {
		t.Error(err)
	}
}
