package wire

import (
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Frame is one gRPC message whose bytes this package's own functions write and read. Sent, its
// buffer goes back to the pool when gRPC has done with it, so nobody may touch it after
// SendMsg. Received, its bytes are its own and may be kept.
type Frame struct {
	Bytes []byte
	// Items counts what was appended, for whoever sends it.
	Items int
}

// FrameBytes is about how large frames grow before the next is begun. A larger item has
// one of its own.
const FrameBytes = 256 << 10

// NewFrame returns an empty frame to append to.
func NewFrame() *Frame {
	return &Frame{Bytes: (*frames.Get(0))[:0]}
}

// frames keeps the buffers of sent frames. Those that one large item blew up are let go.
var frames mem.BufferPool = &framePool{}

type framePool struct{ pool sync.Pool }

const pooledBytes = 8 * FrameBytes

func (p *framePool) Get(length int) *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 4<<10)
	return &b
}

func (p *framePool) Put(b *[]byte) {
	if cap(*b) <= pooledBytes {
		p.pool.Put(b)
	}
}

// Codec carries Frames as they are, and generated messages like gRPC's own codec, whose name it keeps:
// on the wire there is no difference.
type Codec struct {
	encoding.CodecV2
}

// NewCodec returns the codec for all servers and connections.
func NewCodec() Codec { return Codec{CodecV2: encoding.GetCodecV2(proto.Name)} }

// Marshal gives gRPC the bytes of v.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*Frame); ok {
		b := f.Bytes
		return mem.BufferSlice{mem.NewBuffer(&b, frames)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal fills v with received bytes.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*Frame); ok {
		f.Bytes = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
