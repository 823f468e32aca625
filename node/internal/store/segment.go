package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// A segment gets its file in these steps, so that a file with the name of a segment always
// begins with a whole opening and all its states, and is the only one of its number:
//
//	a spare, or a new file  ─rename─►  next
//	write opening and states, fsync
//	next  ─rename─►  NUMBER.log, sync the directory
//
// and loses it in these, oldest first:
//
//	NUMBER.log  ─rename─►  NUMBER.spare, or removed; sync the directory
//
// A spare is a file whose blocks are written already. Where no segment has left one, it is made; see ahead.go:
//
//	new file spare, filled with zeros and fsynced step by step
//
// A segment in a new file ends as soon as there is a spare for the next one.
//
// What is found as next or as a spare at Open is of an earlier process, and removed: a file
// that was begun as some segment must not become the same segment again.
const (
	segmentSuffix = ".log"
	spareSuffix   = ".spare"
	nextName      = "next"
	spareName     = "spare"

	// reusePart of a segment's size may be missing from a file that is used again: there its blocks are written on first use.
	reusePart = 16

	firstSegment = 1
)

// segment is one file of the log.
type segment struct {
	number uint64
	// end is where its frames end. For the segment in use it is not kept up to date.
	end int64
	// last is the position of each shard's last entry here that is not void. The
	// segment can go when the contents hold all of them.
	last map[shard.ID]shard.Seqno
	// runs is where the entries of each shard stand, for log.recall.
	runs map[shard.ID]*run
	// readable is up to where the file may be read: what is there is synced, and stays.
	readable atomic.Int64
	readers  int  // how many are at it
	going    bool // it is being dropped
	fresh    bool // its file was new: no blocks were written before records were. Of replayed segments it is not known.
	// bare is known of replayed segments: there is nothing in the file but the opening and its states.
	bare bool
}

func newSegment(number uint64) *segment {
	return &segment{number: number, last: map[shard.ID]shard.Seqno{}, runs: map[shard.ID]*run{}}
}

// cut notes that a shard's entries above a position are void from now on.
func (s *segment) cut(id shard.ID, above shard.Seqno) {
	if s.last[id] > above {
		s.last[id] = above
	}
}

// held lists the shards whose entries here are not all in contents that reach up to flushed.
func (s *segment) held(flushed map[shard.ID]position) []shard.ID {
	var held []shard.ID
	for _, id := range slices.Sorted(maps.Keys(s.last)) {
		if s.last[id] > flushed[id].seqno {
			held = append(held, id)
		}
	}
	return held
}

func segmentName(number uint64) string { return numbered(number, segmentSuffix) }

func numbered(number uint64, suffix string) string { return fmt.Sprintf("%016d%s", number, suffix) }

// parseNumbered knows only names that numbered writes.
func parseNumbered(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, ok && err == nil && number > 0 && numbered(number, suffix) == name
}

