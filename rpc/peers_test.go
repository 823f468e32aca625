package rpc

import (
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/internal/stream"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/shard"
)

// peers are alice's.
func peers(t testing.TB, resolve func(shard.NodeID) (string, bool), change func(*PeersOptions)) (*Peers, chan lane) {
	t.Helper()
	down := make(chan lane, 1<<10)
	opt := PeersOptions{
		Self: alice, Boot: 1, Cluster: func() string { return cluster }, Resolve: resolve,
		Down:   func(peer shard.NodeID, traffic shard.Traffic) { down <- lane{peer, traffic} },
		Gone:   func(shard.NodeID) {},
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&opt)
	}
	p := NewPeers(opt)
	t.Cleanup(p.Close)
	return p, down
}

// ack and fence are small messages that carry n on their traffic; inherit is one on the chain with a payload.
func ack(n int) shard.Message {
	return shard.Message{Kind: shard.MsgAck, Shard: 1, From: alice, To: bob, Epoch: 1, Last: shard.Seqno(n)}
}

func fence(n int) shard.Message {
	return shard.Message{Kind: shard.MsgFence, Shard: 1, From: alice, To: bob, Epoch: 1, Number: shard.Number(n), Last: shard.Seqno(n)}
}

func appends(n int, payload []byte) shard.Message {
	return shard.Message{
		Kind: shard.MsgAppend, Shard: 1, From: alice, To: bob, Epoch: 1, Last: shard.Seqno(n),
		Entries: []shard.Entry{shard.NewEntry(1, shard.Seqno(n+1), 7, payload)},
	}
}

// collect returns the Last of messages until it sees the one with the given number.
func collect(t testing.TB, b *backend, until int) []int {
	t.Helper()
	var got []int
	for {
		for _, m := range await(t, b.received) {
			if got = append(got, int(m.Last)); int(m.Last) == until {
				return got
			}
		}
	}
}

func TestPeersKeepOrder(t *testing.T) {
	b := newBackend()
	p, _ := peers(t, at(serve(t, b, nil)), nil)
	const n = 5000
	payload := make([]byte, 300)
	sent := make(chan bool)
	go func() {
		defer close(sent)
		for i := 0; i < n; i += 10 {
			var batch []shard.Message
			for j := range 10 {
				binary.BigEndian.PutUint64(payload, uint64(i+j))
				batch = append(batch, appends(i+j, payload))
			}
			p.Send(batch)
		}
	}()
	next, frames := 0, 0
	for next < n {
		frames++
		for _, m := range await(t, b.received) {
			if m.From != alice || m.To != bob || int(m.Last) != next || len(m.Entries) != 1 || binary.BigEndian.Uint64(m.Entries[0].Command()) != uint64(next) {
				t.Fatalf("message %d arrived as %+v", next, m)
			}
			next++
		}
	}
	await(t, sent)
	if frames == n {
		t.Error("no batch formed")
	}
}

func TestBeat(t *testing.T) {
	b := newBackend()
	p, _ := peers(t, at(serve(t, b, nil)), nil)
	for tick := range uint64(100) {
		p.Beat(bob, Heartbeat{Boot: 3, Tick: tick})
	}
	last := Heartbeat{}
	for beats := 0; last.Tick < 99; beats++ {
		beat := await(t, b.alive)
		if beats > 0 && beat.Tick <= last.Tick || beat.Boot != 3 {
			t.Fatalf("%+v came after %+v", beat, last)
		}
		last = beat
	}
}

// TestControlIsNotQueued: a receiver that is busy with bulk still hears what is urgent.
func TestControlIsNotQueued(t *testing.T) {
	b := newBackend()
	b.received = make(chan []shard.Message) // nobody takes the bulk
	p, _ := peers(t, at(serve(t, b, nil)), nil)
	p.Send([]shard.Message{appends(0, make([]byte, 1<<20)), appends(1, make([]byte, 1<<20))})
	p.Beat(bob, Heartbeat{Tick: 1})
	await(t, b.alive)
	for t.Context().Err() == nil {
		if got := await(t, b.received); int(got[len(got)-1].Last) == 1 {
			break
		}
	}
}

