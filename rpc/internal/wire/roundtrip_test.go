package wire

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// asGenerated fails unless the generated code knows every field in b, and writes the
// very same bytes.
func asGenerated(t *testing.T, b []byte, m proto.Message) {
	t.Helper()
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		t.Fatalf("the generated code does not read it: %v", err)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Fatalf("the generated code writes it otherwise:\n%x\n%x", b, again)
	}
}

func TestOperations(t *testing.T) {
	rounds(t, func(t *testing.T, s source) {
		var b []byte
		var want []Operation
		for range 1 + s.IntN(5) {
			op := s.operation()
			want = append(want, op)
			b = AppendOperation(b, &op)
		}
		asGenerated(t, b, &kvpb.OperateRequest{})
		got, err := DecodeOperations(nil, b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

func TestOperationFields(t *testing.T) {
	version := uint64(7)
	generated := &kvpb.Operation{
		Id: 1, Shard: 2, Kind: kvpb.Operation_KIND_PUT, Key: []byte("k"), Value: []byte("v"), IfVersion: &version,
		Session: 3, Op: 5, Oldest: 4, Stale: true, Hops: 2, Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	want := Operation{
		ID: 1, Hops: 2, Traceparent: generated.Traceparent,
		Request: shard.Request{
			Shard: 2, Kind: shard.Put, Key: []byte("k"), Value: []byte("v"), If: shard.Condition{Set: true, Version: 7},
			Identity: shard.Identity{Session: 3, Op: 5, Oldest: 4}, Stale: true,
		},
	}
	b, err := proto.Marshal(&kvpb.OperateRequest{Operations: []*kvpb.Operation{generated}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeOperations(nil, b)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestConditionOfAbsence(t *testing.T) {
	op := Operation{ID: 1, Request: shard.Request{Kind: shard.Put, Key: []byte("k"), If: shard.Condition{Set: true}}}
	got, err := DecodeOperations(nil, AppendOperation(nil, &op))
	if err != nil || !got[0].If.Set {
		t.Errorf("the condition that a key must not exist got lost: %+v, %v", got, err)
	}
}

func TestResults(t *testing.T) {
	type identified struct {
		id uint64
		shard.Result
	}
	rounds(t, func(t *testing.T, s source) {
		var b []byte
		var want, got []identified
		for range 1 + s.IntN(5) {
			id, res := s.result()
			want = append(want, identified{id, res})
			b = AppendResult(b, id, &res)
		}
		asGenerated(t, b, &kvpb.OperateResponse{})
		err := DecodeResults(b, func(id uint64, res shard.Result) { got = append(got, identified{id, res}) })
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

func TestResultAliasesNothing(t *testing.T) {
	b := AppendResult(nil, 1, &shard.Result{Status: shard.OK, Value: []byte("value"), Reason: "reason"})
	var got shard.Result
	if err := DecodeResults(b, func(_ uint64, res shard.Result) { got = res }); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if string(got.Value) != "value" || got.Reason != "reason" {
		t.Errorf("result changed with the buffer it was read from: %+v", got)
	}
}

func TestResultOfNewerNode(t *testing.T) {
	b := AppendResult(nil, 1, &shard.Result{Status: 99, Reason: "so it is"})
	if err := DecodeResults(b, func(_ uint64, res shard.Result) {
		if res.Status != shard.OutcomeUnknown || res.Reason != "status 99 is unknown here: so it is" {
			t.Errorf("got %v: %s", res.Status, res.Reason)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLongChainIsLeftOut(t *testing.T) {
	s := newSource(1)
	for n, want := range map[int]int{maxResultChain: maxResultChain, maxResultChain + 1: 0} {
		b := AppendResult(nil, 1, &shard.Result{Status: shard.Refused, Chain: s.chain(3, 1, n)})
		if err := DecodeResults(b, func(_ uint64, res shard.Result) {
			if len(res.Chain) != want {
				t.Errorf("of %d configurations %d went along, want %d", n, len(res.Chain), want)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMessages(t *testing.T) {
	rounds(t, func(t *testing.T, s source) {
		traffic := shard.Traffic(s.IntN(int(shard.Traffics)))
		var b []byte
		var want Batch
		for len(want.Messages) < 1+s.IntN(5) {
			m := s.message()
			if m.Kind.Traffic() != traffic {
				continue
			}
			for i, v := 0, reflect.ValueOf(m); i < v.NumField(); i++ {
				if v.Field(i).IsZero() {
					t.Fatalf("the test knows no value for %s, so it may be missing on the wire", v.Type().Field(i).Name)
				}
			}
			want.Messages = append(want.Messages, m)
			b = AppendMessage(b, &m)
		}
		if s.chance() {
			want.Alive, want.HasAlive = s.heartbeat(), true
			b = AppendAlive(b, want.Alive)
		}
		asGenerated(t, b, &peerpb.PeerBatch{})
		got, err := DecodeBatch(b, alice, bob, traffic)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

func TestHeartbeatInMilliseconds(t *testing.T) {
	for stalled, want := range map[time.Duration]time.Duration{
		-time.Second: 0, 0: 0, 999 * time.Microsecond: 0, 1500 * time.Microsecond: time.Millisecond, time.Hour: time.Hour,
	} {
		got, err := DecodeBatch(AppendAlive(nil, Heartbeat{Tick: 1, StorageStalled: stalled}), alice, bob, shard.ControlTraffic)
		if err != nil || !got.HasAlive || got.Alive.StorageStalled != want {
			t.Errorf("%v arrives as %+v, %v", stalled, got, err)
		}
	}
}

// TestUnpackedMembers: proto3 writes lists of numbers packed, and readers have to take both.
func TestUnpackedMembers(t *testing.T) {
	conf := appendFixed(appendFixed(appendUint(appendUint(nil, 1, 2), 2, 5), 3, 77), 3, 78)
	b, start := begin(nil, operateResults)
	b = appendUint(b, resultStatus, uint64(shard.Refused))
	b = end(appendBytes(b, resultChain, conf), start)
	want := shard.Chain{{Shard: 2, Epoch: 5, Members: []shard.NodeID{77, 78}}}
	if err := DecodeResults(b, func(_ uint64, res shard.Result) {
		if !reflect.DeepEqual(res.Chain, want) {
			t.Errorf("got %v, want %v", res.Chain, want)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestNumbers: values that stand for the same thing on both sides are the same number.
func TestNumbers(t *testing.T) {
	for _, o := range outcomes {
		if int(o.status) != int(o.proto) {
			t.Errorf("status %v is %d in the core and %d on the wire", o.proto, o.status, o.proto)
		}
	}
	if want := len(kvpb.Status_name) - 1; len(outcomes) != want {
		t.Errorf("the table has %d outcomes, kv.proto %d", len(outcomes), want)
	}
	for s := shard.OK; s <= shard.Overloaded; s++ {
		if !known(s) {
			t.Errorf("the core's %v is not in the table", s)
		}
	}
	kinds := map[shard.RequestKind]kvpb.Operation_Kind{
		shard.Get: kvpb.Operation_KIND_GET, shard.Put: kvpb.Operation_KIND_PUT,
		shard.Delete: kvpb.Operation_KIND_DELETE, shard.OpenSession: kvpb.Operation_KIND_OPEN_SESSION,
	}
	for core, p := range kinds {
		if int(core) != int(p) {
			t.Errorf("%v is %d in the core and %d on the wire", p, core, p)
		}
	}
	messages := map[shard.MessageKind]peerpb.Message_Kind{
		shard.MsgConnect: peerpb.Message_KIND_CONNECT, shard.MsgConnected: peerpb.Message_KIND_CONNECTED,
		shard.MsgInherit: peerpb.Message_KIND_INHERIT, shard.MsgHandBack: peerpb.Message_KIND_HAND_BACK,
		shard.MsgAppend: peerpb.Message_KIND_APPEND, shard.MsgAck: peerpb.Message_KIND_ACK, shard.MsgFence: peerpb.Message_KIND_FENCE,
		shard.MsgFenced: peerpb.Message_KIND_FENCED, shard.MsgWedge: peerpb.Message_KIND_WEDGE, shard.MsgWedged: peerpb.Message_KIND_WEDGED,
		shard.MsgFetch: peerpb.Message_KIND_FETCH, shard.MsgFetched: peerpb.Message_KIND_FETCHED,
		shard.MsgReport: peerpb.Message_KIND_REPORT, shard.MsgRefuse: peerpb.Message_KIND_REFUSE,
		shard.MsgRecruit: peerpb.Message_KIND_RECRUIT, shard.MsgRecruited: peerpb.Message_KIND_RECRUITED,
		shard.MsgFollow: peerpb.Message_KIND_FOLLOW, shard.MsgFed: peerpb.Message_KIND_FED, shard.MsgFollowed: peerpb.Message_KIND_FOLLOWED,
		shard.MsgCompacted: peerpb.Message_KIND_COMPACTED, shard.MsgSnapshot: peerpb.Message_KIND_SNAPSHOT, shard.MsgPart: peerpb.Message_KIND_PART,
		shard.MsgServed: peerpb.Message_KIND_SERVED,
	}
	if want := len(peerpb.Message_Kind_name) - 1; len(messages) != want {
		t.Errorf("the test knows %d kinds of message, peer.proto %d", len(messages), want)
	}
	for core, p := range messages {
		if int(core) != int(p) {
			t.Errorf("%v is %d in the core and %d on the wire", p, core, p)
		}
	}
	states := map[shard.State]peerpb.State{
		shard.Immutable: peerpb.State_STATE_IMMUTABLE, shard.Pending: peerpb.State_STATE_PENDING, shard.Active: peerpb.State_STATE_ACTIVE,
	}
	for core, p := range states {
		if int(core) != int(p) {
			t.Errorf("%v is %d in the core and %d on the wire", p, core, p)
		}
	}
}
