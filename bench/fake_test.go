package bench

import (
	"context"
	"sync"
)

// fake is a store in memory that keeps its promises, unless a hook makes it break them.
type fake struct {
	mu       sync.Mutex
	versions uint64
	cells    map[string]cell
	gets     int
	puts     int

	// before, if set, is called at the beginning of each call, without the lock. Its error ends the call.
	before func(ctx context.Context, op, key string) error
	// stale makes every read answer with what the key held before.
	stale bool
}

type cell struct {
	value   []byte
	version uint64
	old     *cell
}

func newFake() *fake { return &fake{cells: make(map[string]cell)} }

func (f *fake) enter(ctx context.Context, op, key string) error {
	if f.before != nil {
		return f.before(ctx, op, key)
	}
	return nil
}

func (f *fake) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := f.enter(ctx, "get", key); err != nil {
		return nil, 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	c, ok := f.cells[key]
	if !ok {
		return nil, 0, &Error{Failure: NotFound}
	}
	if f.stale && c.old != nil {
		c = *c.old
	}
	return c.value, c.version, nil
}

func (f *fake) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if err := f.enter(ctx, "put", key); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set(key, value), nil
}

func (f *fake) CAS(ctx context.Context, key string, expected uint64, value []byte) (uint64, error) {
	if err := f.enter(ctx, "cas", key); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v := f.cells[key].version; v != expected {
		return v, &Error{Failure: Mismatch}
	}
	return f.set(key, value), nil
}

func (f *fake) set(key string, value []byte) uint64 {
	f.puts++
	f.versions++
	c := cell{value: append([]byte(nil), value...), version: f.versions}
	if old, ok := f.cells[key]; ok {
		old.old = nil
		c.old = &old
	}
	f.cells[key] = c
	return c.version
}

func (f *fake) Close() error { return nil }