func TestPeersComeBack(t *testing.T) {
	b := newBackend()
	first := serve(t, b, nil)
	var address atomic.Pointer[string]
	set := func(a net.Addr) { s := a.String(); address.Store(&s) }
	set(first.Addr())
	p, down := peers(t, func(shard.NodeID) (string, bool) { return *address.Load(), true }, nil)
	p.Send([]shard.Message{ack(1)})
	collect(t, b, 1)
	if got := await(t, b.opened); got != (lane{alice, shard.ChainTraffic}) {
		t.Errorf("opened %v", got)
	}
	kill(first)
	if got := await(t, down); got != (lane{bob, shard.ChainTraffic}) {
		t.Errorf("down %v", got)
	}
	if got := await(t, b.closed); got != (lane{alice, shard.ChainTraffic}) {
		t.Errorf("closed %v", got)
	}
	// Nobody is there: what is sent is lost, and that is said each time.
	p.Send([]shard.Message{ack(2)})
	await(t, down)
	p.Send([]shard.Message{ack(3)})
	p.Nudge(bob)
	await(t, down)
	// The node comes back elsewhere. What is sent from now on may need some attempts.
	set(serve(t, b, nil).Addr())
	for n := 4; ; n++ {
		p.Send([]shard.Message{ack(n)})
		p.Nudge(bob)
		select {
		case got := <-b.received:
			if int(got[0].Last) < 4 {
				t.Errorf("message %d, which was lost, came", got[0].Last)
			}
			return
		case <-down:
		}
	}
}

func TestUnreachablePeer(t *testing.T) {
	p, down := peers(t, func(id shard.NodeID) (string, bool) { return "127.0.0.1:1", id == bob }, nil)
	// A lost heartbeat is nothing to tell: the next one replaces it.
	p.Beat(bob, Heartbeat{Tick: 1})
	m := fence(1)
	m.To = alice // whose address is not known
	p.Send([]shard.Message{m})
	if got := await(t, down); got != (lane{alice, shard.ControlTraffic}) {
		t.Errorf("down %v", got)
	}
	p.Send([]shard.Message{ack(1)})
	if got := await(t, down); got != (lane{bob, shard.ChainTraffic}) {
		t.Errorf("down %v", got)
	}
}

func TestOverflowBreaksTheStream(t *testing.T) {
	b := newBackend()
	b.received = make(chan []shard.Message)
	p, down := peers(t, at(serve(t, b, nil)), func(o *PeersOptions) { o.QueueBytes = 1 << 20 })
	payload := make([]byte, 64<<10)
	p.Send([]shard.Message{appends(0, payload)})
	<-b.received
	n := 1
	for len(down) == 0 { // the receiver takes nothing, so some time the queue is full
		p.Send([]shard.Message{appends(n, payload)})
		n++
		if n > 1<<14 {
			t.Fatal("1 GiB was queued where 1 MiB may be")
		}
	}
	// What arrives is in order, and has a gap only where the stream changed.
	p.Send([]shard.Message{appends(n, payload)})
	last, gaps := 0, 0
	for last < n {
		select {
		case got := <-b.received:
			for _, m := range got {
				if int(m.Last) <= last {
					t.Fatalf("message %d came after %d", m.Last, last)
				}
				if int(m.Last) > last+1 {
					gaps++
				}
				last = int(m.Last)
			}
		case <-down: // the last one may be lost as well, dropped between the overflow and the call of Down
			n++
			p.Send([]shard.Message{appends(n, payload)})
		}
	}
	if gaps == 0 || gaps >= len(b.opened) {
		t.Errorf("%d gaps on %d streams", gaps, len(b.opened))
	}
}

// TestOverflowBeforeTheStream: what overflows while there is no stream is told before anything else arrives.
func TestOverflowBeforeTheStream(t *testing.T) {
	b := newBackend()
	resolve, asked, gate := at(serve(t, b, nil)), make(chan bool, 1<<10), make(chan bool)
	p, down := peers(t, func(id shard.NodeID) (string, bool) {
		asked <- true
		<-gate
		return resolve(id)
	}, func(o *PeersOptions) { o.QueueBytes = 1 << 20 })
	payload := make([]byte, 300<<10)
	p.Send([]shard.Message{appends(0, payload)})
	await(t, asked)
	for n := 1; n <= 4; n++ { // the last one finds the queue full
		p.Send([]shard.Message{appends(n, payload)})
	}
	close(gate)
	await(t, down)
	for n := 5; ; n++ { // one that is sent too early is lost as well, and told
		p.Send([]shard.Message{appends(n, payload)})
		select {
		case got := <-b.received:
			if got[0].Last < 5 {
				t.Errorf("message %d came, and those before it are lost", got[0].Last)
			}
			return
		case <-down:
		}
	}
}

