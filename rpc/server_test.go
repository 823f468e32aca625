package rpc

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

func TestListenRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:0":    "beyond loopback",
		":0":           "beyond loopback",
		"[::]:0":       "beyond loopback",
		"192.0.2.1:0":  "beyond loopback",
		"127.0.0.1":    "want host:port",
		"127.0.0.1:no": "want host:port",
	} {
		_, err := Listen(ServerOptions{Address: address, Limits: DefaultLimits()}, Backends{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: got %v, want an error with %q", address, err, want)
		}
	}
	serve(t, newBackend(), func(o *ServerOptions) { o.Address, o.Insecure = "0.0.0.0:0", true })
	s := serve(t, newBackend(), func(o *ServerOptions) { o.Address = "localhost:0" })
	if _, err := Listen(ServerOptions{Address: s.Addr().String(), Limits: DefaultLimits()}, Backends{}); err == nil || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Errorf("a port in use: got %v, want an error with the address", err)
	}
}

func TestListenRefusesLimits(t *testing.T) {
	for want, change := range map[string]func(*Limits){
		"limit of key is 0: want at least 1":                 func(l *Limits) { l.KeyBytes = 0 },
		"limit of message is 1048576: want at least 1118208": func(l *Limits) { l.MessageBytes = 1 << 20 },
		"limit of bytes of a stream is 9: want at least":     func(l *Limits) { l.StreamBytes = 9 },
		"limit of operations is 0: want at least 1":          func(l *Limits) { l.Operations = 0 },
		"limit of operations of a stream is 0":               func(l *Limits) { l.StreamOperations = 0 },
		"limit of bytes is 1052671: want at least 1052672":   func(l *Limits) { l.Bytes = 1052671 },
		"limit of streams is -1: want at least 1":            func(l *Limits) { l.Streams = -1 },
		"limit of value is -1: want at least 0":              func(l *Limits) { l.ValueBytes = -1 },
	} {
		limits := DefaultLimits()
		change(&limits)
		if _, err := Listen(ServerOptions{Address: "127.0.0.1:0", Limits: limits}, Backends{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func dial(t *testing.T, s *Server) (kvpb.KVClient, adminpb.AdminClient, grpc_health_v1.HealthClient) {
	t.Helper()
	c, err := Dial(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return kvpb.NewKVClient(c), adminpb.NewAdminClient(c), grpc_health_v1.NewHealthClient(c)
}

func genesis() *sequencer.Genesis {
	return &sequencer.Genesis{
		Cluster: cluster, Ring: sequencer.NewRing(2),
		Initial: []shard.Configuration{{Shard: 1, Epoch: 1, Members: []shard.NodeID{alice}}, {Shard: 2, Epoch: 1, Members: []shard.NodeID{bob, alice}}},
	}
}

func TestHealth(t *testing.T) {
	s := serve(t, newBackend(), nil)
	_, _, health := dial(t, s)
	for _, serving := range []bool{false, true, false} {
		if serving {
			s.SetServing(true)
		} else {
			s.SetServing(false)
		}
		for _, service := range []string{"", "ringward.kv.v1.KV"} {
			got, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
			if err != nil || (got.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING) != serving {
				t.Errorf("health of %q is %v, %v, want serving %v", service, got, err, serving)
			}
		}
	}
}

func TestReflection(t *testing.T) {
	s := serve(t, newBackend(), nil)
	c, err := Dial(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(c).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil || !strings.Contains(got.String(), "ringward.kv.v1.KV") || !strings.Contains(got.String(), "ringward.admin.v1.Admin") {
		t.Errorf("reflection lists %v, %v", got, err)
	}
}

func TestAdmin(t *testing.T) {
	s := serve(t, newBackend(), nil)
	_, admin, _ := dial(t, s)
	if id, err := admin.Identity(t.Context(), &adminpb.IdentityRequest{}); err != nil || id.GetNode() != uint64(alice) {
		t.Errorf("identity %v, %v", id, err)
	}
	if st, err := admin.Status(t.Context(), &adminpb.StatusRequest{}); err != nil || st.GetUptimeMs() != 1 || len(st.GetDecisions()) != 0 {
		t.Errorf("status %v, %v", st, err)
	}
	if st, err := admin.Status(t.Context(), &adminpb.StatusRequest{HistoryOf: 7}); err != nil || len(st.GetDecisions()) != 1 || st.Decisions[0].Configuration.Shard != 7 {
		t.Errorf("status with the history of shard 7: %v, %v", st, err)
	}
	other := genesis()
	other.Cluster = "c-2"
	invalid := genesis()
	invalid.Ring[1].Shard = 1
	for _, test := range []struct {
		name string
		g    *adminpb.Genesis
		code codes.Code
		want string
	}{
		{"none", nil, codes.InvalidArgument, "genesis is missing"},
		{"invalid", GenesisToProto(invalid), codes.InvalidArgument, "shard 1 twice"},
		{"first", GenesisToProto(genesis()), codes.OK, ""},
		{"again", GenesisToProto(genesis()), codes.OK, ""},
		{"other", GenesisToProto(other), codes.FailedPrecondition, "another genesis: this node belongs to c-1"},
	} {
		_, err := admin.Init(t.Context(), &adminpb.InitRequest{Genesis: test.g})
		if st := status.Convert(err); st.Code() != test.code || !strings.Contains(st.Message(), test.want) {
			t.Errorf("%s: got %v, want %v %q", test.name, err, test.code, test.want)
		}
	}
}

func TestDrainAndRemove(t *testing.T) {
	b := newBackend()
	_, admin, _ := dial(t, serve(t, b, nil))
	drain := func(drains bool) error {
		_, err := admin.Drain(t.Context(), &adminpb.DrainRequest{Drains: drains})
		return err
	}
	remove := func(n shard.NodeID) error {
		_, err := admin.Remove(t.Context(), &adminpb.RemoveRequest{Node: uint64(n)})
		return err
	}
	if err := drain(true); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("drain without a cluster: %v", err)
	}
	b.genesis = genesis()
	if err := drain(true); err != nil || !b.drains {
		t.Errorf("drain: %v, %v", err, b.drains)
	}
	if err := drain(false); err != nil || b.drains {
		t.Errorf("drain no more: %v, %v", err, b.drains)
	}
	if err := remove(0); status.Code(err) != codes.InvalidArgument {
		t.Errorf("remove node 0: %v", err)
	}
	if err := remove(bob); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("remove a member: %v", err)
	}
	if err := remove(alice); err != nil || !slices.Equal(b.removed, []shard.NodeID{alice}) {
		t.Errorf("remove: %v, %v", err, b.removed)
	}
}

func TestGenesis(t *testing.T) {
	want := genesis()
	got, err := GenesisFromProto(GenesisToProto(want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func FuzzGenesis(f *testing.F) {
	b, err := proto.Marshal(GenesisToProto(genesis()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var p adminpb.Genesis
		if proto.Unmarshal(b, &p) != nil {
			return
		}
		g, err := GenesisFromProto(&p)
		if err != nil {
			return
		}
		if again, err := GenesisFromProto(GenesisToProto(g)); err != nil || !reflect.DeepEqual(again, g) {
			t.Errorf("read as %+v, then as %+v, %v", g, again, err)
		}
	})
}

func TestRing(t *testing.T) {
	b := newBackend()
	s := serve(t, b, nil)
	kv, _, _ := dial(t, s)
	if _, err := kv.Ring(t.Context(), &kvpb.RingRequest{}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("ring of a node without a cluster: %v", err)
	}
	g := genesis()
	if err := b.Init(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	p, err := kv.Ring(t.Context(), &kvpb.RingRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.RingFromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cluster != cluster || !reflect.DeepEqual(r.Configurations, g.Initial) || r.Nodes[0].Name != "alice" {
		t.Errorf("got %+v", r)
	}
	// Clients and nodes have to agree on the owner of every key.
	for _, key := range []string{"", "a", "b", "c", "key", "another key", "\x00\xff"} {
		if c, n := r.Owner([]byte(key)), g.Ring.Owner([]byte(key)); c != n {
			t.Errorf("key %q belongs to shard %d for clients and to shard %d for nodes", key, c, n)
		}
	}
}

func TestUnary(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	version := uint64(3)
	b := newBackend()
	var got shard.Request
	var result shard.Result
	b.submit = func(q shard.Request, hops int, traceparent string, answer func(shard.Result)) {
		if hops != 0 || traceparent != trace {
			t.Errorf("hops %d, traceparent %q", hops, traceparent)
		}
		got = q
		answer(result)
	}
	kv, _, _ := dial(t, serve(t, b, nil))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", trace)
	key, value := []byte("key"), []byte("value")

	for name, test := range map[string]struct {
		want   shard.Request
		result shard.Result
		call   func() (version uint64, value []byte, err error)
	}{
		"get": {
			shard.Request{Kind: shard.Get, Key: key, Stale: true}, shard.Result{Status: shard.OK, Version: 7, Value: value},
			func() (uint64, []byte, error) {
				r, err := kv.Get(ctx, &kvpb.GetRequest{Key: key, Stale: true})
				return r.GetVersion(), r.GetValue(), err
			},
		},
		"put": {
			shard.Request{Kind: shard.Put, Key: key, Value: value, If: shard.Condition{Set: true, Version: 3}, Identity: shard.Identity{Session: 9, Op: 2, Oldest: 1}},
			shard.Result{Status: shard.OK, Version: 8},
			func() (uint64, []byte, error) {
				r, err := kv.Put(ctx, &kvpb.PutRequest{Key: key, Value: value, IfVersion: &version, Session: 9, Op: 2, Oldest: 1})
				return r.GetVersion(), nil, err
			},
		},
		"delete": {
			shard.Request{Kind: shard.Delete, Key: key, If: shard.Condition{Set: true, Version: 3}, Identity: shard.Identity{Session: 9, Op: 2, Oldest: 1}},
			shard.Result{Status: shard.OK, Version: 9},
			func() (uint64, []byte, error) {
				r, err := kv.Delete(ctx, &kvpb.DeleteRequest{Key: key, IfVersion: &version, Session: 9, Op: 2, Oldest: 1})
				return r.GetVersion(), nil, err
			},
		},
		"open session": {
			shard.Request{Kind: shard.OpenSession, Shard: 2}, shard.Result{Status: shard.OK, Version: 10},
			func() (uint64, []byte, error) {
				r, err := kv.OpenSession(ctx, &kvpb.OpenSessionRequest{Shard: 2})
				return r.GetSession(), nil, err
			},
		},
	} {
		result = test.result
		version, value, err := test.call()
		if err != nil || version != uint64(test.result.Version) || string(value) != string(test.result.Value) || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %d %q, %v; asked for %+v, want %+v", name, version, value, err, got, test.want)
		}
		result = shard.Result{Status: shard.VersionMismatch, Version: 4}
		_, _, err = test.call()
		st := status.Convert(err)
		if st.Code() != codes.Aborted || len(st.Details()) != 1 || st.Details()[0].(*kvpb.Result).GetVersion() != 4 {
			t.Errorf("%s: mismatch is %v %v", name, err, st.Details())
		}
	}
	got = shard.Request{}
	if _, err := kv.Get(ctx, &kvpb.GetRequest{}); status.Code(err) != codes.InvalidArgument || got.Kind != 0 {
		t.Errorf("get of no key: %v, submitted %+v", err, got)
	}
}

func TestUnaryGivesUp(t *testing.T) {
	b := newBackend()
	submitted := make(chan func(shard.Result), 1)
	b.submit = func(_ shard.Request, _ int, _ string, answer func(shard.Result)) { submitted <- answer }
	kv, _, _ := dial(t, serve(t, b, func(o *ServerOptions) { o.Limits.Operations = 1 }))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := kv.Get(ctx, &kvpb.GetRequest{Key: []byte("k")})
		failed <- err
	}()
	answer := await(t, submitted)
	cancel()
	if err := await(t, failed); status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
	// What was given up holds its room until it is answered.
	go func() {
		_, err := kv.Get(t.Context(), &kvpb.GetRequest{Key: []byte("k")})
		failed <- err
	}()
	answer(shard.Result{Status: shard.OK})
	await(t, submitted)(shard.Result{Status: shard.OK})
	if err := await(t, failed); err != nil {
		t.Error(err)
	}
}
