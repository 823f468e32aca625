package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// maxRetries bounds the attempts of one read-modify-write. Each mismatch means that another
// write succeeded, so a store that needs more has stopped keeping its conditions.
const maxRetries = 10_000

// worker is one client of the store: a goroutine with its own randomness, which the
// seed and its number decide.
type worker struct {
	id       int
	store    Store
	workload Workload
	rng      *rand.Rand
	choose   chooser
	values   *values
	inserts  *inserts
	part     func(key string) int
	observe  func(Ending) // nil: nobody does
	// pending is a record whose insert failed: it is tried again, so that none stays missing.
	pending *uint64
}

func newWorkers(o *Options, stores []Store, in *inserts, part func(key string) int) []*worker {
	run := uint64(time.Now().UnixNano())
	choose := newChooser(o.Distribution, o.Records, in)
	workers := make([]*worker, o.Clients)
	for i := range workers {
		rng := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		store := stores[i%len(stores)]
		if o.History != nil {
			store = Record(store, o.History.Client())
		}
		workers[i] = &worker{id: i, store: store, workload: o.Workload, rng: rng, choose: choose,
			values: newValues(run, i, o.ValueSize, rng), inserts: in, part: part, observe: o.Observe}
	}
	return workers
}

// run does operations until the phase is over.
func (w *worker) run(ctx context.Context, p *phase, m *meter) {
	for {
		from, ok := p.next()
		if !ok || ctx.Err() != nil {
			return
		}
		if p.rate > 0 {
			now := p.now()
			m.began(now-from, p.backlog(now))
		}
		op := w.workload.pick(w.rng)
		key := w.key(op)
		retries, err := w.perform(ctx, op, key)
		e := ending{op: op, part: w.part(key), from: from, now: p.now(), end: p.end.Load(), retries: retries, failure: FailureOf(err)}
		m.ended(e)
		if w.observe != nil {
			w.observe(Ending{Op: op, Part: e.part, From: p.begin.Add(time.Duration(from)), At: p.begin.Add(time.Duration(e.now)), Failure: e.failure})
		}
	}
}

// key chooses the key of the next operation.
func (w *worker) key(op OpType) string {
	if op != Insert {
		return Key(w.choose(w.rng))
	}
	if w.pending == nil {
		record := w.inserts.take()
		w.pending = &record
	}
	return Key(*w.pending)
}

// perform does one operation.
func (w *worker) perform(ctx context.Context, op OpType, key string) (retries int, err error) {
	switch op {
	case Read:
		_, _, err = w.store.Get(ctx, key)
	case Update:
		_, err = w.store.Put(ctx, key, w.values.next())
	case Insert:
		if _, err = w.store.Put(ctx, key, w.values.next()); err == nil {
			w.inserts.inserted(*w.pending)
			w.pending = nil
		}
	case ReadModifyWrite:
		return w.readModifyWrite(ctx, key)
	}
	return 0, err
}

func (w *worker) readModifyWrite(ctx context.Context, key string) (retries int, err error) {
	for ; ; retries++ {
		_, version, err := w.store.Get(ctx, key)
		if err != nil {
			return retries, err
		}
		_, err = w.store.CAS(ctx, key, version, w.values.next())
		if FailureOf(err) != Mismatch || retries == maxRetries {
			return retries, err
		}
	}
}

// each runs f for all workers at once and waits for them. A panic in one of them becomes an
// error, so that whoever started the cluster still gets to stop it; the others are
// ended through the context they were given.
func each(ctx context.Context, workers []*worker, f func(context.Context, *worker) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, len(workers))
	for _, w := range workers {
		go func() {
			var err error
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("client %d panicked: %v\n%s", w.id, p, debug.Stack())
				}
				done <- err
			}()
			err = f(ctx, w)
		}()
	}
	var first error
	for range workers {
		if err := <-done; err != nil && first == nil {
			first = err
			cancel(err)
		}
	}
	return first
}
