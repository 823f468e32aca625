package store

import (
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/ringward/ringward/shard"
)

// recentOverhead is about what an entry takes beside its key and value, in bytes.
const recentOverhead = 64

// recent holds what was committed to a shard's contents and has not gone to Pebble yet. To find its place is most of what a write
// costs a memtable, since that is a walk through memory that no cache holds. Here it is paid once for all writes of a key that come before the next
// spill, and less then, since they go in their order. A crash loses what is here as it does what is in a memtable: the log replays both.
//
// What spills is all there is, the applied position with it, and in one batch. So Pebble holds each shard as it was after one of its commits.
type recent struct {
	db    *pebble.DB
	shard shard.ID
	most  int // bytes from which on it spills

	mu     sync.RWMutex
	writes map[string][]byte // nil: deleted
	bytes  int
}

func newRecent(db *pebble.DB, id shard.ID, most int) *recent {
	return &recent{db: db, shard: id, most: most, writes: map[string][]byte{}}
}

// get returns the newest value that is here, which must not be changed; nil where that is a deletion.
func (r *recent) get(key []byte) (value []byte, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	value, ok = r.writes[string(key)]
	return value, ok
}

// commit takes writes in, all at once.
func (r *recent) commit(writes map[string][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, value := range writes {
		old, ok := r.writes[key]
		if !ok {
			r.bytes += len(key) + recentOverhead
		}
		r.bytes += len(value) - len(old)
		r.writes[key] = value
	}
	if r.bytes < r.most {
		return nil
	}
	return r.moveOut()
}

// spill moves everything to Pebble.
func (r *recent) spill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moveOut()
}

// moveOut is spill with mu held.
func (r *recent) moveOut() error {
	if len(r.writes) == 0 {
		return nil
	}
	batch := r.db.NewBatchWithSize(r.bytes)
	defer batch.Close()
	if err := addWrites(batch, r.shard, r.writes); err != nil {
		return err
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	r.writes, r.bytes = map[string][]byte{}, 0 // an emptied map keeps its room
	return nil
}

// addWrites adds writes of a shard to a batch, in the order of their keys.
func addWrites(batch *pebble.Batch, id shard.ID, writes map[string][]byte) error {
	full := shardPrefix(id)
	prefix := len(full)
	for _, key := range slices.Sorted(maps.Keys(writes)) {
		full = append(full[:prefix], key...)
		var err error
		if value := writes[key]; value != nil {
			err = batch.Set(full, value, nil)
		} else {
			err = batch.Delete(full, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recents are those of all shards.
type recents struct {
	db   *pebble.DB
	most int

	mu  sync.Mutex
	all map[shard.ID]*recent
}

func newRecents(db *pebble.DB, most int) *recents {
	return &recents{db: db, most: most, all: map[shard.ID]*recent{}}
}

// of returns that of a shard.
func (r *recents) of(id shard.ID) *recent {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[id] == nil {
		r.all[id] = newRecent(r.db, id, r.most)
	}
	return r.all[id]
}

// spill moves to Pebble what is recent anywhere.
func (r *recents) spill() error {
	r.mu.Lock()
	all := slices.Collect(maps.Values(r.all))
	r.mu.Unlock()
	for _, one := range all {
		if err := one.spill(); err != nil {
			return err
		}
	}
	return nil
}
