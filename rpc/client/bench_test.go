package client

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	"github.com/ringward/ringward/rpc/internal/wire"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// echo is a node that costs next to nothing: it answers every operation at once, without
// looking at it, so that what a benchmark measures is the client and gRPC.
type echo struct {
	fakeNode // tells the ring
}

func (e *echo) Operate(s grpc.BidiStreamingServer[kvpb.OperateRequest, kvpb.OperateResponse]) error {
	var ops []wire.Operation
	value := make([]byte, 100)
	for {
		var in wire.Frame
		err := s.RecvMsg(&in)
		if err != nil {
			return err
		}
		if ops, err = wire.DecodeOperations(ops[:0], in.Bytes); err != nil {
			return err
		}
		out := wire.NewFrame()
		for i := range ops {
			result := shard.Result{Status: shard.OK, Version: 7}
			if ops[i].Kind == shard.Get {
				result.Value = value
			}
			out.Bytes = wire.AppendResult(out.Bytes, ops[i].ID, &result)
		}
		if err := s.SendMsg(out); err != nil {
			return err
		}
	}
}

// BenchmarkCall is the cost of one operation with the client and a node that does nothing in
// one process, by the number of callers.
func BenchmarkCall(b *testing.B) {
	c := newCluster(b, 1, []int{0})
	e := &echo{}
	server := grpc.NewServer(grpc.ForceServerCodecV2(wire.NewCodec()))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	kvpb.RegisterKVServer(server, e)
	go server.Serve(l)
	b.Cleanup(server.Stop)
	e.cluster = c
	c.ring.Nodes[0].Address = l.Addr().String()
	client := c.open()

	value := make([]byte, 100)
	for _, kind := range []string{"get", "put"} {
		for _, callers := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, callers), func(b *testing.B) {
				b.ReportAllocs()
				work(b, callers, func(i int64) error {
					key := keys[i%int64(len(keys))]
					var err error
					if kind == "get" {
						_, err = client.Get(b.Context(), key)
					} else {
						_, err = client.Put(b.Context(), key, value)
					}
					return err
				})
			})
		}
	}
}

var keys = func() []string {
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprintf("user%012d", i)
	}
	return keys
}()

// work shares b.N calls among as many goroutines as there are callers.
func work(b *testing.B, callers int, call func(int64) error) {
	var next atomic.Int64
	ended := make(chan error, callers)
	for range callers {
		go func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					ended <- nil
					return
				}
				if err := call(i); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	for range callers {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkOwner is the cost of finding a key's shard.
func BenchmarkOwner(b *testing.B) {
	r := &Ring{}
	for i := range 64 {
		r.Shards = append(r.Shards, Shard{ID: shard.ID(i + 1), From: uint64(i) << 58})
	}
	for i := 0; b.Loop(); i++ {
		r.owner(keys[i%len(keys)])
	}
}
