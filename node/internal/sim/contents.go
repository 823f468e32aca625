package sim

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/ringward/ringward/shard"
)

// contents is the applied state of one shard, as a process works on it.
type contents interface {
	shard.Contents
	// committed is all that was committed.
	committed() (iter.Seq2[[]byte, []byte], error)
}

// modelContents are contents as a map with ordered scans.
type modelContents struct {
	visible map[string]string
	batch   map[string]*string // written since the last Commit; nil: deleted
	undo    map[string]*string // what the last Commit replaced; nil: nothing was there
}

var _ contents = (*modelContents)(nil)

func newModelContents(flushed map[string]string) *modelContents {
	c := &modelContents{visible: map[string]string{}, batch: map[string]*string{}, undo: map[string]*string{}}
	maps.Copy(c.visible, flushed)
	return c
}

func (c *modelContents) Get(key []byte) ([]byte, bool, error) {
	if v, ok := c.batch[string(key)]; ok {
		if v == nil {
			return nil, false, nil
		}
		return []byte(*v), true, nil
	}
	v, ok := c.visible[string(key)]
	return []byte(v), ok, nil
}

func (c *modelContents) Set(key, value []byte) error {
	v := string(value)
	c.batch[string(key)] = &v
	return nil
}

func (c *modelContents) Delete(key []byte) error {
	c.batch[string(key)] = nil
	return nil
}

func (c *modelContents) Scan(prefix []byte, f func(key, value []byte) error) error {
	seen := maps.Clone(c.visible)
	merge(seen, c.batch)
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		if !strings.HasPrefix(k, string(prefix)) {
			continue
		}
		if err := f([]byte(k), []byte(seen[k])); err != nil {
			return err
		}
	}
	return nil
}

func (c *modelContents) Clear() error {
	clear(c.batch)
	for k := range c.visible {
		c.batch[k] = nil
	}
	return nil
}

func (c *modelContents) Commit() error {
	clear(c.undo)
	for k := range c.batch {
		c.undo[k] = nil
		if v, ok := c.visible[k]; ok {
			c.undo[k] = &v
		}
	}
	merge(c.visible, c.batch)
	clear(c.batch)
	return nil
}

// before is what was visible before the last Commit.
func (c *modelContents) before() map[string]string {
	earlier := maps.Clone(c.visible)
	merge(earlier, c.undo)
	return earlier
}

func merge(into map[string]string, batch map[string]*string) {
	for k, v := range batch {
		if v == nil {
			delete(into, k)
		} else {
			into[k] = *v
		}
	}
}

func (c *modelContents) committed() (iter.Seq2[[]byte, []byte], error) { return c.all, nil }

// all yields what is visible, in no order.
func (c *modelContents) all(yield func(key, value []byte) bool) {
	for k, v := range c.visible {
		if !yield([]byte(k), []byte(v)) {
			return
		}
	}
}
