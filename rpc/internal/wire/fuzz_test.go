package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ringward/ringward/rpc/internal/peerpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// Each target proves: no input panics, and what is read can be written so that it is
// read as the same again, by the generated code as well.

func FuzzOperations(f *testing.F) {
	for seed := range uint64(8) {
		op := smallSource(seed).operation()
		f.Add(AppendOperation(nil, &op))
	}
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	write := func(ops []Operation) (b []byte) {
		for i := range ops {
			b = AppendOperation(b, &ops[i])
		}
		return b
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ops, err := DecodeOperations(nil, b)
		if err != nil {
			return
		}
		for i := range ops {
			ops[i].Check(Limits{KeyBytes: 10, ValueBytes: 100})
		}
		written := write(ops)
		asGenerated(t, written, &kvpb.OperateRequest{})
		if again, err := DecodeOperations(nil, written); err != nil || !bytes.Equal(write(again), written) {
			t.Errorf("read as %+v, then as %+v, %v", ops, again, err)
		}
	})
}

func FuzzResults(f *testing.F) {
	for seed := range uint64(8) {
		id, res := smallSource(seed).result()
		f.Add(AppendResult(nil, id, &res))
	}
	rewrite := func(b []byte) (written []byte, err error) {
		err = DecodeResults(b, func(id uint64, res shard.Result) { written = AppendResult(written, id, &res) })
		return written, err
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		written, err := rewrite(b)
		if err != nil {
			return
		}
		asGenerated(t, written, &kvpb.OperateResponse{})
		if again, err := rewrite(written); err != nil || !bytes.Equal(again, written) {
			t.Errorf("written as %x, then as %x, %v", written, again, err)
		}
	})
}

func FuzzBatch(f *testing.F) {
	for seed := range uint64(16) {
		s := smallSource(seed)
		m := s.message()
		f.Add(AppendAlive(AppendMessage(nil, &m), s.heartbeat()), uint8(m.Kind.Traffic()))
	}
	write := func(batch Batch) (b []byte) {
		for i := range batch.Messages {
			b = AppendMessage(b, &batch.Messages[i])
		}
		if batch.HasAlive {
			b = AppendAlive(b, batch.Alive)
		}
		return b
	}
	f.Fuzz(func(t *testing.T, b []byte, traffic uint8) {
		batch, err := DecodeBatch(b, alice, bob, shard.Traffic(traffic))
		if err != nil {
			return
		}
		for i := range batch.Messages {
			if err := batch.Messages[i].Valid(); err != nil {
				t.Errorf("let pass: %v", err)
			}
		}
		written := write(batch)
		asGenerated(t, written, &peerpb.PeerBatch{})
		if again, err := DecodeBatch(written, alice, bob, shard.Traffic(traffic)); err != nil || !bytes.Equal(write(again), written) {
			t.Errorf("read as %+v, then as %+v, %v", batch, again, err)
		}
	})
}

func FuzzRing(f *testing.F) {
	p := &kvpb.RingResponse{
		Cluster: "c", Slices: []*kvpb.Slice{{Shard: 1}, {Shard: 2, From: 1 << 63}},
		Configurations: []*kvpb.Configuration{{Shard: 1, Epoch: 4, Members: []uint64{7}}, {Shard: 2, Epoch: 1, Members: []uint64{8, 7}}},
		Nodes:          []*kvpb.Node{{Id: 7, Name: "seven", Address: "localhost:7", Zone: "x"}},
	}
	b, err := proto.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte("key"))
	f.Fuzz(func(t *testing.T, b, key []byte) {
		var p kvpb.RingResponse
		if proto.Unmarshal(b, &p) != nil {
			return
		}
		r, err := RingFromProto(&p)
		if err == nil && r.Owner(key) == 0 {
			t.Errorf("nobody owns %q", key)
		}
	})
}
