package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

const (
	// allocateStep is how far ahead of the writes a segment gets its blocks, in bytes:
	// enough to make that rare, and not much to lose with a segment that ends early.
	allocateStep = 4 << 20
	// keepBuffer is the largest buffer that is kept for the next Append, in bytes.
	keepBuffer = 8 << 20
	// keepEntries is for how many entries a shard's state keeps room between two
	// records: one comes at a time, but for activations.
	keepEntries = 16
)

// log is the history log of a node: its segments, and the fold of its records.
//
// Invariants:
//   - All segments but the newest are synced up to their end, and never
//     written again. The opening of each states where the one before it ends, so the end of
//     the log is cut simply by beginning a new segment there.
//   - Every segment can be the first: it begins with the state of every replica, and
//     the segments before it are dropped only when the contents hold all entries that stand there.
//   - What is appended fits the fold, so that a replay will accept it.
//
// Append and Sync are for one goroutine, prepare for another. dropSegments and heldBy may run beside them, and so may recall: mu
// guards what they share.
type log struct {
	fs          vfs.FS
	dir         string
	seed        uint64
	segmentSize int64
	keep        int64 // so many bytes are not dropped, although nobody here needs them
	most        int64 // so many are not, while hold says that somebody lacks them
	spareBytes  int64 // for so many bytes there may be spares, besides one

	// states is the fold of all records per shard, without the entries.
	states map[shard.ID]*shard.Stored

	// The segment in use; file is nil before the first.
	file      vfs.File
	framing   framing
	current   *segment
	start     int64 // where its states end and the records begin
	pos       int64 // what was written ends here
	synced    int64 // what was synced ends here
	allocated int64 // blocks are there up to here
	buf       []byte
	// cuts are the activations, and the histories taken over or given up, that were appended and not synced: shard, and
	// the lowest position above which the entries of older segments are void once it is durable.
	cuts map[shard.ID]shard.Seqno

	used atomic.Int64 // bytes in all segments

	ahead    vfs.File // the spare that prepare writes; nil: none was begun
	aheadEnd int64    // so much of it is written and synced

	mu       sync.Mutex
	segments []*segment // oldest first; the last is the one in use
	spares   []string   // the names of the spares, oldest first
	noRoom   uint64     // the disk had no room for a spare while this segment was in use
	hold     map[shard.ID]shard.Seqno
}

func newLog(fs vfs.FS, dir string, seed uint64, o Options) *log {
	return &log{
		fs: fs, dir: dir, seed: seed, segmentSize: o.SegmentSize, keep: o.LogKeep, most: o.LogHold, spareBytes: o.LogSpare,
		states: map[shard.ID]*shard.Stored{}, cuts: map[shard.ID]shard.Seqno{},
	}
}

