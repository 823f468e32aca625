package failover

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/inspect"
)

const (
	// raisers are clients that raise counters together, each after such a pause.
	raisers, counters = 3, 3
	raisePause        = 20 * time.Millisecond
	// probePause is the pause of a probe after each answer, where no other is asked for.
	probePause = 5 * time.Millisecond
)

func counterKeys() []string {
	keys := make([]string, counters)
	for c := range keys {
		keys[c] = inspect.CounterKey(c)
	}
	return keys
}

// probeKey is one that lies in a part of the store.
func probeKey(s bench.Parted, part int) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("probe-%d", i); s.Part(key) == part {
			return key
		}
	}
}

// aside lets further clients work beside the load until they are stopped: those that raise counters, and a probe for each shard. A probe writes as
// soon as it may, so that a pause is seen to its end also where the load is thin, or waits for other shards.
func (s *series) aside(ctx context.Context, opened []bench.Parted) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	end := func() {
		cancel()
		all.Wait()
	}
	run := func(i int, pause time.Duration, step func(ctx context.Context, store bench.Store, n int, value func(prefix string) []byte)) {
		store, made := bench.Record(opened[i%len(opened)], s.recorder.Client()), 0
		value := func(prefix string) []byte {
			made++
			return fmt.Appendf(nil, "%s%d-%d-%d", prefix, s.timeline.begin.UnixNano(), i, made)
		}
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				step(context.WithoutCancel(ctx), store, n, value)
				timer := time.NewTimer(pause)
				select {
				case <-timer.C:
				case <-ctx.Done():
				}
				timer.Stop()
			}
		})
	}
	for i := range raisers {
		c := inspect.NewCounters(counters)
		s.counts = append(s.counts, c)
		run(i, raisePause, func(ctx context.Context, store bench.Store, n int, value func(string) []byte) {
			// How it ended is counted; a raise that was refused is tried no more.
			_ = c.Raise(ctx, store, n%counters, value)
		})
	}
	parted, pause := opened[0], cmp.Or(s.o.ProbePause, probePause)
	if s.fault == none && s.o.Unprobed {
		return end
	}
	for part := range parted.Parts() {
		key := probeKey(parted, part)
		run(raisers+part, pause, func(ctx context.Context, store bench.Store, _ int, value func(string) []byte) {
			e := bench.Ending{Op: bench.Update, Part: part, From: time.Now()}
			_, err := store.Put(ctx, key, value(""))
			e.At, e.Failure = time.Now(), bench.FailureOf(err)
			s.timeline.probed(e)
		})
	}
	return end
}
