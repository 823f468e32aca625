package bench

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept in microseconds up to an hour. Three digits are kept in
// what is reported, two in the progress line.
const (
	maxLatency     = int64(time.Hour / time.Microsecond)
	reportDigits   = 3
	progressDigits = 2
)

func newHistogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency, digits)
}

// record notes a latency in nanoseconds. One above an hour counts as an hour.
func record(h *hdrhistogram.Histogram, ns int64) {
	// Within its range a histogram refuses nothing.
	_ = h.RecordValue(min(ns/int64(time.Microsecond), maxLatency))
}

// tally is what became of one kind of operation.
type tally struct {
	latency  *hdrhistogram.Histogram // of successes; nil before the first
	count    int64                   // successes
	inTime   int64                   // successes that ended before the phase did
	failures map[Failure]int64
	retries  int64 // of successes and failures
}

func (t *tally) merge(o *tally) {
	t.count += o.count
	t.inTime += o.inTime
	t.retries += o.retries
	for f, n := range o.failures {
		t.fail(f, n)
	}
	if o.latency != nil {
		if t.latency == nil {
			t.latency = newHistogram(reportDigits)
		}
		t.latency.Merge(o.latency)
	}
}

func (t *tally) fail(f Failure, n int64) {
	if t.failures == nil {
		t.failures = make(map[Failure]int64)
	}
	t.failures[f] += n
}

// meter measures one worker in one phase. The worker writes, and the lock lets the progress line
// look; nobody else takes it, so it costs next to nothing.
type meter struct {
	gaps  *gaps   // of all operations
	parts []*gaps // of those on the keys of each part

	mu      sync.Mutex
	tallies [opTypes]tally
	// lag is how late operations of an open loop began; nil in a closed one.
	lag *hdrhistogram.Histogram
	// backlog is the longest this worker saw.
	backlog int64
	// recent holds the latencies since the progress line looked last; nil if there is none.
	recent *hdrhistogram.Histogram
	// gap is the longest interval without a success that this worker's successes ended, and
	// partGaps the same for each part.
	gap      gap
	partGaps []gap
	// tried is how many operations began on each part.
	tried []int64
}

func newMeter(all *gaps, parts []*gaps) *meter {
	return &meter{gaps: all, parts: parts, partGaps: make([]gap, len(parts)), tried: make([]int64, len(parts))}
}

// began notes that an operation of an open loop that was due began.
func (m *meter) began(lag, backlog int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lag == nil {
		m.lag = newHistogram(reportDigits)
	}
	record(m.lag, lag)
	m.backlog = max(m.backlog, backlog)
}

// Ending is how an operation ended, for those who watch a run.
type Ending struct {
	Op   OpType
	Part int // of the key, as Parted numbers them; 0 where the store has none
	// From is when its latency counts from, At when it ended.
	From, At time.Time
	Failure  Failure // empty: it succeeded
}

// ending is how an operation ended. Times are those of the phase, which itself ends at end.
type ending struct {
	op             OpType
	part           int
	from, now, end int64
	retries        int
	failure        Failure
}

// ended notes how an operation ended.
func (m *meter) ended(e ending) {
	var all, part gap
	if e.failure == "" {
		all, part = m.gaps.success(e.now), m.parts[e.part].success(e.now)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried[e.part]++
	t := &m.tallies[e.op]
	t.retries += int64(e.retries)
	if e.failure != "" {
		t.fail(e.failure, 1)
		return
	}
	t.count++
	if e.now <= e.end {
		t.inTime++
	}
	if t.latency == nil {
		t.latency = newHistogram(reportDigits)
	}
	record(t.latency, e.now-e.from)
	if m.recent != nil {
		record(m.recent, e.now-e.from)
	}
	m.gap = longer(m.gap, all)
	m.partGaps[e.part] = longer(m.partGaps[e.part], part)
}

// gap is an interval without a success. Times are those of the phase.
type gap struct{ begin, length int64 }

func longer(a, b gap) gap {
	if b.length > a.length {
		return b
	}
	return a
}

// gaps finds intervals without a success, over all workers.
type gaps struct{ last atomic.Int64 }

// success notes a success and returns the gap that it ended. Each moment lies in the gap of
// exactly one success: that which moved last over it.
func (g *gaps) success(now int64) gap {
	for {
		last := g.last.Load()
		if now <= last {
			return gap{}
		}
		if g.last.CompareAndSwap(last, now) {
			return gap{last, now - last}
		}
	}
}
