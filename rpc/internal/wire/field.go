package wire

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The append functions leave out zero values, as proto3 does.

func appendUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendBool(b []byte, num protowire.Number, v bool) []byte {
	return appendUint(b, num, protowire.EncodeBool(v))
}

func appendFixed(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
}

func appendBytes[T []byte | string](b []byte, num protowire.Number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(v)))
	return append(b, v...)
}

// begin opens a field whose length is known only when end closes it.
func begin(b []byte, num protowire.Number) (grown []byte, start int) {
	b = append(protowire.AppendTag(b, num, protowire.BytesType), 0)
	return b, len(b)
}

// end puts the length before what was appended since begin. Most fields are
// short and have its one byte already; others move up.
func end(b []byte, start int) []byte {
	size := len(b) - start
	if n := protowire.SizeVarint(uint64(size)); n > 1 {
		var room [9]byte
		b = append(b, room[:n-1]...)
		copy(b[start+n-1:], b[start:start+size])
	}
	protowire.AppendVarint(b[:start-1], uint64(size))
	return b
}

var errWireType = errors.New("field has another wire type than its number")

// reader walks the fields of one message. The first malformed one sets err
// and ends the walk; every later read returns zero values.
type reader struct {
	b   []byte
	typ protowire.Type
	err error
}

// next moves to the next field, of which exactly one read or skip has to follow.
func (r *reader) next() (num protowire.Number, ok bool) {
	if r.err != nil || len(r.b) == 0 {
		return 0, false
	}
	num, typ, n := protowire.ConsumeTag(r.b)
	if n < 0 {
		r.fail(protowire.ParseError(n))
		return 0, false
	}
	r.b, r.typ = r.b[n:], typ
	return num, true
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.b = err, nil
	}
}

// took accounts for n consumed bytes of a value of the given type.
func (r *reader) took(n int, typ protowire.Type) bool {
	switch {
	case r.err != nil:
		return false
	case r.typ != typ:
		r.fail(errWireType)
		return false
	case n < 0:
		r.fail(protowire.ParseError(n))
		return false
	}
	r.b = r.b[n:]
	return true
}

func (r *reader) uint() uint64 {
	v, n := protowire.ConsumeVarint(r.b)
	if !r.took(n, protowire.VarintType) {
		return 0
	}
	return v
}

func (r *reader) uint32() uint32 {
	v := r.uint()
	if v > math.MaxUint32 {
		r.fail(fmt.Errorf("number %d: want at most %d", v, uint32(math.MaxUint32)))
		return 0
	}
	return uint32(v)
}

func (r *reader) bool() bool { return protowire.DecodeBool(r.uint()) }

func (r *reader) fixed() uint64 {
	v, n := protowire.ConsumeFixed64(r.b)
	if !r.took(n, protowire.Fixed64Type) {
		return 0
	}
	return v
}

// fixedList reads one occurrence of a repeated fixed64, packed or not. A packed one takes the bytes it
// claims, so a short input cannot ask for a large allocation.
func (r *reader) fixedList(list []uint64) []uint64 {
	if r.typ != protowire.BytesType {
		return append(list, r.fixed())
	}
	packed := r.bytes()
	if len(packed)%8 != 0 {
		r.fail(fmt.Errorf("list of 8-byte numbers takes %d bytes", len(packed)))
		return list
	}
	for len(packed) > 0 {
		v, n := protowire.ConsumeFixed64(packed)
		list, packed = append(list, v), packed[n:]
	}
	return list
}

// bytes returns a part of the input itself.
func (r *reader) bytes() []byte {
	v, n := protowire.ConsumeBytes(r.b)
	if !r.took(n, protowire.BytesType) {
		return nil
	}
	return v[:len(v):len(v)]
}

// inner reads the fields of a message that is a field itself.
func (r *reader) inner() reader {
	b := r.bytes()
	return reader{b: b, err: r.err}
}

func (r *reader) string() string {
	v := r.bytes()
	if !utf8.Valid(v) {
		r.fail(errors.New("text is not valid UTF-8"))
		return ""
	}
	return string(v)
}

// skip passes over a field that this version does not know.
func (r *reader) skip(num protowire.Number) {
	n := protowire.ConsumeFieldValue(num, r.typ, r.b)
	if n < 0 {
		r.fail(protowire.ParseError(n))
		return
	}
	r.b = r.b[n:]
}
