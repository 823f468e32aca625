package stream

import (
	"bytes"
	"testing"

	"github.com/ringward/ringward/rpc/internal/wire"
)

func add(o *Outbox, item []byte) bool {
	return o.Add(func(b []byte) []byte { return append(b, item...) })
}

func TestOutbox(t *testing.T) {
	o := NewOutbox(wire.FrameBytes + 1000)
	if _, ok := o.Take(); ok || o.Bytes() != 0 {
		t.Error("a new outbox holds something")
	}
	var want []byte
	for i := range 3000 {
		item := bytes.Repeat([]byte{byte(i)}, 1+i%700)
		want = append(want, item...)
		if !add(o, item) {
			t.Fatalf("item of %d bytes does not fit", len(item))
		}
	}
	select {
	case <-o.Woken():
	default:
		t.Error("the sender was not woken")
	}
	if o.Bytes() != len(want) {
		t.Errorf("%d bytes gathered, want %d", o.Bytes(), len(want))
	}
	var got []byte
	items, frames := 0, 0
	for f, ok := o.Take(); ok; f, ok = o.Take() {
		if len(f.Bytes) > wire.FrameBytes+1000 || len(f.Bytes) < wire.FrameBytes && o.Bytes() > 0 {
			t.Errorf("frame of %d bytes", len(f.Bytes))
		}
		got = append(got, f.Bytes...)
		items += f.Items
		frames++
	}
	if !bytes.Equal(got, want) || items != 3000 || frames < 3 {
		t.Errorf("%d items of %d bytes came out in %d frames, want 3000 of %d", items, len(got), frames, len(want))
	}
}

func TestOutboxBoundsMessages(t *testing.T) {
	o := NewOutbox(100)
	for size, fits := range map[int]bool{40: true, 70: true, 100: true, 101: false} {
		if add(o, make([]byte, size)) != fits {
			t.Errorf("an item of %d bytes fits a message of 100: %v", size, !fits)
		}
	}
	total := 0
	for f, ok := o.Take(); ok; f, ok = o.Take() {
		if total += len(f.Bytes); len(f.Bytes) > 100 {
			t.Errorf("frame of %d bytes, the limit is 100", len(f.Bytes))
		}
	}
	if total != 210 {
		t.Errorf("%d bytes came out, want 210", total)
	}
	if add(o, make([]byte, 101)) || o.Bytes() != 0 {
		t.Error("an item that does not fit was left in")
	}
	if _, ok := o.Take(); ok {
		t.Error("an item that does not fit came out")
	}
	add(o, make([]byte, 40))
	o.Clear()
	if _, ok := o.Take(); ok || o.Bytes() != 0 {
		t.Error("a cleared outbox holds something")
	}
}
