package node

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/telemetry"
	"github.com/ringward/ringward/shard"
)

// persister is the one writer of the history log. It writes and fsyncs whatever has gathered since its last
// fsync, of all shards at once: group commit.
type persister struct {
	store   store.Store
	metrics *telemetry.Metrics
	durable func(n int)
	rewrite func([]shard.ID)
	fail    func(error)

	records *queue[shard.Record]
	// since is when the oldest record that is not durable was given here, in nanoseconds of the node's
	// clock; 0: everything is durable.
	since atomic.Int64
	clock func() time.Duration
	// retention is the length of the log, in bytes, from which on it is trimmed: more than what of it is to be kept.
	retention int64
	trim      chan struct{}
	prepare   chan struct{}
	// flushEvery is by how much the log may grow, in bytes, until the contents are flushed; flushedAt is how long it was when they were last.
	// So there is a bound to what is replayed after a crash, also where little is written again and again.
	flushEvery, flushedAt int64
	flush                 chan struct{}

	company company
	yield   func() // lets others go first; nil where all of the node would
}

// company tells whether more records are likely to be about to come, by whether they came together lately. Then it is worth letting others go first
// before an fsync: each batch that is not written alone saves one, with its messages and wake-ups, at each member. Where records come one by one it
// is not: a process that only computes could hold up each of them.
type company int

// companyLasts is after how many batches of a single record none are expected together any more.
const companyLasts = 8

// came notes a batch of n records.
func (c *company) came(n int) {
	if n > 1 {
		*c = companyLasts
	} else {
		*c = max(0, *c-1)
	}
}

func (c company) expected() bool { return c > 0 }

func newPersister(s store.Store, m *telemetry.Metrics, retention, flushEvery int64, clock func() time.Duration, durable func(int), rewrite func([]shard.ID), fail func(error)) *persister {
	p := &persister{
		store: s, metrics: m, durable: durable, rewrite: rewrite, fail: fail, clock: clock, retention: retention,
		records: newQueue[shard.Record](), trim: make(chan struct{}, 1), prepare: make(chan struct{}, 1),
		flushEvery: flushEvery, flush: make(chan struct{}, 1),
	}
	if runtime.GOMAXPROCS(0) > 1 {
		p.yield = yield
	}
	return p
}

// write takes records that are to be durable in this order.
func (p *persister) write(records []shard.Record) {
	p.since.CompareAndSwap(0, max(1, int64(p.clock())))
	p.records.put(records)
}

// stalled is for how long the disk has not answered.
func (p *persister) stalled() time.Duration {
	since := p.since.Load()
	if since == 0 {
		return 0
	}
	return max(0, p.clock()-time.Duration(since))
}

// run writes until ctx ends. A failed write or fsync ends it too: nothing is promised after one.
func (p *persister) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.records.wake:
			gather()
			if p.yield != nil && p.company.expected() {
				p.yield()
			}
		}
		batch := p.records.take()
		if len(batch) == 0 {
			continue
		}
		p.company.came(len(batch))
		begin := time.Now()
		p.since.Store(max(1, int64(p.clock())))
		if err := p.store.Append(batch); err != nil {
			p.fail(err)
			return
		}
		if err := p.store.Sync(); err != nil {
			p.fail(err)
			return
		}
		p.metrics.Fsync(time.Since(begin), len(batch))
		p.since.Store(0)
		p.durable(len(batch))
		length := p.store.LogBytes()
		if length > p.retention {
			signal(p.trim)
		}
		p.flushedAt = min(p.flushedAt, length) // it may have been trimmed
		if length-p.flushedAt > p.flushEvery {
			p.flushedAt = length
			signal(p.flush)
		}
		if p.store.Unprepared() {
			signal(p.prepare)
		}
	}
}

// runPrepare writes files ahead of the log, beside the writing. It leaves the disk to others for as long as it takes itself.
func (p *persister) runPrepare(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.prepare:
		}
		for p.store.Unprepared() {
			begin := time.Now()
			if err := p.store.Prepare(); err != nil {
				p.fail(err)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Since(begin)):
			}
		}
	}
}

// runTrim keeps the log bounded, and what of it a restart would have to replay, beside the writing.
func (p *persister) runTrim(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.flush:
			if err := p.store.Flush(); err != nil {
				p.fail(err)
				return
			}
			continue
		case <-p.trim:
		}
		held, err := p.store.Trim()
		if err != nil {
			p.fail(err)
			return
		}
		if len(held) > 0 && p.store.LogBytes() > p.retention {
			p.rewrite(held)
		}
	}
}
