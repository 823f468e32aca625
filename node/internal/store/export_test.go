package store

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/shard"
)

// ReplayLog replays the log of a directory as Open does, for tests that do it too often to
// open the contents as well.
func ReplayLog(fs vfs.FS, dir string) (map[shard.ID]*shard.Stored, error) {
	id, _, err := readIdentity(fs, dir)
	if err != nil {
		return nil, err
	}
	l := newLog(fs, fs.PathJoin(dir, logName), id.Seed, Options{SegmentSize: defaultSegmentSize})
	if err := l.replay(nil, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return l.takeReplicas(nil)
}

// Forget lets all of the log go that nobody needs.
func (d *Disk) Forget() {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	d.log.keep, d.log.most = 0, 0
}

// WriteIdentity gives a directory an identity that Open would take long to get to.
func WriteIdentity(fs vfs.FS, dir string, node shard.NodeID, boot uint64) error {
	return writeDocument(fs, fs.PathJoin(dir, identityName), "identity", identity{Node: nodeName(node), Boot: boot})
}
