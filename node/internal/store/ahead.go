package store

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A sync of records that stand in blocks which were written before writes the records, and nothing else. In a new file it also
// writes what the file system has to know: that the file is longer, or that a block which was only reserved holds something
// now. That takes another write, of the file system's journal, and a wait for it, so that small syncs last up to twice as long.
//
// So a segment is to begin in a file that was written up to its end before: one of a segment that was dropped, or,
// where there is none as in a young log, one that was filled with zeros. That is done ahead and beside the
// appending, which never waits for it. What a frame is tells both from what is written there: the frames of another segment name it, and
// zeros name none.
const (
	// aheadPart of a segment is in use before a file is prepared: who hardly writes needs none, and one that is dropped meanwhile
	// is as good. In a new file it is less: each sync there costs more.
	aheadPart      = 4
	aheadPartFresh = 16
	// aheadStep bounds what is written and synced at once, in bytes: a sync of records that comes meanwhile waits for no more, and
	// no operation takes long. A small segment is written in aheadSteps.
	aheadStep  = 1 << 20
	aheadSteps = 4
	// aheadRoom is how many segments a disk has to have room for: one is prepared, and the rest is left to those who need it now.
	aheadRoom = 4
)

// unprepared reports whether prepare has something to do.
func (l *log) unprepared() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.spares) > 0 || len(l.segments) == 0 {
		return false
	}
	inUse, part := l.segments[len(l.segments)-1], int64(aheadPart)
	if inUse.fresh {
		part = aheadPartFresh
	}
	return inUse.number != l.noRoom && inUse.readable.Load() >= l.segmentSize/part
}

// prepare writes and syncs the next part of a spare. Where a dropped segment becomes one meanwhile, the rest is written when that is
// used up. It may run beside the appending goroutine.
func (l *log) prepare(logger *slog.Logger) error {
	if !l.unprepared() {
		return nil
	}
	n := min(l.segmentSize-l.aheadEnd, max(1, min(aheadStep, l.segmentSize/aheadSteps)))
	switch err := l.writeAhead(n); {
	case full(err):
		logger.Warn("no room to prepare a file for the log: it goes on without, and its syncs take longer", "dir", l.dir, "error", err)
		return l.giveUp()
	case err != nil:
		return err
	}
	// Whatever the error is: a sync that fails is the end.
	if err := l.ahead.SyncData(); err != nil {
		return err
	}
	if l.aheadEnd += n; l.aheadEnd < l.segmentSize {
		return nil
	}
	if err := l.closeAhead(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spares = append(l.spares, spareName)
	return nil
}

// writeAhead writes so many zeros, at the end of the file, which it makes where it has to.
func (l *log) writeAhead(n int64) error {
	if l.ahead == nil {
		if disk, err := l.fs.GetDiskUsage(l.dir); err == nil && disk.AvailBytes < uint64(aheadRoom*l.segmentSize) {
			return fmt.Errorf("%w: %d bytes are left, want %d segments of %d", syscall.ENOSPC, disk.AvailBytes, aheadRoom, l.segmentSize)
		}
		file, err := l.fs.Create(l.fs.PathJoin(l.dir, spareName), writeCategory)
		if err != nil {
			return err
		}
		l.ahead = file
		// Only to keep the file in one piece, and to know early that it does not fit.
		if err := file.Preallocate(0, l.segmentSize); full(err) {
			return err
		}
	}
	// New ones each time: a vfs.File may change what it is given.
	_, err := l.ahead.Write(make([]byte, n))
	return err
}

// full reports whether an error says that the disk, or what of it is allotted to the node, has no room.
func full(err error) bool {
	return vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// giveUp removes what was prepared. The next segment in use is the next occasion.
func (l *log) giveUp() error {
	l.mu.Lock()
	l.noRoom = l.segments[len(l.segments)-1].number
	l.mu.Unlock()
	if l.ahead == nil {
		return nil
	}
	err := l.closeAhead()
	if err == nil {
		err = l.fs.Remove(l.fs.PathJoin(l.dir, spareName))
	}
	if full(err) {
		return nil // what is left of it is written again, or removed at the next Open
	}
	return err
}

// closeAhead ends the writing of the file.
func (l *log) closeAhead() error {
	if l.ahead == nil {
		return nil
	}
	err := l.ahead.Close()
	l.ahead, l.aheadEnd = nil, 0
	return err
}
