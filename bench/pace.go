package bench

import (
	"math"
	"sync/atomic"
	"time"
)

// phase is a stretch of time in which workers begin operations. Times are nanoseconds since
// it began.
//
// Without a rate each worker begins an operation when its last one has ended: a closed
// loop, which slows down with the store and so asks less when the store is slow. With a rate
// operations are due at fixed times, whatever the store does: an open loop. An operation that finds no
// free worker begins late, and its latency counts from when it was due.
type phase struct {
	begin time.Time
	rate  float64 // operations a second; 0: closed loop
	stop  <-chan struct{}
	// end is when operations cease to begin: the planned one, or when stop was closed.
	end atomic.Int64
	// taken counts the operations of an open loop that were begun.
	taken atomic.Int64
}

func newPhase(d time.Duration, rate float64, stop <-chan struct{}) *phase {
	p := &phase{begin: time.Now(), rate: rate, stop: stop}
	p.end.Store(int64(d))
	return p
}

func (p *phase) now() int64 { return int64(time.Since(p.begin)) }

// watch ends the phase early when stop is closed, until done is.
func (p *phase) watch(done <-chan struct{}) {
	select {
	case <-done:
	case <-p.stop:
		p.halt()
	}
}

// halt ends the phase now, unless it is over.
func (p *phase) halt() {
	now := p.now()
	for end := p.end.Load(); now < end && !p.end.CompareAndSwap(end, now); end = p.end.Load() {
	}
}

// next waits until the worker's next operation is to begin, and returns from when its latency
// counts. It reports false when the phase is over.
func (p *phase) next() (from int64, ok bool) {
	if p.rate == 0 {
		now := p.now()
		return now, now < p.end.Load()
	}
	now := p.now()
	if now >= p.end.Load() {
		return 0, false
	}
	due := p.due(p.taken.Add(1) - 1)
	if due >= p.end.Load() {
		p.taken.Add(-1)
		return 0, false
	}
	if due > now {
		t := time.NewTimer(time.Duration(due - now))
		defer t.Stop()
		select {
		case <-t.C:
		case <-p.stop:
			// The worker may see it before watch does.
			p.halt()
			p.taken.Add(-1)
			return 0, false
		}
	}
	return due, true
}

// due is when operation i of an open loop is due.
func (p *phase) due(i int64) int64 { return int64(float64(i) / p.rate * float64(time.Second)) }

// backlog is how many operations are due by now and not begun.
func (p *phase) backlog(now int64) int64 {
	if p.rate == 0 {
		return 0
	}
	due := int64(math.Ceil(float64(min(now, p.end.Load())) / float64(time.Second) * p.rate))
	return max(0, due-p.taken.Load())
}
