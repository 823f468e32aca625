package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Decoder reads what the Append functions write. The first malformed field
// sets its error; every later read returns zero values. So callers read all
// fields and look at Done once.
type Decoder struct {
	b   []byte
	err error
}

// NewDecoder reads from b. What it returns may alias b.
func NewDecoder(b []byte) *Decoder { return &Decoder{b: b} }

var errShort = errors.New("ends in the middle of a field")

// Fail makes the decoder fail with err, unless it already has.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err, d.b = err, nil
	}
}

// Uvarint reads an unsigned number.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.Fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// Uint64 reads eight bytes, big endian.
func (d *Decoder) Uint64() uint64 {
	if len(d.b) < 8 {
		d.Fail(errShort)
		return 0
	}
	v := binary.BigEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if len(d.b) == 0 {
		d.Fail(errShort)
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

// Bool reads what AppendBool wrote.
func (d *Decoder) Bool() bool {
	v := d.Byte()
	if v > 1 {
		d.Fail(fmt.Errorf("flag %d: want 0 or 1", v))
	}
	return v == 1
}

// Bytes reads a length and as many bytes. The result aliases the input.
func (d *Decoder) Bytes() []byte {
	n := d.Uvarint()
	if n > uint64(len(d.b)) {
		d.Fail(errShort)
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// Count reads the length of a list whose items take at least size bytes each,
// so that a short input cannot ask for a large allocation.
func (d *Decoder) Count(size int) int {
	n := d.Uvarint()
	if n > uint64(len(d.b)/max(size, 1)) {
		d.Fail(fmt.Errorf("list of %d items in %d bytes", n, len(d.b)))
		return 0
	}
	return int(n)
}

// Done returns the first error, or one that says what was left over.
func (d *Decoder) Done() error {
	if d.err == nil && len(d.b) > 0 {
		return fmt.Errorf("%d bytes left over", len(d.b))
	}
	return d.err
}

// AppendBool appends 1 or 0.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendBytes appends a length and the bytes.
func AppendBytes(b, v []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// AppendConfiguration encodes c.
func AppendConfiguration(b []byte, c Configuration) []byte {
	b = binary.AppendUvarint(b, uint64(c.Shard))
	b = binary.AppendUvarint(b, uint64(c.Epoch))
	b = binary.AppendUvarint(b, uint64(len(c.Members)))
	for _, m := range c.Members {
		b = binary.BigEndian.AppendUint64(b, uint64(m))
	}
	return b
}

// Configuration reads a valid configuration.
func (d *Decoder) Configuration() Configuration {
	c := Configuration{Shard: d.shardID(), Epoch: Epoch(d.Uvarint())}
	for range d.Count(8) {
		c.Members = append(c.Members, NodeID(d.Uint64()))
	}
	if d.err == nil {
		if err := c.Valid(); err != nil {
			d.Fail(err)
		}
	}
	return c
}

func (d *Decoder) shardID() ID {
	v := d.Uvarint()
	if v > uint64(^ID(0)) {
		d.Fail(fmt.Errorf("shard %d: want at most %d", v, ^ID(0)))
		return 0
	}
	return ID(v)
}

// AppendChain encodes ch.
func AppendChain(b []byte, ch Chain) []byte {
	b = binary.AppendUvarint(b, uint64(len(ch)))
	for _, c := range ch {
		b = AppendConfiguration(b, c)
	}
	return b
}

// Chain reads a valid chain.
func (d *Decoder) Chain() Chain {
	var ch Chain
	for range d.Count(11) {
		ch = append(ch, d.Configuration())
	}
	if d.err == nil {
		if err := ch.Valid(); err != nil {
			d.Fail(err)
		}
	}
	return ch
}

// AppendLineage encodes l.
func AppendLineage(b []byte, l Lineage) []byte {
	b = binary.AppendUvarint(b, uint64(len(l)))
	for _, v := range l {
		b = binary.AppendUvarint(b, uint64(v.Epoch))
		b = binary.AppendUvarint(b, uint64(v.Seqno))
	}
	return b
}

// Lineage reads a valid lineage.
func (d *Decoder) Lineage() Lineage {
	var l Lineage
	for range d.Count(2) {
		l = append(l, View{Epoch: Epoch(d.Uvarint()), Seqno: Seqno(d.Uvarint())})
	}
	if d.err == nil {
		if err := l.Valid(); err != nil {
			d.Fail(err)
		}
	}
	return l
}
