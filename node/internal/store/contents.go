package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/shard"
)

// contentsFormat is Pebble's own format, named here so that a newer Pebble does not
// change what is on disk until somebody decides so.
const contentsFormat = pebble.FormatValueSeparation

// bloomBits per key let a Get of a missing key pass by nearly all tables.
const bloomBits = 10

// openContents opens the one database of all shards' contents. Without a write-ahead log, what
// survives a crash is all that was flushed, which is a prefix of the committed batches: memtables
// are flushed in their order.
func openContents(fs vfs.FS, dir string, o Options, fail *failure) (*pebble.DB, error) {
	po := &pebble.Options{
		FS:                          namesInOrder{fs},
		FormatMajorVersion:          contentsFormat,
		DisableWAL:                  true,
		MemTableSize:                o.MemTableSize,
		MemTableStopWritesThreshold: 4, // lets writes go on while a slow disk flushes
		CacheSize:                   o.CacheSize,
		Logger:                      &pebbleLogger{logger: o.Logger, fail: fail},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { fail.set(fmt.Errorf("contents: %w", err)) },
		},
	}
	po.Levels[0].FilterPolicy = bloom.FilterPolicy(bloomBits)
	if o.Quiet {
		po.DisableAutomaticCompactions, po.DisableTableStats = true, true
		po.L0StopWritesThreshold = math.MaxInt // nothing would ever end the wait
	}
	db, err := pebble.Open(dir, po)
	if err != nil {
		return nil, fmt.Errorf("open contents: %w", err)
	}
	return db, nil
}

// namesInOrder makes all names in a directory durable before it takes a new marker. Pebble's
// markers name files that were just created, and count on it that no name reaches the disk
// before an older one. Most file systems see to that; nothing obliges them to.
type namesInOrder struct{ vfs.FS }

func (n namesInOrder) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(n.PathBase(name), "marker.") {
		if err := syncDir(n.FS, n.PathDir(name)); err != nil {
			return nil, err
		}
	}
	return n.FS.Create(name, category)
}

// Unwrap implements vfs.FS.
func (n namesInOrder) Unwrap() vfs.FS { return n.FS }

// contents is the part of the contents that belongs to one shard, for one goroutine. It implements
// shard.Contents.
type contents struct {
	db     *pebble.DB
	fail   *failure
	shard  shard.ID
	recent *recent
	// written is what was written since the last Commit; nil: deleted.
	written map[string][]byte
	// batch takes its place, and that of recent, from a Clear or a Scan of it on up to the next Commit: only Pebble has all of a shard in
	// order. It is nil otherwise.
	batch *pebble.Batch
	key   []byte // of the operation at hand, reused
}

// mostWritten is for how many writes of one Commit a view keeps room.
const mostWritten = 256

func shardPrefix(id shard.ID) []byte { return binary.BigEndian.AppendUint32(nil, uint32(id)) }

// full is the key in the database.
func (c *contents) full(key []byte) []byte {
	c.key = append(binary.BigEndian.AppendUint32(c.key[:0], uint32(c.shard)), key...)
	return c.key
}

// direct lets everything up to the next Commit go to Pebble.
func (c *contents) direct() error {
	if c.batch != nil {
		return nil
	}
	if err := c.recent.spill(); err != nil {
		return c.failed(err)
	}
	c.batch = c.db.NewIndexedBatch()
	err := addWrites(c.batch, c.shard, c.written)
	clear(c.written)
	return c.failed(err)
}

// write notes a write; nil: deleted.
func (c *contents) write(key, value []byte) {
	if c.written == nil {
		c.written = map[string][]byte{}
	}
	c.written[string(key)] = value
}

func (c *contents) Get(key []byte) (value []byte, ok bool, err error) {
	if err := c.fail.get(); err != nil {
		return nil, false, err
	}
	if c.batch != nil {
		return c.stored(c.batch, key)
	}
	value, ok = c.written[string(key)]
	if !ok {
		value, ok = c.recent.get(key)
	}
	if ok {
		return slices.Clone(value), value != nil, nil
	}
	return c.stored(c.db, key)
}

// stored looks a key up in Pebble.
func (c *contents) stored(r pebble.Reader, key []byte) (value []byte, ok bool, err error) {
	v, closer, err := r.Get(c.full(key))
	if err == pebble.ErrNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("contents of shard %d: %w", c.shard, err)
	}
	value = slices.Clone(v)
	return value, true, closer.Close()
}

