package store

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// position is how far the contents of a shard reach: the last entry applied, and
// the history's hash there.
type position struct {
	seqno shard.Seqno
	hash  uint64
}

// replay folds the segments that are there. It leaves the log without a segment in use:
// the caller begins one when it has accepted what was found.
func (l *log) replay(applied map[shard.ID]position, logger *slog.Logger) error {
	numbers, err := listSegments(l.fs, l.dir)
	if err != nil {
		return err
	}
	openings := make([]opening, len(numbers))
	for i, number := range numbers {
		if openings[i], err = l.readOpening(number); err != nil {
			return err
		}
	}
	for i, number := range numbers {
		end, newest := int64(math.MaxInt64), i == len(numbers)-1
		if !newest {
			end = openings[i+1].previousEnd
		}
		seg, err := l.replaySegment(number, openings[i], end, newest, logger)
		if err != nil {
			return err
		}
		// What cuts a history cuts the segments before its own; in that one, the fold has
		// done it in its order. They are durable: replaySegment saw to it.
		l.applyCuts()
		l.segments = append(l.segments, seg)
		l.used.Add(seg.end)
		l.forgetApplied(applied)
	}
	return nil
}

func (l *log) path(number uint64) string { return l.fs.PathJoin(l.dir, segmentName(number)) }

func (l *log) readOpening(number uint64) (opening, error) {
	b, err := readFile(l.fs, l.path(number), openingFrame)
	if err != nil {
		return opening{}, err
	}
	o, err := framing{seed: l.seed, segment: number}.opening(b)
	if err != nil {
		return opening{}, &DamageError{File: l.path(number), Reason: err.Error()}
	}
	return o, nil
}

// replaySegment folds one segment, which ends at end; the newest one ends at its first
// bad frame, if nothing says that there was a good one once.
func (l *log) replaySegment(number uint64, o opening, end int64, newest bool, logger *slog.Logger) (*segment, error) {
	seg := newSegment(number)
	// A buffer of its own: the entries that remain point into it.
	b, err := readFile(l.fs, l.path(number), end)
	if err != nil {
		return nil, err
	}
	f := framing{seed: l.seed, segment: number}
	frames, proven, at := 0, int64(0), int64(openingFrame)
	good, bad, err := f.walk(b, openingFrame, func(payload []byte, synced int64) error {
		frames, proven = frames+1, max(proven, synced)
		offset := at
		at += frameHeader + int64(len(payload))
		if len(payload) == 0 {
			return nil
		}
		r, err := shard.DecodeRecord(payload)
		if err != nil {
			return err
		}
		return l.fold(seg, r, offset)
	})
	damage := func(format string, args ...any) error {
		return &DamageError{File: l.path(number), Offset: good, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case err != nil:
		return nil, damage("%v", err)
	case frames < o.states:
		return nil, damage("after %d of the %d states that were synced with the file: %v", frames, o.states, endOr(bad))
	case !newest && good < end:
		return nil, damage("the next segment says that this one goes on to %d, but here is %v", end, endOr(bad))
	case bad != nil:
		if at, found := f.proofAfter(b, good); found {
			return nil, damage("%v; the frame at %d says that this place was synced before", bad, at)
		}
		logger.Info("the log ends here", "file", l.path(number), "offset", good, "reason", bad)
	}
	if newest && !mutant.On(mutant.UnsyncedTailTrusted) {
		if err := rewrite(l.fs, l.path(number), b[proven:good], proven); err != nil {
			return nil, err
		}
	}
	if newest && mutant.On(mutant.TornTailKept) {
		good = int64(len(b))
	}
	seg.end, seg.bare = good, bad == nil && frames == o.states
	seg.readable.Store(good)
	return seg, nil
}

func endOr(bad error) error {
	if bad == nil {
		return errors.New("the end of the file")
	}
	return bad
}

// forgetApplied drops entries that the contents hold, so that a long replay need not
// keep them all. Where a history does not fit yet, a later cut may still make it fit.
func (l *log) forgetApplied(applied map[shard.ID]position) {
	for id, p := range applied {
		if s := l.states[id]; s != nil {
			if hash, ok := s.HashAt(p.seqno); ok && hash == p.hash {
				// Cannot fail: hash and position were just looked at.
				_ = s.Forget(p.seqno, p.hash)
			}
		}
	}
}

// void lists the replicas that have no history, in order.
func (l *log) void() []shard.ID {
	var ids []shard.ID
	for _, id := range slices.Sorted(maps.Keys(l.states)) {
		if l.states[id].Void() {
			ids = append(ids, id)
		}
	}
	return ids
}

// takeReplicas returns what was replayed, trimmed to the applied positions, and keeps
// only the fold of it.
func (l *log) takeReplicas(applied map[shard.ID]position) (map[shard.ID]*shard.Stored, error) {
	for id := range applied {
		if l.states[id] == nil {
			return nil, fmt.Errorf("the contents hold shard %d, which the log does not know: they do not belong together", id)
		}
	}
	replicas := map[shard.ID]*shard.Stored{}
	for id, s := range l.states {
		p := applied[id]
		if err := s.Forget(p.seqno, p.hash); err != nil {
			return nil, err
		}
		replica := *s
		// Copied out of the segments' buffers, which they would keep alive.
		replica.Entries = make([]shard.Entry, len(s.Entries))
		for i, e := range s.Entries {
			replica.Entries[i] = slices.Clone(e)
		}
		replicas[id] = &replica
		forgetEntries(s)
	}
	return replicas, nil
}

// rewrite makes durable what was read from a file at an offset. After the death of the process
// alone it may be in the system's memory only; and if the process died of a
// failed fsync, the system may think that it is on disk, so that a sync alone would not write it.
func rewrite(fs vfs.FS, path string, b []byte, offset int64) error {
	f, err := fs.OpenReadWrite(path, writeCategory)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		// A copy: a vfs.File may change what it is given.
		if _, err := f.WriteAt(slices.Clone(b), offset); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
