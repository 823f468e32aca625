package rpc

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// room is what may still be taken in: operations, and the bytes of their keys and values.
type room struct{ ops, bytes *semaphore.Weighted }

func newRoom(ops, bytes int) room {
	return room{ops: semaphore.NewWeighted(int64(ops)), bytes: semaphore.NewWeighted(int64(bytes))}
}

// acquire waits until there is room for an operation, or until ctx ends.
func (r room) acquire(ctx context.Context, bytes int64) error {
	if err := r.ops.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := r.bytes.Acquire(ctx, bytes); err != nil {
		r.ops.Release(1)
		return err
	}
	return nil
}

// try is acquire without the waiting.
func (r room) try(bytes int64) bool {
	if !r.ops.TryAcquire(1) {
		return false
	}
	if !r.bytes.TryAcquire(bytes) {
		r.ops.Release(1)
		return false
	}
	return true
}

func (r room) release(bytes int64) {
	r.ops.Release(1)
	r.bytes.Release(bytes)
}
