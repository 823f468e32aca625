package store

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Store is what a node needs of its disk. Package storetest says what any
// implementation must do.
//
// Append, Sync and Init are for one goroutine at a time; Trim, Flush and Recall may run beside them, so may Prepare in
// a goroutine of its own, and the work on contents and snapshots. Node, Boot, Genesis, LogBytes and Unprepared may be asked at any
// time. Close comes after all of that.
type Store interface {
	// Node is the identity that was made with the directory.
	Node() shard.NodeID
	// Boot counts the opens of the directory, this one included. It begins at 1 and
	// stays below 1<<shard.BootBits.
	Boot() uint64

	// Retire marks the directory durably as one that is not to be used any more, and says why. No Open accepts it
	// from then on. It may be called at any time before Close.
	Retire(why string) error
	// Drains reports whether the node wants to hold nothing any more, as SetDrains noted durably. Both may be called at any
	// time before Close.
	Drains() bool
	SetDrains(bool) error
	// Removed are the nodes that never return, as Remove noted durably. Both may be called at any time before Close.
	Removed() []shard.NodeID
	Remove(shard.NodeID) error

	// Genesis is how the cluster began, nil until Init.
	Genesis() *sequencer.Genesis
	// Init accepts the genesis, durably and for ever, and makes the node's
	// replicas: active in epoch 1 with an empty history. The same genesis again
	// does nothing; another one is refused.
	Init(*sequencer.Genesis) error

	// Replicas is what the log holds of every replica of this node, without the
	// entries that its contents hold already. It is there from Open, or from
	// Init, until the first Append; the caller may keep and change it.
	Replicas() map[shard.ID]*shard.Stored
	// Contents is a view of one shard's contents. It sees what any view has
	// committed, and what was written through it since. Each view is for one
	// goroutine; only one view of a shard may be written to.
	//
	// At Open the contents of a void replica are empty, whatever was in them: a history that was given up, or a
	// snapshot that was not yet taken in. That one is, is the end of these steps, each begun when the one before is
	// durable: a RecordFollow gives up the history; Clear, all that the snapshot holds, and Flush; a RecordFollow
	// begins the history where the snapshot stands.
	Contents(shard.ID) shard.Contents

	// Snapshot pins the committed contents of one shard as they are now. It may be called, and the snapshot used and
	// closed, beside everything else, each snapshot by one goroutine. What is pinned takes room on disk until it is closed,
	// and all are to be closed before the Store.
	Snapshot(shard.ID) (Snapshot, error)
	// Flush makes all contents durable that are committed when it is called. After an error all later calls fail.
	Flush() error

	// Append hands records to the log. They are durable after the next Sync, or
	// some first part of them after a crash. The records and what they point to
	// must not change afterwards.
	Append([]shard.Record) error
	// Sync makes durable all that was appended. After an error here or in Append
	// nothing more is promised: all later calls fail as well.
	Sync() error

	// Unprepared reports whether Prepare has something to do: the log is in use, and there is no file to go on in whose blocks were
	// written before. In those a Sync of little takes about half the time, since it has nothing to tell the file system.
	Unprepared() bool
	// Prepare writes a part of such a file, of up to 1 MiB, and syncs it; it does nothing while Unprepared is false. The log goes on there when the
	// file is whole and the one in use is full, or was not written before. No room on the disk is no error: the log does without, and
	// Unprepared is false until its next segment. After an error all later calls fail.
	Prepare() error

	// Recall reads entries that are durable from the log: those of a history above after, up to last, from the first on, as many as
	// size bytes hold, or fewer; at least one, and none where the log does not hold the first any more. The lineage, which reaches
	// back to after, tells them from others at the same positions that are void. An error means that the disk has failed, or is
	// damaged: all later calls fail as well.
	Recall(id shard.ID, after, last shard.Seqno, lineage shard.Lineage, size int) ([]shard.Entry, error)

	// Hold tells above which positions entries of some shards are lacking elsewhere: they stay where Trim would drop them, up
	// to Options.LogHold. It replaces what was told before, and may be called at any time.
	Hold(map[shard.ID]shard.Seqno)

	// Trim drops the old part of the log whose entries the contents hold, beyond what is to be kept or held for others, after it
	// has made those contents durable. It returns the shards whose entries keep the
	// oldest part that remains; none when only the part in use remains. A shard that
	// stands still can hold the log for ever: what frees it is a RecordActivate of its
	// present epoch and lineage, or a RecordFollow if it was never active, that cuts at its applied position and brings
	// the entries above it along, since that replaces the older records of them.
	Trim() (held []shard.ID, err error)
	// LogBytes is how much of the log is in use, in bytes. Files that are kept to be written, or prepared, are not.
	LogBytes() int64

	// Close ends the use of the directory. It does not sync what was appended.
	Close() error
}

