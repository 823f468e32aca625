package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// patience bounds every wait of a test. It only passes where the test fails.
const patience = 20 * time.Second

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

// server is a node as far as a Conn sees it, on the generated code and gRPC's own codec.
type server struct {
	kvpb.UnimplementedKVServer
	address string
	grpc    *grpc.Server
	// read may hold up the reading of a stream.
	read func()
	// handle answers one operation, or not: nil.
	handle func(op *kvpb.Operation) *kvpb.Result

	ended chan struct{} // gets one for every stream that has ended

	mu   sync.Mutex
	seen map[string]bool // keys
}

func start(t *testing.T, address string, handle func(op *kvpb.Operation) *kvpb.Result) *server {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String(), grpc: grpc.NewServer(), handle: handle, ended: make(chan struct{}, 1<<10), seen: map[string]bool{}}
	kvpb.RegisterKVServer(s.grpc, s)
	go s.grpc.Serve(l)
	t.Cleanup(s.grpc.Stop)
	return s
}

func (s *server) Operate(g grpc.BidiStreamingServer[kvpb.OperateRequest, kvpb.OperateResponse]) error {
	defer func() { s.ended <- struct{}{} }()
	for {
		if s.read != nil {
			s.read()
		}
		in, err := g.Recv()
		if err != nil {
			return err
		}
		out := &kvpb.OperateResponse{}
		for _, op := range in.GetOperations() {
			s.mu.Lock()
			s.seen[string(op.GetKey())] = true
			s.mu.Unlock()
			if r := s.handle(op); r != nil {
				r.Id = op.GetId()
				out.Results = append(out.Results, r)
			}
		}
		if err := g.Send(out); err != nil {
			return err
		}
	}
}

func (s *server) Ring(context.Context, *kvpb.RingRequest) (*kvpb.RingResponse, error) {
	return &kvpb.RingResponse{
		Cluster: "c", Slices: []*kvpb.Slice{{Shard: 1}}, Configurations: []*kvpb.Configuration{{Shard: 1, Epoch: 1, Members: []uint64{7}}},
	}, nil
}

func echo(op *kvpb.Operation) *kvpb.Result {
	return &kvpb.Result{Status: kvpb.Status_STATUS_OK, Version: 1, Value: op.GetKey()}
}

func silent(*kvpb.Operation) *kvpb.Result { return nil }

func connect(t *testing.T, address string, opt Options) *Conn {
	t.Helper()
	c, err := New(address, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func operation(kind shard.RequestKind, key string) wire.Operation {
	return wire.Operation{Request: shard.Request{Kind: kind, Key: []byte(key)}}
}

// submit returns where the result will be; a second one would be found there too.
func submit(t *testing.T, c *Conn, op wire.Operation) chan shard.Result {
	results := make(chan shard.Result, 2)
	c.Submit(t.Context(), op, func(res shard.Result) { results <- res })
	return results
}

func TestManyAtOnce(t *testing.T) {
	c := connect(t, start(t, "127.0.0.1:0", echo).address, Options{Pending: 100})
	var all sync.WaitGroup
	for g := range 50 {
		all.Go(func() {
			for i := range 50 {
				key := fmt.Sprintf("%d-%d", g, i)
				if res := await(t, submit(t, c, operation(shard.Get, key))); res.Status != shard.OK || string(res.Value) != key {
					t.Errorf("asked for %s, got %+v", key, res)
				}
			}
		})
	}
	all.Wait()
	if r, err := c.Ring(t.Context()); err != nil || r.Cluster != "c" {
		t.Errorf("ring %+v, %v", r, err)
	}
}

func TestNobodyListens(t *testing.T) {
	c := connect(t, "127.0.0.1:1", Options{})
	for _, kind := range []shard.RequestKind{shard.Put, shard.Get} {
		if res := await(t, submit(t, c, operation(kind, "k"))); res.Status != wire.Unavailable || !strings.Contains(res.Reason, "127.0.0.1:1") {
			t.Errorf("got %+v", res)
		}
	}
	if _, err := c.Ring(t.Context()); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("ring: %v", err)
	}
}

func TestStreamRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.Error(codes.PermissionDenied, "not you")
	}))
	go g.Serve(l)
	defer g.Stop()
	c := connect(t, l.Addr().String(), Options{})
	if res := await(t, submit(t, c, operation(shard.Get, "k"))); res.Status != wire.Unavailable || !strings.HasSuffix(res.Reason, ": not you") {
		t.Errorf("got %+v", res)
	}
}

