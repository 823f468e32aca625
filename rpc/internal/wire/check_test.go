package wire

import (
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

func TestCheck(t *testing.T) {
	key, value := []byte("key"), []byte("value")
	session := shard.Identity{Session: 9, Op: 5, Oldest: 3}
	tests := []struct {
		name   string
		op     Operation
		status shard.Status // 0: allowed
		reason string
	}{
		{"get", Operation{Request: shard.Request{Kind: shard.Get, Key: key, Stale: true}}, 0, ""},
		{"put", Operation{Request: shard.Request{Kind: shard.Put, Key: key, Value: value, If: shard.Condition{Set: true}, Identity: session}}, 0, ""},
		{"put nothing", Operation{Request: shard.Request{Kind: shard.Put, Key: key}}, 0, ""},
		{"delete", Operation{Hops: MaxHops, Request: shard.Request{Kind: shard.Delete, Key: key, Identity: session}}, 0, ""},
		{"session by shard", Operation{Request: shard.Request{Kind: shard.OpenSession, Shard: 1}}, 0, ""},
		{"session by key", Operation{Request: shard.Request{Kind: shard.OpenSession, Key: key}}, 0, ""},
		{"no kind", Operation{Request: shard.Request{Key: key}}, Invalid, "kind of operation 0: want 1 to 4"},
		{"unknown kind", Operation{Request: shard.Request{Kind: 5, Key: key}}, Invalid, "kind of operation 5: want 1 to 4"},
		{"no key", Operation{Request: shard.Request{Kind: shard.Get, Shard: 1}}, Invalid, "key is empty"},
		{"session nowhere", Operation{Request: shard.Request{Kind: shard.OpenSession}}, Invalid, "key is empty"},
		{"large key", Operation{Request: shard.Request{Kind: shard.Get, Key: make([]byte, 9)}}, TooLarge, "key of 9 bytes, the limit is 8"},
		{"large value", Operation{Request: shard.Request{Kind: shard.Put, Key: key, Value: make([]byte, 17)}}, TooLarge, "value of 17 bytes, the limit is 16"},
		{"value of a get", Operation{Request: shard.Request{Kind: shard.Get, Key: key, Value: value}}, Invalid, "only a put carries a value"},
		{"condition of a get", Operation{Request: shard.Request{Kind: shard.Get, Key: key, If: shard.Condition{Set: true}}}, Invalid, "condition"},
		{"impossible version", Operation{Request: shard.Request{Kind: shard.Put, Key: key, If: shard.Condition{Set: true, Version: math.MaxUint64}}}, Invalid, "version 18446744073709551615"},
		{"identity of a get", Operation{Request: shard.Request{Kind: shard.Get, Key: key, Identity: session}}, Invalid, "identity"},
		{"op without session", Operation{Request: shard.Request{Kind: shard.Put, Key: key, Identity: shard.Identity{Op: 1}}}, Invalid, "without a session"},
		{"op 0", Operation{Request: shard.Request{Kind: shard.Put, Key: key, Identity: shard.Identity{Session: 9}}}, Invalid, "want 1 <= oldest <= op"},
		{"oldest above op", Operation{Request: shard.Request{Kind: shard.Put, Key: key, Identity: shard.Identity{Session: 9, Op: 1, Oldest: 2}}}, Invalid, "want 1 <= oldest <= op"},
		{"stale put", Operation{Request: shard.Request{Kind: shard.Put, Key: key, Stale: true}}, Invalid, "stale"},
		{"too many hops", Operation{Hops: 3, Request: shard.Request{Kind: shard.Get, Key: key}}, shard.Refused, "forwarded 3 times, the limit is 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, ok := test.op.Check(Limits{KeyBytes: 8, ValueBytes: 16})
			if ok != (test.status == 0) || res.Status != test.status || !strings.Contains(res.Reason, test.reason) {
				t.Errorf("got %v, %v %q, want %v %q", ok, res.Status, res.Reason, test.status, test.reason)
			}
		})
	}
}

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for in, want := range map[string]string{
		good: good, "": "", good[:54]: "", good + "0": "",
		"01" + good[2:]: "", strings.ToUpper(good): "", strings.Replace(good, "-", "+", 1): "", "00-\xff" + good[4:]: "",
	} {
		if got := Traceparent([]byte(in)); got != want {
			t.Errorf("%q is taken as %q, want %q", in, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, o := range outcomes {
		res := shard.Result{Status: o.status, Version: 7, Reason: "because"}
		err, grpc := Error(res), GRPC(res)
		if o.err == nil {
			if err != nil || grpc != nil {
				t.Errorf("%v is the error %v, %v", o.proto, err, grpc)
			}
			continue
		}
		if !errors.Is(err, o.err) || !strings.HasSuffix(err.Error(), ": because") || errors.Is(Error(shard.Result{Status: o.status}), ErrOutcomeUnknown) != (o.err == ErrOutcomeUnknown) {
			t.Errorf("%v is the error %v", o.proto, err)
		}
		st := status.Convert(grpc)
		details := st.Details()
		if st.Code() != o.code || len(details) != 1 {
			t.Fatalf("%v is the gRPC status %v with details %v", o.proto, st, details)
		}
		if r, ok := details[0].(*kvpb.Result); !ok || r.GetStatus() != o.proto || r.GetVersion() != 7 {
			t.Errorf("%v has the details %v", o.proto, details)
		}
	}
	if err := Error(shard.Result{Status: 200}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a status that nobody knows is the error %v, want one that promises nothing", err)
	}
	if code := status.Code(GRPC(shard.Result{Status: 200})); code != codes.Unknown {
		t.Errorf("a status that nobody knows is the gRPC code %v", code)
	}
}

func TestRing(t *testing.T) {
	ring := func(change func(*kvpb.RingResponse)) *kvpb.RingResponse {
		p := &kvpb.RingResponse{
			Cluster: "c", Slices: []*kvpb.Slice{{Shard: 1}, {Shard: 2, From: 1 << 63}},
			Configurations: []*kvpb.Configuration{{Shard: 1, Epoch: 4, Members: []uint64{7}}, {Shard: 2, Epoch: 1, Members: []uint64{8, 7}}},
			Nodes:          []*kvpb.Node{{Id: 7, Name: "seven", Address: "localhost:7", Zone: "x"}, {Id: 8}},
		}
		change(p)
		return p
	}
	r, err := RingFromProto(ring(func(*kvpb.RingResponse) {}))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Node{ID: 7, Name: "seven", Address: "localhost:7", Zone: "x"}); r.Nodes[0] != want {
		t.Errorf("node %+v, want %+v", r.Nodes[0], want)
	}
	owners := map[shard.ID]bool{}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		owners[r.Owner([]byte(key))] = true
	}
	if len(owners) != 2 {
		t.Errorf("eight keys belong to the shards %v, want both", owners)
	}
	for want, change := range map[string]func(*kvpb.RingResponse){
		"without a cluster id":     func(p *kvpb.RingResponse) { p.Cluster = "" },
		"no shards":                func(p *kvpb.RingResponse) { p.Slices, p.Configurations = nil, nil },
		"1 configurations for 2":   func(p *kvpb.RingResponse) { p.Configurations = p.Configurations[:1] },
		"0 members":                func(p *kvpb.RingResponse) { p.Configurations[1].Members = nil },
		"where shard 2 is due":     func(p *kvpb.RingResponse) { p.Configurations[1].Shard = 3 },
		"begins at 1: want 0":      func(p *kvpb.RingResponse) { p.Slices[0].From = 1 },
		"not after the one before": func(p *kvpb.RingResponse) { p.Slices[1].From = 0 },
		"shard 1 twice": func(p *kvpb.RingResponse) {
			p.Slices[1].Shard, p.Configurations[1].Shard = 1, 1
		},
		"names node 0":    func(p *kvpb.RingResponse) { p.Nodes[0].Id = 0 },
		"names shard 0":   func(p *kvpb.RingResponse) { p.Slices[0].Shard, p.Configurations[0].Shard = 0, 0 },
		"names node 0 in": func(p *kvpb.RingResponse) { p.Configurations[0].Members[0] = 0 },
	} {
		want = strings.TrimSuffix(want, " in")
		if _, err := RingFromProto(ring(change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