// TestOverflowSendsNoMore: the stream that an overflow broke may still be able to send, and does not.
func TestOverflowSendsNoMore(t *testing.T) {
	var broken error
	o := &outgoing{opt: &PeersOptions{QueueBytes: 100}, out: stream.NewOutbox(1 << 20)}
	o.abandoned(func(err error) { broken = err })
	for n := range 2 {
		m := appends(n, make([]byte, 200))
		o.send(&m)
	}
	o.sign(Heartbeat{Tick: 1})
	if _, ok := o.take(); ok || broken != errOverflow {
		t.Errorf("took something: %v; the stream was broken by %v", ok, broken)
	}
	if !o.drop() {
		t.Error("nobody is told of a loss")
	}
	m := appends(2, nil)
	o.send(&m)
	if _, ok := o.take(); !ok {
		t.Error("what is sent after the loss was told does not go out")
	}
}

func TestMessageTooLarge(t *testing.T) {
	b := newBackend()
	p, _ := peers(t, at(serve(t, b, nil)), func(o *PeersOptions) { o.MessageBytes = 1 << 20 })
	p.Send([]shard.Message{ack(1), appends(2, make([]byte, 2<<20)), ack(3)})
	if got := collect(t, b, 3); len(got) != 2 || got[0] != 1 {
		t.Errorf("got %v, want the one that is too large left out", got)
	}
}

func hello() *peerpb.Hello {
	return &peerpb.Hello{Protocol: 1, Cluster: cluster, From: uint64(alice), To: uint64(bob), Traffic: peerpb.Traffic_TRAFFIC_CHAIN, Boot: 2}
}

func peerClient(t testing.TB, s *Server) peerpb.PeerClient {
	t.Helper()
	c, err := Dial(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return peerpb.NewPeerClient(c)
}

func TestHelloRefused(t *testing.T) {
	b := newBackend()
	var mine atomic.Value
	mine.Store(cluster)
	client := peerClient(t, serve(t, b, func(o *ServerOptions) { o.Cluster = func() string { return mine.Load().(string) } }))
	for name, test := range map[string]struct {
		change func(*peerpb.PeerBatch)
		code   codes.Code
		want   string
	}{
		"none":           {func(p *peerpb.PeerBatch) { p.Hello = nil }, codes.InvalidArgument, "the first batch holds no hello"},
		"version":        {func(p *peerpb.PeerBatch) { p.Hello.Protocol = 2 }, codes.Unimplemented, "protocol version 2: this node speaks 1"},
		"cluster":        {func(p *peerpb.PeerBatch) { p.Hello.Cluster = "c-2" }, codes.FailedPrecondition, `belongs to cluster c-1, not to "c-2"`},
		"receiver":       {func(p *peerpb.PeerBatch) { p.Hello.To = 5 }, codes.FailedPrecondition, "this is node 0000000000000b0b, not 0000000000000005"},
		"sender":         {func(p *peerpb.PeerBatch) { p.Hello.From = 0 }, codes.InvalidArgument, "want another node"},
		"itself":         {func(p *peerpb.PeerBatch) { p.Hello.From = uint64(bob) }, codes.InvalidArgument, "want another node"},
		"no traffic":     {func(p *peerpb.PeerBatch) { p.Hello.Traffic = 0 }, codes.InvalidArgument, "traffic TRAFFIC_UNSPECIFIED"},
		"strange kind":   {func(p *peerpb.PeerBatch) { p.Hello.Traffic = 9 }, codes.InvalidArgument, "traffic 9"},
		"no boot":        {func(p *peerpb.PeerBatch) { p.Hello.Boot = 0 }, codes.InvalidArgument, "boot 0: want 1 to 1048575"},
		"too many boots": {func(p *peerpb.PeerBatch) { p.Hello.Boot = 1 << 20 }, codes.InvalidArgument, "boot 1048576: want 1 to 1048575"},
		"before genesis": {func(*peerpb.PeerBatch) { mine.Store("") }, codes.FailedPrecondition, "belongs to no cluster yet"},
	} {
		t.Run(name, func(t *testing.T) {
			mine.Store(cluster)
			batch := &peerpb.PeerBatch{Hello: hello()}
			test.change(batch)
			s, err := client.Stream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(batch); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			err = s.RecvMsg(&peerpb.PeerClosed{})
			if st := status.Convert(err); st.Code() != test.code || !contains(st.Message(), test.want) {
				t.Errorf("got %v, want %v %q", err, test.code, test.want)
			}
		})
	}
	if len(b.opened) != 0 {
		t.Error("a refused stream was opened")
	}
}

// A node that was heard in a later boot does not come back in an earlier one: its directory is an old one.
func TestOldBootRefused(t *testing.T) {
	client := peerClient(t, serve(t, newBackend(), nil))
	open(t, client) // in boot 2
	old, again := hello(), hello()
	old.Boot, old.Traffic = 1, peerpb.Traffic_TRAFFIC_CONTROL
	again.Boot = 3
	for _, h := range []*peerpb.Hello{old, again} {
		s, err := client.Stream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(&peerpb.PeerBatch{Hello: h}); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		header, err := s.Header()
		if accepted := err == nil && header != nil; accepted != (h == again) {
			t.Errorf("boot %d after boot 2: accepted %v", h.Boot, accepted)
		}
		if h == old {
			if st := status.Convert(s.RecvMsg(&peerpb.PeerClosed{})); st.Code() != codes.FailedPrecondition || !contains(st.Message(), "its data directory is an old one") {
				t.Errorf("got %v", st)
			}
		}
	}
}

// open is a stream from alice that bob has accepted.
func open(t *testing.T, client peerpb.PeerClient) peerpb.Peer_StreamClient {
	t.Helper()
	s, err := client.Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&peerpb.PeerBatch{Hello: hello()}); err != nil {
		t.Fatal(err)
	}
	if header, err := s.Header(); err != nil || header == nil {
		t.Fatalf("not accepted: %v", err)
	}
	return s
}

