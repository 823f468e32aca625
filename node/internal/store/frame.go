package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A segment is a run of frames, one for each record, without gaps:
//
//	+----------------+-----------------+------------+-------------+------------+---------+
//	| header sum (4) | payload sum (4) | length (4) | segment (8) | synced (4) | payload |
//	+----------------+-----------------+------------+-------------+------------+---------+
//
// Numbers are big endian, sums are CRC-32C.
//
//   - length is that of the payload.
//   - segment is the number of the segment. A recycled file holds frames of the
//     segment it was before; their number tells them apart. No number is used for
//     two files.
//   - synced is an offset in this segment: all before it had been fsynced when
//     the frame was written. So a frame behind a bad place can prove that the bad place
//     was good once: then it is damage, and not a torn write.
//   - the header sum covers the directory's seed, the frame's offset and the rest
//     of the header. The seed is secret, so nothing that a client stores passes for a
//     frame, and neither does a frame of another directory or in another place. The
//     header has a sum of its own so that the search for such proof never has to
//     believe a length.
//
// An empty payload says nothing but what its header says. The first frame of a segment is its opening:
//
//	+------------------+------------+
//	| previous end (8) | states (4) |
//	+------------------+------------+
//
// previous end is where the segment before it ends, whatever stands there after it; 0 in the
// first segment of all. states is how many frames after this one were
// synced together with it, before the file got its name as a segment: a
// RecordState for each shard.
const (
	frameHeader    = 24
	openingPayload = 12
	openingFrame   = frameHeader + openingPayload

	// maxPayload keeps the offsets of a segment within four bytes: one begins below
	// maxSegmentSize, or holds one record only.
	maxPayload = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// framing reads and writes the frames of one segment.
type framing struct {
	seed    uint64
	segment uint64
}

func (f framing) headerSum(header []byte, offset int64) uint32 {
	var b [16 + frameHeader - 4]byte
	binary.BigEndian.PutUint64(b[0:], f.seed)
	binary.BigEndian.PutUint64(b[8:], uint64(offset))
	copy(b[16:], header[4:frameHeader])
	return crc32.Checksum(b[:], castagnoli)
}

// seal fills in the header of a frame whose payload is in place and which goes
// to the given offset.
func (f framing) seal(frame []byte, offset, synced int64) error {
	payload := frame[frameHeader:]
	if len(payload) > maxPayload {
		return fmt.Errorf("log record of %d bytes: want at most %d", len(payload), maxPayload)
	}
	if end := offset + int64(len(frame)); end > math.MaxUint32 {
		return fmt.Errorf("log segment of %d bytes: want at most %d", end, math.MaxUint32)
	}
	binary.BigEndian.PutUint32(frame[4:], crc32.Checksum(payload, castagnoli))
	binary.BigEndian.PutUint32(frame[8:], uint32(len(payload)))
	binary.BigEndian.PutUint64(frame[12:], f.segment)
	binary.BigEndian.PutUint32(frame[20:], uint32(synced))
	binary.BigEndian.PutUint32(frame[0:], f.headerSum(frame, offset))
	return nil
}

// header reads the header of the frame h, which stands at an offset of the segment.
func (f framing) header(h []byte, offset int64) (length, synced int64, err error) {
	if len(h) < frameHeader {
		return 0, 0, fmt.Errorf("%d bytes where a frame is due: its header has %d", len(h), frameHeader)
	}
	if n := binary.BigEndian.Uint64(h[12:]); n != f.segment {
		return 0, 0, fmt.Errorf("no frame of segment %d: its header names segment %d", f.segment, n)
	}
	if want, have := f.headerSum(h, offset), binary.BigEndian.Uint32(h); want != have {
		return 0, 0, fmt.Errorf("header has checksum %08x, want %08x", have, want)
	}
	length, synced = int64(binary.BigEndian.Uint32(h[8:])), int64(binary.BigEndian.Uint32(h[20:]))
	if synced > offset {
		return 0, 0, fmt.Errorf("header says that the segment was synced up to %d, beyond itself", synced)
	}
	return length, synced, nil
}

// payload reads the frame h, which stands at an offset of the segment, and what comes after it. The result aliases h.
func (f framing) payload(h []byte, offset int64) (payload []byte, synced int64, err error) {
	length, synced, err := f.header(h, offset)
	if err != nil {
		return nil, 0, err
	}
	rest := h[frameHeader:]
	if length > int64(len(rest)) {
		return nil, 0, fmt.Errorf("%d bytes where a payload of %d is due", len(rest), length)
	}
	payload = rest[:length:length]
	if want, have := crc32.Checksum(payload, castagnoli), binary.BigEndian.Uint32(h[4:]); want != have {
		return nil, 0, fmt.Errorf("payload of %d bytes has checksum %08x, want %08x", length, want, have)
	}
	return payload, synced, nil
}

// proofAfter looks for a frame behind the bad place which proves that what
// stood there was synced once. It returns where that frame is.
func (f framing) proofAfter(b []byte, bad int64) (at int64, found bool) {
	const numberAt = 12
	number := binary.BigEndian.AppendUint64(nil, f.segment)
	for at = bad + 1; at+frameHeader <= int64(len(b)); at++ {
		next := bytes.Index(b[at+numberAt:], number)
		if next < 0 {
			break
		}
		at += int64(next)
		if _, synced, err := f.header(b[at:], at); err == nil && synced > bad {
			return at, true
		}
	}
	return 0, false
}

// walk calls visit with the payloads of the segment b and what their headers say
// was synced, in order, beginning at an offset. It ends where b does, or at the first place that is no good frame: bad
// then says why. An error of visit ends it too: there the frame is good, and
// its meaning is not.
func (f framing) walk(b []byte, from int64, visit func(payload []byte, synced int64) error) (end int64, bad, err error) {
	for end = from; end < int64(len(b)); {
		p, synced, bad := f.payload(b[end:], end)
		if bad != nil {
			return end, bad, nil
		}
		if err := visit(p, synced); err != nil {
			return end, nil, err
		}
		end += frameHeader + int64(len(p))
	}
	return end, nil, nil
}

// opening is what the first frame of a segment says.
type opening struct {
	previousEnd int64
	states      int
}

func (o opening) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(o.previousEnd))
	return binary.BigEndian.AppendUint32(b, uint32(o.states))
}

// opening reads the first frame of the segment b.
func (f framing) opening(b []byte) (opening, error) {
	p, _, err := f.payload(b, 0)
	if err != nil {
		return opening{}, err
	}
	if len(p) != openingPayload {
		return opening{}, fmt.Errorf("opening of %d bytes, want %d", len(p), openingPayload)
	}
	o := opening{previousEnd: int64(binary.BigEndian.Uint64(p)), states: int(binary.BigEndian.Uint32(p[8:]))}
	if first := f.segment == firstSegment; first != (o.previousEnd == 0) || o.previousEnd < 0 {
		return opening{}, fmt.Errorf("opening of segment %d says that the one before it ends at %d", f.segment, o.previousEnd)
	}
	return o, nil
}