func (c *contents) Set(key, value []byte) error {
	if err := c.fail.get(); err != nil {
		return err
	}
	if c.batch != nil {
		return c.batch.Set(c.full(key), value, nil)
	}
	if value == nil {
		value = []byte{}
	}
	c.write(key, value)
	return nil
}

func (c *contents) Delete(key []byte) error {
	if err := c.fail.get(); err != nil {
		return err
	}
	if c.batch != nil {
		return c.batch.Delete(c.full(key), nil)
	}
	c.write(key, nil)
	return nil
}

// Clear deletes up to the last key there is, since some shard is the last one and has no end that could be named.
func (c *contents) Clear() error {
	if err := c.fail.get(); err != nil {
		return err
	}
	if err := c.direct(); err != nil {
		return err
	}
	lower := slices.Clone(c.full(nil))
	it, err := c.batch.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(lower)})
	if err != nil {
		return fmt.Errorf("contents of shard %d: %w", c.shard, err)
	}
	var end []byte
	if it.Last() {
		end = append(slices.Clone(it.Key()), 0)
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("contents of shard %d: %w", c.shard, err)
	}
	if end == nil {
		return nil
	}
	return c.batch.DeleteRange(lower, end, nil)
}

func (c *contents) Scan(prefix []byte, f func(key, value []byte) error) error {
	if err := c.fail.get(); err != nil {
		return err
	}
	reader, err := c.ordered()
	if err != nil {
		return err
	}
	// f may use c, so the bounds get memory of their own.
	lower := slices.Clone(c.full(prefix))
	it, err := reader.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(lower)})
	if err != nil {
		return fmt.Errorf("contents of shard %d: %w", c.shard, err)
	}
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = f(it.Key()[len(shardPrefix(c.shard)):], value)
		}
		if err != nil {
			it.Close()
			return err
		}
	}
	return it.Close()
}

// ordered is all that this view sees, in order.
func (c *contents) ordered() (pebble.Reader, error) {
	if c.batch == nil && len(c.written) == 0 {
		return c.db, c.failed(c.recent.spill())
	}
	if err := c.direct(); err != nil {
		return nil, err
	}
	return c.batch, nil
}

// failed lets the store fail with an error of writing the contents.
func (c *contents) failed(err error) error {
	if err == nil {
		return nil
	}
	return c.fail.set(fmt.Errorf("contents of shard %d: %w", c.shard, err))
}

// after is the first key behind all that begin with prefix, nil where there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := slices.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

func (c *contents) Commit() error {
	if err := c.fail.get(); err != nil {
		return err
	}
	return c.failed(c.commit())
}

func (c *contents) commit() error {
	if c.batch == nil {
		err := c.recent.commit(c.written)
		if len(c.written) > mostWritten {
			c.written = nil // an emptied map keeps its room
		}
		clear(c.written)
		return err
	}
	err := c.batch.Commit(pebble.NoSync)
	if closeErr := c.batch.Close(); err == nil {
		err = closeErr
	}
	c.batch = nil
	return err
}

// appliedPositions reads how far the contents of every shard reach that Pebble holds.
func appliedPositions(db *pebble.DB, fail *failure) (map[shard.ID]position, error) {
	ids, err := shardsIn(db)
	if err != nil {
		return nil, err
	}
	applied := make(map[shard.ID]position, len(ids))
	for _, id := range ids {
		var p position
		if p.seqno, p.hash, err = shard.AppliedPosition(&contents{db: db, fail: fail, shard: id, recent: newRecent(db, id, 0)}); err != nil {
			return nil, fmt.Errorf("contents of shard %d: %w", id, err)
		}
		applied[id] = p
	}
	return applied, nil
}

// shardsIn lists the shards that have any key, by jumping from one to the next.
func shardsIn(db *pebble.DB) ([]shard.ID, error) {
	it, err := db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var ids []shard.ID
	for it.First(); it.Valid(); {
		if len(it.Key()) < 4 {
			return nil, fmt.Errorf("contents hold the key %x, which names no shard", it.Key())
		}
		id := binary.BigEndian.Uint32(it.Key())
		ids = append(ids, shard.ID(id))
		next := after(shardPrefix(shard.ID(id)))
		if next == nil {
			break
		}
		it.SeekGE(next)
	}
	return ids, it.Error()
}