func TestBadBatchEndsTheStream(t *testing.T) {
	b := newBackend()
	client := peerClient(t, serve(t, b, nil))
	other, bad := fence(1), ack(1)
	bad.Epoch = 0
	for name, test := range map[string]struct {
		bytes []byte
		want  string
	}{
		"no protobuf":   {[]byte{0xff}, "batch from 00000000000a11ce"},
		"other traffic": {wire.AppendMessage(nil, &other), "message Fence came on a stream of traffic 0"},
		"invalid":       {wire.AppendMessage(nil, &bad), "epochs are numbered from 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, client)
			if err := s.SendMsg(&wire.Frame{Bytes: test.bytes}); err != nil {
				t.Fatal(err)
			}
			err := s.RecvMsg(&peerpb.PeerClosed{})
			if st := status.Convert(err); st.Code() != codes.InvalidArgument || !contains(st.Message(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if len(b.received) != 0 {
		t.Error("something of a bad batch was delivered")
	}
}

// TestNewerStreamReplaces: what the older one still delivers comes before the newer one's.
func TestNewerStreamReplaces(t *testing.T) {
	b := newBackend()
	b.received = make(chan []shard.Message)
	client := peerClient(t, serve(t, b, nil))
	older := open(t, client)
	one, two, three := ack(1), ack(2), ack(3)
	if err := errors.Join(older.SendMsg(&wire.Frame{Bytes: wire.AppendMessage(nil, &one)}), older.SendMsg(&wire.Frame{Bytes: wire.AppendMessage(nil, &two)})); err != nil {
		t.Fatal(err)
	}
	await(t, b.opened)
	if got := await(t, b.received); got[0].Last != 1 {
		t.Fatalf("got %v", got)
	}
	// The older stream delivers its second message, or waits with it: the newer one waits for that.
	newer, err := client.Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := newer.Send(&peerpb.PeerBatch{Hello: hello()}); err != nil {
		t.Fatal(err)
	}
	go func() {
		if header, err := newer.Header(); err == nil && header != nil {
			_ = newer.SendMsg(&wire.Frame{Bytes: wire.AppendMessage(nil, &three)}) // its loss fails the test below
		}
	}()
	last := shard.Seqno(1)
	for last != 3 {
		got := await(t, b.received)
		if got[0].Last <= last {
			t.Fatalf("message %d came after %d", got[0].Last, last)
		}
		last = got[0].Last
	}
	if err := older.RecvMsg(&peerpb.PeerClosed{}); status.Code(err) != codes.Aborted {
		t.Errorf("the older stream ended with %v", err)
	}
}

func TestClosedPeersSendNothing(t *testing.T) {
	b := newBackend()
	p, down := peers(t, at(serve(t, b, nil)), nil)
	p.Send([]shard.Message{ack(1)})
	collect(t, b, 1)
	p.Close()
	p.Send([]shard.Message{ack(2)})
	p.Beat(bob, Heartbeat{Tick: 1})
	p.Nudge(bob)
	await(t, b.closed)
	if len(down) != 0 || len(b.received) != 0 {
		t.Errorf("after Close: %d calls of Down, %d batches", len(down), len(b.received))
	}
}
