package node

import (
	"context"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/shard"
)

// flusher makes snapshots durable that the applier has taken in. Only then does the log take note of them. It is a goroutine of its
// own because a flush takes as long as the disk does, and applying goes on meanwhile.
type flusher struct {
	store    store.Store
	inbox    *inbox
	standing *standing
	fail     func(error)
	tasks    *queue[taken] // at most one for each shard, but for those that a decision has made pointless
}

// taken is a snapshot that is in the contents, and not known to be on disk.
type taken struct {
	number shard.Number
	applied
}

func newFlusher(s store.Store, b *inbox, st *standing, fail func(error)) *flusher {
	return &flusher{store: s, inbox: b, standing: st, fail: fail, tasks: newQueue[taken]()}
}

// run flushes until ctx ends, or the disk fails.
func (f *flusher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.tasks.wake:
		}
		batch := f.tasks.take()
		if len(batch) == 0 {
			continue
		}
		if err := f.store.Flush(); err != nil {
			f.fail(err)
			return
		}
		f.inbox.add(func(n *news) {
			for _, t := range batch {
				n.applied = append(n.applied, t.applied)
				n.filled = append(n.filled, filled{shard: t.shard, number: t.number})
			}
		})
		for _, t := range batch {
			f.standing.flushed(t.shard, t.number, t.seqno)
		}
	}
}
