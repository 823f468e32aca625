// Package store keeps everything that one node has on disk.
//
// The idea: what a node promises and accepts is durable in one place only, the
// history log, which all its shards share, so that one fsync makes a batch of
// entries, promises and activations durable in their order. The contents, which
// are the fold of the histories, lie in Pebble without a write-ahead log of
// their own: after a crash Pebble holds some earlier state of each shard, and
// the log replays the rest. An entry may leave the log when Pebble has flushed it; some of the log stays beyond that,
// for nodes that were away and lack what is in it. What was committed last to the contents of a shard waits in memory to go to Pebble
// together, see recent.go.
//
//	DIR/RINGWARD   who the directory is: format version, node id, boot count, seed
//	DIR/LOCK       held by the process that has the directory open
//	DIR/genesis    how the cluster began; written once
//	DIR/log/       the segments of the log
//	DIR/contents/  Pebble; the keys of a shard begin with its id
//
// # Who calls what
//
// A node has seven goroutines at a Store: one appends and syncs, one prepares files for that, one writes the
// contents of all shards, one trims the log, one reads snapshots for others and one the log, one flushes what was taken in. They do
// not wait for each other except where the one that trims and the last wait for a flush. Contents may be read from anywhere.
//
// # When the disk fails
//
// A write or fsync that failed is never tried again: what is on disk then is not
// known, and a later fsync that succeeds says nothing about it. The Store fails
// for good, whatever it is asked, and the node stops. The same holds when Pebble
// reports an error of its background work. The next Open finds out what is there. Only where there is no room for
// what Prepare writes does the log go on without: nothing stands there.
//
// # What a crash leaves
//
// Of the log: all that was synced, and a prefix of what was appended after it. Of the
// contents: a prefix of what was committed, never more than the log holds, as long as
// the node applies only entries that are durable here. Only a replica that takes in a snapshot has contents that the
// log knows nothing of. The log then holds it as void, and Open empties its contents. Every step that
// changes which files there are ends in a rename or a removal and a sync of the
// directory, so there are no states between; frame.go, segment.go, ahead.go, log.go and directory.go say
// for their part what the steps are.
//
// # What damage does
//
// The end of the log that was never known to be synced is cut where its first
// bad frame stands: a crash does that. Everything else that does not check is a
// DamageError with file, offset and reason, and the directory does not open. It is never
// repaired by guessing, since a forgotten promise can break the whole shard; the other members
// of the shards have what was here. One thing cannot be told from a torn write: damage to the very last that was synced
// before a crash, since nothing was written behind it that could vouch for it.
//
// # What an old image of a directory does
//
// A directory that is put back as it was earlier, or a copy of one, has forgotten what the node promised and accepted since,
// and nothing in the directory can tell. Others can: the boot count travels with gossip, and a node that hears of a higher
// boot of its own id marks its directory as retired, durably, and stops; no Open accepts it again, so that it cannot count its
// way up to where it would pass. Until then whoever has heard it in a later boot refuses its streams, and so hears nothing of what it
// has forgotten.
//
// What this does not catch: an image taken since the newest boot began, which counts on as the node itself would; one that is put
// back when no running node has heard of a later boot; and what the node says, in the second or so until gossip has
// come round, to those who have started since they heard it last. In all three it may answer a wedge with less than it had
// acknowledged, and if nobody else of that configuration answers, acknowledged writes are lost. A directory must never
// be restored: an empty one makes a new node.
package store
