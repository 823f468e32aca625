package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/inspect"
)

// What clients work on: few keys, so that they meet.
const (
	workers  = 8
	hotKeys  = 6
	counters = 3
	// ownKeys bounds the keys that each worker makes for itself, one write each.
	ownKeys = 100
	// longestPause is between two calls of a worker.
	longestPause = 4 * time.Millisecond
)

func hotKey(i int) string         { return fmt.Sprintf("hot-%d", i) }
func ownKey(worker, i int) string { return fmt.Sprintf("own-%d-%d", worker, i) }

// load is clients at work, and what they know.
type load struct {
	recorder *history.Recorder
	workers  []*worker
	done     atomic.Int64 // calls that ended well
}

// worker is one client: it does one thing at a time.
type worker struct {
	load  *load
	id    int
	store bench.Store // recorded
	rng   *rand.Rand
	pad   int // bytes that make values larger
	made  int // values so far, which makes them unique
	own   int // keys of its own so far

	counts   *inspect.Counters
	failures map[string]int // by kind
}

// newLoad divides the stores among the workers.
func newLoad(seed uint64, pad int) *load {
	l := &load{recorder: history.NewRecorder(true)}
	for id := range workers {
		l.workers = append(l.workers, &worker{
			load: l, id: id, rng: rand.New(rand.NewPCG(seed, uint64(id))), pad: pad, counts: inspect.NewCounters(counters),
			failures: map[string]int{},
		})
	}
	return l
}

// use gives the workers stores, in turn.
func (l *load) use(stores []bench.Store) {
	for i, w := range l.workers {
		w.store = bench.Record(stores[i%len(stores)], l.recorder.Client())
	}
}

// run lets all workers work until ctx ends; each finishes its call. Calls do not end with ctx.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, w := range l.workers {
		all.Go(func() {
			for ctx.Err() == nil {
				w.step(context.WithoutCancel(ctx))
				pause := time.NewTimer(time.Duration(w.rng.Int64N(int64(longestPause))))
				select {
				case <-pause.C:
				case <-ctx.Done():
				}
				pause.Stop()
			}
		})
	}
	all.Wait()
}

// insist lets each worker do so many things of which none may fail.
func (l *load) insist(ctx context.Context, steps int) error {
	errs := make([]error, len(l.workers))
	var all sync.WaitGroup
	for i, w := range l.workers {
		all.Go(func() {
			for range steps {
				if errs[i] = w.step(ctx); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// step does one thing. An error is one of a call that should have worked.
func (w *worker) step(ctx context.Context) (err error) {
	switch chance := w.rng.IntN(20); {
	case chance < 7:
		_, _, err = w.store.Get(ctx, hotKey(w.rng.IntN(hotKeys)))
	case chance < 11:
		_, err = w.store.Put(ctx, hotKey(w.rng.IntN(hotKeys)), w.value(""))
	case chance < 14:
		err = w.swap(ctx, hotKey(w.rng.IntN(hotKeys)))
	case chance < 18:
		err = w.counts.Raise(ctx, w.store, w.rng.IntN(counters), w.value)
	default:
		err = w.make(ctx)
	}
	return w.judge(err)
}

// judge counts how a step ended, and lets pass what is an answer.
func (w *worker) judge(err error) error {
	switch bench.FailureOf(err) {
	case "", bench.NotFound, bench.Mismatch:
		w.load.done.Add(1)
		return nil
	}
	w.failures[string(bench.FailureOf(err))]++
	return err
}

// value is one that nobody has written before.
func (w *worker) value(prefix string) []byte {
	w.made++
	v := fmt.Appendf(nil, "%s%d-%d ", prefix, w.id, w.made)
	return append(v, strings.Repeat("x", w.pad)...)
}

// swap replaces what it has read.
func (w *worker) swap(ctx context.Context, key string) error {
	_, version, err := w.store.Get(ctx, key)
	if err != nil && bench.FailureOf(err) != bench.NotFound {
		return err
	}
	_, err = w.store.CAS(ctx, key, version, w.value(""))
	return err
}

// make writes a key of its own, once.
func (w *worker) make(ctx context.Context) error {
	if w.own == ownKeys {
		return nil
	}
	w.own++
	_, err := w.store.CAS(ctx, ownKey(w.id, w.own), 0, w.value(""))
	return err
}

// keys lists all keys that may exist.
func (l *load) keys() []string {
	var keys []string
	for i := range hotKeys {
		keys = append(keys, hotKey(i))
	}
	for i := range counters {
		keys = append(keys, inspect.CounterKey(i))
	}
	for _, w := range l.workers {
		for i := range w.own {
			keys = append(keys, ownKey(w.id, i+1))
		}
	}
	return keys
}

// counts are what the workers know of the counters.
func (l *load) counts() (all []*inspect.Counters) {
	for _, w := range l.workers {
		all = append(all, w.counts)
	}
	return all
}

// await returns when so many more calls have ended well.
func (l *load) await(ctx context.Context, calls int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, CallTime, fmt.Errorf("not within %v", CallTime))
	defer cancel()
	poll := time.NewTicker(longestPause)
	defer poll.Stop()
	for target := l.done.Load() + calls; l.done.Load() < target; {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("%d calls that should have ended well: %w", target-l.done.Load(), context.Cause(ctx))
		}
	}
	return nil
}
