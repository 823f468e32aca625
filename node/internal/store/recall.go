package store

import (
	"slices"
	"sort"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// run is where the entries of one shard stand in a segment.
type run struct {
	// above: the shard's entries in this segment are above it, those that are void too. So the newest version of an entry stands in
	// the newest segment whose run begins below it, if anywhere.
	above shard.Seqno
	// marks are some of the entries, that was written first and others at least markEvery behind each other; none above
	// a later cut. Both positions and offsets rise.
	marks []mark
}

// mark is where a record stands that holds an entry.
type mark struct {
	seqno  shard.Seqno
	offset int64
}

const (
	// markEvery is how far apart marks are, in bytes: so much is read in vain at most, but for one record.
	markEvery = 256 << 10
	// recallWindow is how much is read at once, in bytes, unless one record takes more.
	recallWindow = 1 << 20
)

// indexed reports whether what stands at an offset needs no mark.
func (r *run) indexed(offset int64) bool {
	return r != nil && len(r.marks) > 0 && offset < r.marks[len(r.marks)-1].offset+markEvery
}

// mark notes where the entry at a position stands.
func (r *run) mark(seqno shard.Seqno, offset int64) {
	if !r.indexed(offset) {
		r.marks = append(r.marks, mark{seqno, offset})
	}
}

// cut notes that entries above a position are void, or stand further behind.
func (r *run) cut(above shard.Seqno) {
	r.above = min(r.above, above)
	r.marks = r.marks[:r.before(above+1)]
}

// before is how many marks are below a position.
func (r *run) before(seqno shard.Seqno) int {
	return sort.Search(len(r.marks), func(i int) bool { return r.marks[i].seqno >= seqno })
}

// index takes note of a record at an offset of a segment.
func (l *log) index(seg *segment, r *shard.Record, offset int64) {
	at := seg.runs[r.Shard]
	if r.Kind == shard.RecordEntry && at.indexed(offset) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at == nil {
		at = &run{}
		seg.runs[r.Shard] = at
	}
	switch r.Kind {
	case shard.RecordEntry:
		at.mark(r.Entry.Seqno(), offset)
	case shard.RecordState:
		at.above = r.Cut
	case shard.RecordActivate, shard.RecordFollow:
		at.cut(r.Cut)
		if len(r.Entries) > 0 {
			at.mark(r.Cut+1, offset)
		}
	}
}

// find returns the segment in which an entry stands, where in it to begin to look, and where it ends; nil, if it is nowhere. The
// segment stays until it is released.
func (l *log) find(id shard.ID, seqno shard.Seqno) (seg *segment, from, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seg := range slices.Backward(l.segments) {
		r := seg.runs[id]
		if r == nil || r.above >= seqno {
			continue
		}
		n := r.before(seqno + 1)
		if n == 0 || seg.going {
			return nil, 0, 0 // n is 0 where the history has begun anew since
		}
		seg.readers++
		return seg, r.marks[n-1].offset, seg.readable.Load()
	}
	return nil, 0, 0
}

func (l *log) release(seg *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seg.readers--
}

// recall reads entries as Store.Recall does, from one segment: where the next begins is looked up when they are asked for.
func (l *log) recall(id shard.ID, after, last shard.Seqno, lineage shard.Lineage, size int) (entries []shard.Entry, err error) {
	seg, from, end := l.find(id, after+1)
	if seg == nil {
		return nil, nil
	}
	defer l.release(seg)
	// Entries of equal epoch and position are equal. So the lineage tells those that are meant from those that are void.
	meant := func(e shard.Entry) bool {
		next := after + 1 + shard.Seqno(len(entries))
		return e.Seqno() == next && (e.Epoch() == lineage.EpochAt(next) || mutant.On(mutant.RecallByPosition))
	}
	more := true
	take := func(e shard.Entry) {
		if !more || !meant(e) {
			return
		}
		if more = size >= len(e) || len(entries) == 0; more {
			entries = append(entries, slices.Clone(e))
			size -= len(e)
			more = e.Seqno() < last
		}
	}
	err = l.scan(seg.number, from, end, func(payload []byte) (bool, error) {
		if len(payload) == 0 {
			return true, nil
		}
		r, err := shard.DecodeRecord(payload)
		if err != nil || r.Shard != id {
			return true, err
		}
		if r.Kind == shard.RecordEntry {
			take(r.Entry)
		}
		for _, e := range r.Entries {
			take(e)
		}
		return more, nil
	})
	return entries, err
}

// scan calls visit with the payloads of a segment from a frame on up to an end, until it returns false. They are valid until it returns.
func (l *log) scan(number uint64, from, end int64, visit func(payload []byte) (more bool, err error)) error {
	file, err := l.fs.Open(l.path(number), vfs.RandomReadsOption)
	if err != nil {
		return err
	}
	defer file.Close()
	f, w := framing{seed: l.seed, segment: number}, window{file: file, end: end}
	for from < end {
		b, err := w.at(from, frameHeader)
		if err != nil {
			return err
		}
		length, _, bad := f.header(b, from)
		var payload []byte
		if bad == nil {
			if b, err = w.at(from, frameHeader+length); err != nil {
				return err
			}
			payload, _, bad = f.payload(b, from)
		}
		more := false
		if bad == nil {
			more, bad = visit(payload)
		}
		switch {
		case bad != nil:
			return &DamageError{File: l.path(number), Offset: from, Reason: bad.Error()}
		case !more:
			return nil
		}
		from += frameHeader + length
	}
	return nil
}

// window is the part of a file that was read last.
type window struct {
	file  vfs.File
	end   int64 // of what is to be read of the file
	begin int64
	b     []byte
}

// at returns what stands at an offset, at least n bytes unless the end comes before.
func (w *window) at(offset, n int64) ([]byte, error) {
	if offset+n > w.begin+int64(len(w.b)) {
		w.begin, n = offset, min(max(n, recallWindow), w.end-offset)
		w.b = slices.Grow(w.b[:0], int(n))[:n]
		if _, err := w.file.ReadAt(w.b, offset); err != nil {
			return nil, err
		}
	}
	return w.b[offset-w.begin:], nil
}
