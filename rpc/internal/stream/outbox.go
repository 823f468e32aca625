package stream

import "github.com/ringward/ringward/rpc/internal/wire"

// Outbox gathers encoded items in the order of their adding, in frames that are cut
// when they have grown to wire.FrameBytes. The lock of its owner guards it, except Wake and Woken.
type Outbox struct {
	most   int           // bytes of a frame, and so of an item
	frames []*wire.Frame // the first is the next to send, the last may still grow
	bytes  int           // in frames
	wake   chan struct{}
}

// NewOutbox returns an empty one for messages of at most most bytes.
func NewOutbox(most int) *Outbox { return &Outbox{most: most, wake: make(chan struct{}, 1)} }

// Add lets encode append one item. It reports false, and leaves the item out, if the item is too
// large for a message of its own.
func (o *Outbox) Add(encode func([]byte) []byte) bool {
	if n := len(o.frames); n == 0 || len(o.frames[n-1].Bytes) >= wire.FrameBytes {
		o.frames = append(o.frames, wire.NewFrame())
	}
	f := o.frames[len(o.frames)-1]
	before := len(f.Bytes)
	f.Bytes = encode(f.Bytes)
	size := len(f.Bytes) - before
	if before+size > o.most {
		item := f.Bytes[before:]
		f.Bytes = f.Bytes[:before]
		if size > o.most {
			return false
		}
		next := wire.NewFrame()
		next.Bytes = append(next.Bytes, item...)
		o.frames = append(o.frames, next)
		f = next
	}
	f.Items++
	o.bytes += size
	o.Wake()
	return true
}

// Wake makes the sender look, also where there is nothing in here for it.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Woken is readable when the sender should look. After it has, it takes until there is
// nothing left.
func (o *Outbox) Woken() <-chan struct{} { return o.wake }

// Take removes the first frame, if anything has gathered.
func (o *Outbox) Take() (*wire.Frame, bool) {
	if o.bytes == 0 {
		return nil, false
	}
	f := o.frames[0]
	o.frames[0] = nil
	if o.frames = o.frames[1:]; len(o.frames) == 0 {
		o.frames = nil
	}
	o.bytes -= len(f.Bytes)
	return f, true
}

// Bytes is how much has gathered.
func (o *Outbox) Bytes() int { return o.bytes }

// Clear drops everything.
func (o *Outbox) Clear() { o.frames, o.bytes = nil, 0 }