// append writes the records behind all others, with one write where they fit into the segment.
func (l *log) append(records []shard.Record) error {
	l.buf = l.buf[:0]
	if l.current.fresh && l.spared() {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	for _, r := range records {
		start := len(l.buf)
		if err := l.encode(r); err != nil {
			return err
		}
		// A record that no segment has room for gets one of its own.
		if at := l.pos + int64(start); l.pos+int64(len(l.buf)) > l.segmentSize && at > l.start {
			l.buf = l.buf[:start]
			if err := l.rotate(); err != nil {
				return err
			}
			start = 0
			if err := l.encode(r); err != nil {
				return err
			}
		}
		if err := l.fold(l.current, r, l.pos+int64(start)); err != nil {
			return err
		}
		forgetEntries(l.states[r.Shard])
	}
	return l.write()
}

// encode adds the frame of r to the buffer, which begins at pos.
func (l *log) encode(r shard.Record) error {
	start := len(l.buf)
	var header [frameHeader]byte
	l.buf = shard.AppendRecord(append(l.buf, header[:]...), r)
	// What the decoder refuses would make the directory one that does not open.
	if _, err := shard.DecodeRecord(l.buf[start+frameHeader:]); err != nil {
		return err
	}
	return l.framing.seal(l.buf[start:], l.pos+int64(start), l.synced)
}

// fold adds r, which stands in seg at an offset, to the states. An error means that r does not continue them.
func (l *log) fold(seg *segment, r shard.Record, offset int64) error {
	s := l.states[r.Shard]
	switch {
	case r.Kind == shard.RecordPromise || r.Kind == shard.RecordState:
		if of := r.Chain.Newest().Shard; of != r.Shard {
			return fmt.Errorf("record of shard %d carries the chain of shard %d", r.Shard, of)
		}
	case s == nil:
		return fmt.Errorf("shard %d: the first record is of kind %d, want a promise or a state", r.Shard, r.Kind)
	}
	if s == nil {
		s = &shard.Stored{}
	}
	if err := s.Replay(r); err != nil {
		return err
	}
	l.states[r.Shard] = s

	if r.Kind == shard.RecordActivate || r.Kind == shard.RecordFollow {
		seg.cut(r.Shard, r.Cut)
		if above, ok := l.cuts[r.Shard]; !ok || r.Cut < above {
			l.cuts[r.Shard] = r.Cut
		}
	}
	if r.Kind == shard.RecordEntry || len(r.Entries) > 0 {
		seg.last[r.Shard] = s.Last()
	}
	l.index(seg, &r, offset)
	return nil
}

// forgetEntries keeps a state's memory bounded; the next entry still fits.
func forgetEntries(s *shard.Stored) {
	hash, _ := s.HashAt(s.Last())
	s.Start, s.Hash = s.Last(), hash
	if cap(s.Entries) > keepEntries {
		s.Entries = nil
	}
	clear(s.Entries)
	s.Entries = s.Entries[:0]
}

// write hands the buffer to the file.
func (l *log) write() error {
	if len(l.buf) == 0 {
		return nil
	}
	end := l.pos + int64(len(l.buf))
	if end > l.allocated {
		// Only to keep the file in one piece and its syncs cheap: not every file
		// system can, and one that is full will say so at the write.
		from := max(l.allocated, l.pos)
		l.allocated = max(end, min(from+allocateStep, l.segmentSize))
		_ = l.file.Preallocate(from, l.allocated-from)
	}
	if _, err := l.file.Write(l.buf); err != nil {
		return err
	}
	l.used.Add(int64(len(l.buf)))
	l.pos = end
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return nil
}

// sync makes durable what was written.
func (l *log) sync() error {
	if l.synced == l.pos {
		return nil
	}
	err := l.file.SyncData()
	if mutant.On(mutant.FailedSyncRetried) && err != nil {
		err = l.file.SyncData()
	}
	if err != nil {
		return err
	}
	l.synced = l.pos
	l.current.readable.Store(l.synced)
	l.applyCuts()
	return nil
}

// applyCuts lets go of entries in older segments that durable records made void.
func (l *log) applyCuts() {
	if len(l.cuts) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seg := range l.segments {
		if seg == l.current {
			continue // what is void here was cut when it was appended
		}
		for id, above := range l.cuts {
			seg.cut(id, above)
		}
	}
	clear(l.cuts)
}

// rotate ends the segment in use, with the buffer as its last part, and begins the next.
func (l *log) rotate() error {
	if err := l.write(); err != nil {
		return err
	}
	if !mutant.On(mutant.SegmentNotSynced) {
		if err := l.sync(); err != nil {
			return err
		}
	}
	err := l.file.Close()
	l.file = nil
	if err != nil {
		return err
	}
	l.current.end = l.pos
	return l.createSegment(l.framing.segment+1, l.pos)
}

// close writes an empty frame, which vouches for all before it, and ends the use of the log.
func (l *log) close(failed bool) error {
	errs := []error{l.closeAhead()}
	if l.file != nil {
		if !failed {
			errs = append(errs, l.vouch())
		}
		errs = append(errs, l.file.Close())
		l.file = nil
	}
	return errors.Join(errs...)
}

func (l *log) vouch() error {
	if err := l.sync(); err != nil {
		return err
	}
	l.buf = append(l.buf[:0], make([]byte, frameHeader)...)
	if err := l.framing.seal(l.buf, l.pos, l.synced); err != nil {
		return err
	}
	if err := l.write(); err != nil {
		return err
	}
	return l.sync()
}
