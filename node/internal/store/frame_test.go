package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/ringward/ringward/shard"
)

// buildSegment makes a segment of an opening and frames with the given payloads, each of which
// says that all before it was synced.
func buildSegment(t testing.TB, f framing, payloads [][]byte) []byte {
	t.Helper()
	o := opening{states: 0}
	if f.segment > firstSegment {
		o.previousEnd = 1
	}
	b := o.append(make([]byte, frameHeader))
	if err := f.seal(b, 0, 0); err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads {
		start := len(b)
		b = append(append(b, make([]byte, frameHeader)...), p...)
		if err := f.seal(b[start:], int64(start), int64(start)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func readSegment(f framing, b []byte) (payloads [][]byte, end int64, bad error) {
	end, bad, _ = f.walk(b, openingFrame, func(p []byte, _ int64) error {
		payloads = append(payloads, p)
		return nil
	})
	return payloads, end, bad
}

// TestZerosAreNoFrame: where a file was filled with zeros ahead, the frames end, and nothing there proves anything.
func TestZerosAreNoFrame(t *testing.T) {
	for _, seed := range []uint64{0, 42} {
		fr := framing{seed: seed, segment: firstSegment}
		good := buildSegment(t, fr, [][]byte{[]byte("one"), {}, []byte("two")})
		for zeros := range 2 * frameHeader {
			b := append(slices.Clone(good), make([]byte, zeros)...)
			payloads, end, bad := readSegment(fr, b)
			if len(payloads) != 3 || end != int64(len(good)) || (bad == nil) != (zeros == 0) {
				t.Fatalf("with %d zeros behind 3 frames of %d bytes: %d frames of %d bytes, %v", zeros, len(good), len(payloads), end, bad)
			}
			if at, found := fr.proofAfter(b, end); found {
				t.Fatalf("with %d zeros: a proof at %d", zeros, at)
			}
		}
	}
}

// FuzzSegment reads segments in which a run of bytes was overwritten: what is read is what was
// written, up to the damage, and a sync that is known of behind it is found.
func FuzzSegment(f *testing.F) {
	f.Add([]byte("one,two,three"), uint16(70), []byte{0, 1, 2})
	f.Add([]byte(",,,"), uint16(0), []byte{})
	f.Add([]byte("a,long one that goes on for a while,b"), uint16(40), bytes.Repeat([]byte{0xff}, 30))
	f.Fuzz(func(t *testing.T, text []byte, at uint16, damage []byte) {
		fr := framing{seed: 42, segment: 7}
		payloads := bytes.Split(text, []byte(","))
		good := buildSegment(t, fr, payloads)
		bad := slices.Clone(good)
		copy(bad[min(int(at), len(bad)):], damage)
		first := 0 // the first byte that differs
		for first < len(good) && good[first] == bad[first] {
			first++
		}
		if _, err := fr.opening(bad); (err == nil) != (first >= openingFrame) {
			t.Fatalf("damage at %d, and the opening gives %v", first, err)
		}
		read, end, why := readSegment(fr, bad)
		if (why == nil) != (first == len(good)) && first >= openingFrame {
			t.Fatalf("damage at %d of %d, and the reader says %v at %d", first, len(good), why, end)
		}
		if len(read) > len(payloads) {
			t.Fatalf("%d payloads were read of %d", len(read), len(payloads))
		}
		for i, p := range read {
			if first >= openingFrame && !bytes.Equal(p, payloads[i]) {
				t.Fatalf("payload %d is %q, want %q", i, p, payloads[i])
			}
		}
		if proof, found := fr.proofAfter(bad, end); found && (proof <= end || !bytes.Equal(bad[proof:proof+frameHeader], good[proof:proof+frameHeader])) {
			t.Fatalf("a frame at %d proves that %d was synced; nobody wrote it", proof, end)
		}
	})
}

// FuzzSegmentBytes reads anything, as the newest segment and as an older one.
func FuzzSegmentBytes(f *testing.F) {
	fr := framing{seed: 42, segment: 1}
	record := shard.AppendRecord(nil, shard.Record{Shard: 1, Kind: shard.RecordEntry, Entry: shard.NewEntry(1, 1, 0, []byte("c"))})
	f.Add(buildSegment(f, fr, [][]byte{record, nil, record}))
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := fr.opening(b); err != nil && len(b) >= openingFrame && bytes.HasPrefix(b, buildSegment(t, fr, nil)) {
			t.Fatalf("a good opening is refused: %v", err)
		}
		from := min(int64(openingFrame), int64(len(b)))
		end, _, _ := fr.walk(b, from, func(p []byte, synced int64) error {
			_, err := shard.DecodeRecord(p)
			return err
		})
		if end < from || end > int64(len(b)) {
			t.Fatalf("the frames of %d bytes end at %d", len(b), end)
		}
		fr.proofAfter(b, end)
	})
}

// TestFrameInItsPlace: a good frame counts only where it was written, in its segment, in its directory.
func TestFrameInItsPlace(t *testing.T) {
	fr := framing{seed: 1, segment: 2}
	b := buildSegment(t, fr, [][]byte{[]byte("one"), []byte("two")})
	second := int64(openingFrame + frameHeader + 3)
	if p, synced, err := fr.payload(b[second:], second); err != nil || string(p) != "two" || synced != second {
		t.Fatalf("the second payload is %q, synced up to %d, %v", p, synced, err)
	}
	moved := slices.Concat(b[:openingFrame], []byte{0}, b[openingFrame:])
	if _, _, err := fr.payload(moved[openingFrame+1:], openingFrame+1); err == nil {
		t.Error("a frame counts one byte from its place")
	}
	for _, other := range []framing{{seed: 9, segment: 2}, {seed: 1, segment: 3}} {
		if _, _, err := other.payload(b[second:], second); err == nil {
			t.Errorf("a frame of %v counts in %v", fr, other)
		}
	}
	// Its number alone tells a stale frame, whatever its sums: here they are right.
	stale := framing{seed: 1, segment: 3}
	forged := slices.Clone(b)
	h := forged[second:]
	copy(h[0:4], []byte{0, 0, 0, 0})
	sum := stale.headerSum(h, second)
	h[0], h[1], h[2], h[3] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
	if _, _, err := stale.payload(forged[second:], second); err == nil {
		t.Error("a frame with the number of another segment counts")
	}
}

// TestProofIsNotForged: bytes that look like a frame of this segment to one who does not know the seed
// prove nothing.
func TestProofIsNotForged(t *testing.T) {
	fr := framing{seed: 77, segment: 5}
	bad := int64(openingFrame)
	value := buildSegment(t, framing{seed: 0, segment: 5}, [][]byte{[]byte("x"), []byte("y")})
	b := slices.Concat(buildSegment(t, fr, nil), []byte{0xff}, value)
	if at, found := fr.proofAfter(b, bad); found {
		t.Fatalf("a value in the torn part proves at %d that the part was synced", at)
	}
	real := buildSegment(t, fr, [][]byte{[]byte("first"), []byte("second")})
	real[bad] ^= 1
	if at, found := fr.proofAfter(real, bad); !found || at != bad+frameHeader+5 {
		t.Fatalf("the frame behind the damage is found at %d, %v", at, found)
	}
}

// FuzzDocument: anything may stand in the small files.
func FuzzDocument(f *testing.F) {
	f.Add(sealDocument("identity", []byte(`{"node":"0000000000000001","boot":3,"seed":"4"}`)))
	f.Add([]byte("ringward identity, format 2, what comes then"))
	f.Add([]byte("ringward identity, format 1, crc32c 00000000\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var id identity
		err := openDocument("path", "identity", b, &id)
		var damage *DamageError
		if errors.As(err, &damage) && (damage.Offset < 0 || damage.Offset > int64(len(b))) {
			t.Fatalf("damage at %d of %d bytes", damage.Offset, len(b))
		}
		if err != nil {
			return
		}
		body, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		var again identity
		if err := openDocument("path", "identity", sealDocument("identity", body), &again); err != nil || again != id {
			t.Fatalf("%v was read, and written and read again it is %v, %v", id, again, err)
		}
	})
}

// TestTooLong: what the format has no room for is refused, not cut.
func TestTooLong(t *testing.T) {
	fr := framing{seed: 1, segment: 1}
	if err := fr.seal(make([]byte, frameHeader+maxPayload+1), 0, 0); err == nil {
		t.Error("a payload above the limit was sealed")
	}
	if err := fr.seal(make([]byte, frameHeader), 1<<32, 0); err == nil {
		t.Error("a frame behind the last offset was sealed")
	}
}
