package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/shard"
)

// exporter reads snapshots for nodes that take them in, one part at a time, beside the applier. It keeps a snapshot pinned
// from its first part to its last, so that all parts are of one moment; what is pinned takes room on disk.
type exporter struct {
	store store.Store
	inbox *inbox
	log   *slog.Logger
	fail  func(error)

	tasks     *queue[shard.Export]
	partBytes int // of about this size is a part
	pinned    map[asker]*pinned
}

// asker is who takes in a snapshot: one node has at most one of a shard under way.
type asker struct {
	shard shard.ID
	node  shard.NodeID
}

type pinned struct {
	store.Snapshot
	number  shard.Number
	askedAt time.Time
}

const (
	// partBytes is enough that a part's round trip does not tell, and not so much that it holds up what comes behind it.
	partBytes = 256 << 10
	// maxPinned bounds the snapshots that are pinned at one time, and maxExports the parts that wait to be read.
	maxPinned  = 256
	maxExports = 256
	// pinnedFor is for how long a snapshot is kept that nobody asks for any more.
	pinnedFor = time.Minute
	// pinnedLook is how often those are looked for.
	pinnedLook = 10 * time.Second
)

func newExporter(s store.Store, b *inbox, log *slog.Logger, partBytes int, fail func(error)) *exporter {
	return &exporter{store: s, inbox: b, log: log, fail: fail, tasks: newQueue[shard.Export](), partBytes: partBytes, pinned: map[asker]*pinned{}}
}

// export takes parts to read. Those for which there is no room will be asked for again.
func (e *exporter) export(exports []shard.Export) {
	if room := maxExports - e.tasks.len(); room < len(exports) {
		exports = exports[:max(0, room)]
	}
	e.tasks.put(exports)
}

// run reads until ctx ends, or the disk fails.
func (e *exporter) run(ctx context.Context) {
	look := time.NewTicker(pinnedLook)
	defer look.Stop()
	defer func() {
		for a := range e.pinned {
			e.release(a)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			e.releaseIdle(now)
			continue
		case <-e.tasks.wake:
		}
		for _, x := range e.tasks.take() {
			if ctx.Err() != nil {
				return
			}
			if err := e.one(x, time.Now()); err != nil {
				e.fail(fmt.Errorf("shard %d: %w", x.Shard, err))
				return
			}
		}
	}
}

// one reads one part.
func (e *exporter) one(x shard.Export, now time.Time) error {
	a := asker{x.Shard, x.To}
	s := e.pinned[a]
	switch {
	case s != nil && x.Number < s.number:
		return nil // it comes late, and its asker has turned to another
	case s != nil && x.Number > s.number:
		e.release(a)
		s = nil
	}
	if s == nil {
		if len(x.After) > 0 {
			e.exported(x, nil)
			return nil
		}
		if len(e.pinned) >= maxPinned {
			e.log.Debug("a snapshot has to wait: too many are read", "shard", x.Shard, "by", x.To, "limit", maxPinned)
			return nil
		}
		snapshot, err := e.store.Snapshot(x.Shard)
		if err != nil {
			return err
		}
		s = &pinned{Snapshot: snapshot, number: x.Number}
		e.pinned[a] = s
		e.log.Info("a node takes in a snapshot", "shard", x.Shard, "by", x.To)
	}
	s.askedAt = now
	p, err := shard.ReadPart(s, x, e.partBytes)
	if err != nil {
		return err
	}
	if len(p.Data) > 0 && p.Position == 0 {
		// This replica gave up its own history between the asking and now, and takes in a snapshot itself.
		p = nil
	}
	if p == nil || p.Done {
		e.release(a)
	}
	e.exported(x, p)
	return nil
}

func (e *exporter) exported(x shard.Export, p *shard.Part) {
	e.inbox.add(func(n *news) { n.exported = append(n.exported, exported{export: x, part: p}) })
}

func (e *exporter) release(a asker) {
	if err := e.pinned[a].Close(); err != nil {
		e.log.Warn("a snapshot that was read is not closed", "shard", a.shard, "error", err)
	}
	delete(e.pinned, a)
}

func (e *exporter) releaseIdle(now time.Time) {
	for a, s := range e.pinned {
		if now.Sub(s.askedAt) > pinnedFor {
			e.log.Info("a node does not go on with a snapshot", "shard", a.shard, "by", a.node)
			e.release(a)
		}
	}
}