// TestRingTooLate: the node's clock may be the first to say that the time of an asking is over.
func TestRingTooLate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.FromContextError(context.DeadlineExceeded).Err()
	}))
	go g.Serve(l)
	defer g.Stop()
	c := connect(t, l.Addr().String(), Options{})
	if _, err := c.Ring(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// TestServerComesBack: each operation meanwhile fails at once, and the first after it succeeds.
func TestServerComesBack(t *testing.T) {
	s := start(t, "127.0.0.1:0", echo)
	c := connect(t, s.address, Options{})
	if res := await(t, submit(t, c, operation(shard.Put, "k"))); res.Status != shard.OK {
		t.Fatalf("got %+v", res)
	}
	s.grpc.Stop()
	for await(t, submit(t, c, operation(shard.Put, "k"))).Status != wire.Unavailable {
		// The end of the stream is still on its way.
	}
	start(t, s.address, echo)
	c.Reset(errors.New("try again at once"))
	if res := await(t, submit(t, c, operation(shard.Put, "k"))); res.Status != shard.OK {
		t.Errorf("got %+v", res)
	}
}

// TestFate: an operation that is said not to be applied never reached the node, wherever the stream breaks.
func TestFate(t *testing.T) {
	gate, arrived := make(chan struct{}), make(chan bool, 1)
	s := start(t, "127.0.0.1:0", func(*kvpb.Operation) *kvpb.Result {
		select {
		case arrived <- true:
		default:
		}
		return nil
	})
	reads := 0
	s.read = func() { // the first batch at once, and what else was sent only after the break
		if reads++; reads > 1 {
			<-gate
		}
	}
	c := connect(t, s.address, Options{PendingBytes: 256 << 20})
	value := make([]byte, 100<<10)
	writes := map[string]chan shard.Result{}
	for i := range 120 {
		op := operation(shard.Put, fmt.Sprintf("put %d", i))
		op.Value = value
		writes[string(op.Key)] = submit(t, c, op)
	}
	get := submit(t, c, operation(shard.Get, "get"))
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	await(t, arrived)
	l.broke(errors.New("cut"))
	close(gate)
	await(t, s.ended)
	fates := map[shard.Status]int{}
	for key, result := range writes {
		res := await(t, result)
		fates[res.Status]++
		if s.seen[key] && res.Status != shard.OutcomeUnknown {
			t.Errorf("%s reached the node, and is said to be %v", key, res.Status)
		}
	}
	if res := await(t, get); res.Status != wire.Unavailable || !strings.Contains(res.Reason, "cut") {
		t.Errorf("the read is said to be %+v", res)
	}
	if fates[wire.Unavailable] == 0 || fates[shard.OutcomeUnknown] == 0 || len(fates) != 2 {
		t.Errorf("of 120 writes, of which the node could not take all, the fates were %v", fates)
	}
}

func TestBounds(t *testing.T) {
	for name, opt := range map[string]Options{
		"operations": {Pending: 2},
		"bytes":      {PendingBytes: 10},
	} {
		t.Run(name, func(t *testing.T) {
			answer := make(chan struct{})
			c := connect(t, start(t, "127.0.0.1:0", func(op *kvpb.Operation) *kvpb.Result {
				<-answer
				return echo(op)
			}).address, opt)
			first, second := submit(t, c, operation(shard.Get, "five1")), submit(t, c, operation(shard.Get, "five2"))
			if c.TrySubmit(operation(shard.Get, "k"), func(shard.Result) { t.Error("refused and answered") }) {
				t.Error("a third operation was taken")
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("no patience"))
			var res shard.Result
			c.Submit(ctx, operation(shard.Put, "k"), func(r shard.Result) { res = r })
			if res.Status != wire.Unavailable || !strings.Contains(res.Reason, "no patience") || !strings.Contains(res.Reason, "limit") {
				t.Errorf("got %+v", res)
			}
			waiting := make(chan chan shard.Result, 1)
			go func() { waiting <- submit(t, c, operation(shard.Get, "k")) }()
			close(answer)
			await(t, first)
			await(t, second)
			if res := await(t, await(t, waiting)); res.Status != shard.OK {
				t.Errorf("got %+v", res)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	c := connect(t, start(t, "127.0.0.1:0", echo).address, Options{MessageBytes: 1000, PendingBytes: 500})
	for size, want := range map[int]shard.Status{600: shard.OK, 1000: wire.TooLarge} {
		op := operation(shard.Put, "k")
		op.Value = make([]byte, size)
		if res := await(t, submit(t, c, op)); res.Status != want {
			t.Errorf("value of %d bytes: got %+v, want %v", size, res, want)
		}
	}
}

func TestMalformedResults(t *testing.T) {
	c := connect(t, start(t, "127.0.0.1:0", func(op *kvpb.Operation) *kvpb.Result {
		return &kvpb.Result{Status: kvpb.Status_STATUS_REFUSED, Chain: []*kvpb.Configuration{{Shard: 1}}}
	}).address, Options{})
	res := await(t, submit(t, c, operation(shard.Put, "k")))
	if res.Status != shard.OutcomeUnknown || !strings.Contains(res.Reason, "epochs are numbered from 1") {
		t.Errorf("got %+v", res)
	}
}

func TestStrangeResults(t *testing.T) {
	s := start(t, "127.0.0.1:0", nil)
	s.handle = func(op *kvpb.Operation) *kvpb.Result { return echo(op) }
	c := connect(t, s.address, Options{})
	await(t, submit(t, c, operation(shard.Get, "k")))
	// A result that nobody waits for is passed over.
	c.mu.Lock()
	clear(c.link.calls)
	c.mu.Unlock()
	if res := await(t, submit(t, c, operation(shard.Get, "k"))); res.Status != shard.OK {
		t.Errorf("got %+v", res)
	}
}

func TestClose(t *testing.T) {
	c := connect(t, start(t, "127.0.0.1:0", silent).address, Options{})
	under := submit(t, c, operation(shard.Get, "k"))
	c.Close()
	for _, result := range []chan shard.Result{under, submit(t, c, operation(shard.Put, "k"))} {
		if res := await(t, result); res.Status != wire.Unavailable || !strings.Contains(res.Reason, ErrClosed.Error()) {
			t.Errorf("got %+v", res)
		}
	}
	c.Reset(errors.New("late"))
	c.Close()
	if _, err := c.Ring(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("ring: %v", err)
	}
}

// TestOneAnswerEach: however often the stream breaks, each operation is answered once, and gives back its room.
func TestOneAnswerEach(t *testing.T) {
	c := connect(t, start(t, "127.0.0.1:0", echo).address, Options{Pending: 16})
	var users sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for g := range 8 {
		users.Go(func() {
			for i := range 50 {
				key := fmt.Sprintf("%d-%d", g, i)
				done := make(chan struct{})
				c.Submit(t.Context(), operation(shard.Put, key), func(shard.Result) {
					mu.Lock()
					defer mu.Unlock()
					if answers[key]++; answers[key] == 1 {
						close(done)
					}
				})
				if i%5 == 0 {
					c.Reset(errors.New("broken again"))
				}
				await(t, done)
			}
		})
	}
	users.Wait()
	if len(answers) != 400 {
		t.Errorf("%d operations were answered, want 400", len(answers))
	}
	for key, n := range answers {
		if n != 1 {
			t.Errorf("%s was answered %d times", key, n)
		}
	}
	if !c.room.ops.TryAcquire(16) {
		t.Error("room was not given back")
	}
}
