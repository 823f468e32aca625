package store

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/ringward/ringward/shard"
)

// snapshot is the part of a pinned state of the database that belongs to one shard. It implements Snapshot.
type snapshot struct {
	pinned *pebble.Snapshot
	fail   *failure
	shard  shard.ID
}

func (s *snapshot) full(key []byte) []byte { return append(shardPrefix(s.shard), key...) }

func (s *snapshot) wrap(err error) error {
	return fmt.Errorf("snapshot of the contents of shard %d: %w", s.shard, err)
}

func (s *snapshot) Get(key []byte) (value []byte, ok bool, err error) {
	if err := s.fail.get(); err != nil {
		return nil, false, err
	}
	v, closer, err := s.pinned.Get(s.full(key))
	if err == pebble.ErrNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.wrap(err)
	}
	value = slices.Clone(v)
	return value, true, closer.Close()
}

// From calls f with keys and values that are valid until it returns.
func (s *snapshot) From(above []byte, f func(key, value []byte) (more bool)) error {
	if err := s.fail.get(); err != nil {
		return err
	}
	// The first key there can be above another is the same with a zero behind it.
	it, err := s.pinned.NewIter(&pebble.IterOptions{LowerBound: append(s.full(above), 0), UpperBound: after(shardPrefix(s.shard))})
	if err != nil {
		return s.wrap(err)
	}
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			it.Close()
			return s.wrap(err)
		}
		if !f(it.Key()[len(shardPrefix(s.shard)):], value) {
			break
		}
	}
	if err := it.Close(); err != nil {
		return s.wrap(err)
	}
	return nil
}

func (s *snapshot) Close() error {
	if err := s.pinned.Close(); err != nil {
		return s.wrap(err)
	}
	return nil
}
