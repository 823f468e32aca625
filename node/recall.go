package node

import (
	"context"
	"fmt"
	"time"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/shard"
)

// recaller reads entries from the log for nodes that lack them, a part at a time. It is a goroutine of its own because the disk
// may take its time, and because a part of a snapshot may take longer.
type recaller struct {
	store store.Store
	inbox *inbox
	fail  func(error)
	tasks *queue[shard.Recall] // at most one for each that learns from a replica here, and one for the replica itself
	pacer *pacer[asker]
}

// recalled are entries that were read; none where they are gone.
type recalled struct {
	recall  shard.Recall
	entries []shard.Entry
}

func newRecaller(s store.Store, b *inbox, rate Size, fail func(error)) *recaller {
	return &recaller{store: s, inbox: b, fail: fail, tasks: newQueue[shard.Recall](), pacer: newPacer[asker](rate)}
}

// run reads until ctx ends, or the disk fails.
func (r *recaller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.tasks.wake:
		}
		for _, x := range r.tasks.take() {
			if ctx.Err() != nil {
				return
			}
			if err := r.one(x); err != nil {
				r.fail(fmt.Errorf("shard %d: %w", x.Shard, err))
				return
			}
		}
	}
}

// one reads one part. What is for a replica here is waited for by clients, and not paced.
func (r *recaller) one(x shard.Recall) error {
	entries, err := r.store.Recall(x.Shard, x.After, x.Last, x.Lineage, min(x.Bytes, partBytes))
	if err != nil {
		return err
	}
	wait := time.Duration(0)
	if x.To != r.store.Node() {
		bytes := 0
		for _, e := range entries {
			bytes += len(e)
		}
		wait = r.pacer.wait(asker{x.Shard, x.To}, bytes, time.Now())
	}
	time.AfterFunc(wait, func() {
		r.inbox.add(func(n *news) { n.recalled = append(n.recalled, recalled{recall: x, entries: entries}) })
	})
	return nil
}