// listSegments removes the files that are no segments and returns the numbers of those that are, oldest first.
func listSegments(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		_, spare := parseNumbered(name, spareSuffix)
		if number, ok := parseNumbered(name, segmentSuffix); ok {
			numbers = append(numbers, number)
		} else if spare || name == nextName || name == spareName {
			if err := fs.Remove(fs.PathJoin(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(numbers)
	for i, number := range numbers {
		if i > 0 && number != numbers[i-1]+1 {
			return nil, fmt.Errorf("%s is missing, between segments %d and %d of the log",
				fs.PathJoin(dir, segmentName(numbers[i-1]+1)), numbers[i-1], number)
		}
	}
	return numbers, nil
}

// createSegment makes the file of l's next segment and makes it the one in use.
func (l *log) createSegment(number uint64, previousEnd int64) error {
	f := framing{seed: l.seed, segment: number}
	b := opening{previousEnd: previousEnd, states: len(l.states)}.append(make([]byte, frameHeader))
	if err := f.seal(b, 0, 0); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(l.states)) {
		start := len(b)
		b = shard.AppendRecord(append(b, make([]byte, frameHeader)...), l.states[id].StateRecord())
		if err := f.seal(b[start:], int64(start), 0); err != nil {
			return err
		}
	}

	next := l.fs.PathJoin(l.dir, nextName)
	file, fresh, err := l.openNext(next)
	if err != nil {
		return err
	}
	if _, err := file.Write(b); err != nil {
		file.Close()
		return err
	}
	if err := file.Sync(); err != nil {
		file.Close()
		return err
	}
	if err := l.fs.Rename(next, l.fs.PathJoin(l.dir, segmentName(number))); err != nil {
		file.Close()
		return err
	}
	if !mutant.On(mutant.NamesNotSynced) {
		if err := syncDir(l.fs, l.dir); err != nil {
			file.Close()
			return err
		}
	}

	l.file, l.framing = file, f
	l.start, l.pos, l.synced, l.allocated = int64(len(b)), int64(len(b)), int64(len(b)), 0
	if !fresh {
		l.allocated = l.segmentSize
	}
	l.current = newSegment(number)
	l.current.fresh = fresh
	for id, s := range l.states {
		l.current.runs[id] = &run{above: s.Last()}
	}
	l.current.readable.Store(l.pos)
	l.used.Add(l.pos)
	l.mu.Lock()
	l.segments = append(l.segments, l.current)
	l.mu.Unlock()
	return nil
}

// openNext takes the oldest spare, else a new file.
func (l *log) openNext(next string) (file vfs.File, fresh bool, err error) {
	l.mu.Lock()
	var spare string
	if len(l.spares) > 0 {
		spare = l.spares[0]
	}
	l.mu.Unlock()
	if spare == "" {
		file, err = l.fs.Create(next, writeCategory)
		return file, true, err
	}
	file, err = l.fs.ReuseForWrite(l.fs.PathJoin(l.dir, spare), next, writeCategory)
	// Only now: as long as it stands, prepare leaves the name alone.
	l.mu.Lock()
	l.spares = l.spares[1:]
	l.mu.Unlock()
	return file, false, err
}

// spared reports whether there is a spare.
func (l *log) spared() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.spares) > 0
}

// dropSegments drops the oldest segments that are due, as long as contents that are flushed up to
// the given positions hold all their entries. It may run beside the appending goroutine.
func (l *log) dropSegments(flushed map[shard.ID]position) error {
	for {
		l.mu.Lock()
		if !l.due() || len(l.segments[0].held(flushed)) > 0 {
			l.mu.Unlock()
			return nil
		}
		oldest, recycle := l.segments[0], int64(len(l.spares)) < 1+l.spareBytes/l.segmentSize
		oldest.going = true
		l.mu.Unlock()

		spare, err := l.dropFile(oldest.number, recycle)
		if err != nil {
			return err
		}
		// One at a time, so that a crash never leaves a gap.
		if err := syncDir(l.fs, l.dir); err != nil {
			return err
		}

		l.mu.Lock()
		l.segments = l.segments[1:]
		if spare != "" {
			l.spares = append(l.spares, spare)
		}
		l.mu.Unlock()
		l.used.Add(-oldest.end)
	}
}

// dropFile takes the name of a segment from its file, which becomes a spare where it is to be used again and most of its blocks are written; else
// it is removed, and spare is empty.
func (l *log) dropFile(number uint64, recycle bool) (spare string, err error) {
	name := l.path(number)
	if recycle {
		// The end of the segment does not tell: its file may have been longer from the start.
		info, err := l.fs.Stat(name)
		if err != nil {
			return "", err
		}
		if size := info.Size(); size >= l.segmentSize-l.segmentSize/reusePart && size <= l.segmentSize {
			spare = numbered(number, spareSuffix)
			return spare, l.fs.Rename(name, l.fs.PathJoin(l.dir, spare))
		}
	}
	return "", l.fs.Remove(name)
}

// due reports whether the oldest segment may go for others' sake: it is not the one in use, nobody reads it, behind it is as much
// as is to be kept, and nobody is known to lack what is in it, or too much behind it. mu is held.
func (l *log) due() bool {
	if len(l.segments) < 2 || l.segments[0].readers > 0 {
		return false
	}
	rest := l.used.Load() - l.segments[0].end
	return rest >= l.keep && (rest >= l.most || !l.segments[0].lacking(l.hold))
}

// drops reports whether there is a segment to drop.
func (l *log) drops() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.due()
}

// lacking reports whether the segment holds entries above these positions.
func (s *segment) lacking(above map[shard.ID]shard.Seqno) bool {
	for id, seqno := range above {
		if s.last[id] > seqno {
			return true
		}
	}
	return false
}

// heldBy lists the shards that keep the oldest segment. It returns more false where that
// stays anyway.
func (l *log) heldBy(flushed map[shard.ID]position) (held []shard.ID, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.due() {
		return nil, false
	}
	return l.segments[0].held(flushed), true
}
