package bench

import (
	"encoding/binary"
	"math/rand/v2"
)

// stampSize is how many bytes at the beginning of a value tell it from all others: the
// run, the worker and the worker's count.
const stampSize = 16

// values makes the values of one worker: a stamp, and behind it bytes that do not
// compress, the same ones in each value.
type values struct {
	buf    []byte // the value made last; at least stampSize long
	size   int
	writes uint32
}

func newValues(run uint64, worker, size int, rng *rand.Rand) *values {
	v := &values{buf: make([]byte, max(size, stampSize)), size: size}
	for i := range v.buf {
		v.buf[i] = byte(rng.Uint32())
	}
	binary.BigEndian.PutUint64(v.buf, run)
	binary.BigEndian.PutUint32(v.buf[8:], uint32(worker))
	return v
}

// next makes a value. It is overwritten by the next one.
func (v *values) next() []byte {
	v.writes++
	binary.BigEndian.PutUint32(v.buf[12:], v.writes)
	return v.buf[:v.size]
}