// Snapshot is what Store.Snapshot pins.
type Snapshot interface {
	shard.Snapshot
	Close() error
}

// Options are the settings of a Disk. The zero value means the defaults.
type Options struct {
	// SegmentSize is where a segment of the log ends and the next one begins, in
	// bytes. A single record may exceed it. Default 64 MiB, at most 1 GiB.
	SegmentSize int64
	// LogKeep is how much of the log Trim leaves although the contents hold it, in bytes: for others, see Recall. Default 0.
	LogKeep int64
	// LogHold is how long the log may become, in bytes, for what somebody is known to lack, see Hold. Default LogKeep.
	LogHold int64
	// LogSpare is how much may lie ready for later segments, in bytes, besides one segment: files that Trim dropped. What is ready need not be
	// prepared, and where this is as much as the log grows by between two trims, it takes no room that the log has not taken before. Default 0.
	LogSpare int64
	// MemTableSize is how much Pebble gathers in memory before it writes a table,
	// in bytes. What is in memory has to be replayed after a crash. Default 64 MiB.
	MemTableSize uint64
	// RecentBytes is about how much of a shard's contents gathers in memory before it goes to Pebble at once, in bytes: much of what is written
	// often is written again by then. The log has to replay all of its writes after a crash: however little a shard keeps writing, a Flush bounds that.
	// Default 256 KiB.
	RecentBytes int
	// CacheSize is Pebble's block cache, in bytes. Default 64 MiB.
	CacheSize int64
	// Quiet lets Pebble begin nothing by itself: tables stay as they are flushed, and reads slow down as
	// they gather. Then all that happens to the files follows from calls.
	Quiet bool
	// Logger is told what Pebble reports, and what recovery cut. Default: nobody.
	Logger *slog.Logger
	// Random makes the identity of a new directory. Default crypto/rand.
	Random io.Reader
}

const (
	defaultSegmentSize  = 64 << 20
	maxSegmentSize      = 1 << 30
	defaultMemTableSize = 64 << 20
	// Pebble rejects larger memtables.
	maxMemTableSize  = 4<<30 - 1
	defaultCacheSize = 64 << 20
	// A spill of so much takes some milliseconds, in which nothing is applied.
	defaultRecentBytes = 256 << 10
)

func (o Options) withDefaults() (Options, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = defaultSegmentSize
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = defaultMemTableSize
	}
	if o.RecentBytes == 0 {
		o.RecentBytes = defaultRecentBytes
	}
	if o.CacheSize == 0 {
		o.CacheSize = defaultCacheSize
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	switch {
	case o.SegmentSize < 0 || o.SegmentSize > maxSegmentSize:
		return o, fmt.Errorf("segment size of %d bytes: want 1 to %d", o.SegmentSize, maxSegmentSize)
	case o.LogKeep < 0:
		return o, fmt.Errorf("log of %d bytes to keep: want at least 0", o.LogKeep)
	case o.LogHold < 0:
		return o, fmt.Errorf("log of %d bytes to hold: want at least 0", o.LogHold)
	case o.LogSpare < 0:
		return o, fmt.Errorf("log of %d bytes to keep as spare files: want at least 0", o.LogSpare)
	case o.MemTableSize > maxMemTableSize:
		return o, fmt.Errorf("memtable size of %d bytes: want 1 to %d", o.MemTableSize, uint64(maxMemTableSize))
	case o.RecentBytes < 0:
		return o, fmt.Errorf("recent contents of %d bytes: want a size above 0", o.RecentBytes)
	case o.CacheSize < 0:
		return o, fmt.Errorf("block cache of %d bytes: want a size above 0", o.CacheSize)
	}
	return o, nil
}

// DamageError says that a file does not hold what a node wrote into it.
type DamageError struct {
	File   string
	Offset int64 // where in the file, in bytes
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}
