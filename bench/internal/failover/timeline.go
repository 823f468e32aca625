package failover

import (
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringward/ringward/bench"
)

// bucketTime is the resolution of throughput.
const bucketTime = 10 * time.Millisecond

// maxLatency bounds what is told apart; longer counts as that long.
const maxLatency = time.Hour

// timeline is what the clients of one cluster saw, as it came. Times are since it began. It grows by 8 bytes a write.
type timeline struct {
	begin time.Time
	from  time.Duration // what was before is no part of the series' sums

	mu      sync.Mutex
	buckets []uint32          // successes in each bucketTime
	acks    [][]time.Duration // of each shard, by its place in the ring: when writes were acknowledged; nearly in order
	errors  map[bench.Failure]int64
	faulty  bool // a fault is under way
	latency [2]*hdrhistogram.Histogram
}

// The two distributions of latency.
const (
	calm   = iota // ended while there was no fault
	faulty        // ended while there was one
)

func newTimeline(shards int) *timeline {
	t := &timeline{begin: time.Now(), acks: make([][]time.Duration, shards), errors: map[bench.Failure]int64{}}
	for i := range t.latency {
		t.latency[i] = hdrhistogram.New(1, maxLatency.Microseconds(), 3)
	}
	return t
}

func (t *timeline) now() time.Duration { return time.Since(t.begin) }

// restart lets the series' sums begin now: what was before was warming up. Only the one that measures calls it.
func (t *timeline) restart() {
	t.from = t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.errors)
	for _, h := range t.latency {
		h.Reset()
	}
}

// note is what the clients call.
func (t *timeline) note(e bench.Ending) {
	at := e.At.Sub(t.begin)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Failure != "" {
		t.errors[e.Failure]++
		return
	}
	i := int(at / bucketTime)
	for len(t.buckets) <= i {
		t.buckets = append(t.buckets, 0)
	}
	t.buckets[i]++
	if e.Op != bench.Read {
		t.acks[e.Part] = append(t.acks[e.Part], at)
	}
	kind := calm
	if t.faulty {
		kind = faulty
	}
	// Within its range a histogram refuses nothing.
	_ = t.latency[kind].RecordValue(min(e.At.Sub(e.From), maxLatency).Microseconds())
}

// probed is what the probes call: they count for pauses and errors, and not for throughput and latency.
func (t *timeline) probed(e bench.Ending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Failure != "" {
		t.errors[e.Failure]++
		return
	}
	t.acks[e.Part] = append(t.acks[e.Part], e.At.Sub(t.begin))
}

// mark says whether a fault is under way.
func (t *timeline) mark(faulty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faulty = faulty
}

// failures are the errors so far.
func (t *timeline) failures() map[bench.Failure]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[bench.Failure]int64{}
	for f, n := range t.errors {
		all[f] = n
	}
	return all
}

// written are the times after from at which writes of a shard were acknowledged, in order.
func (t *timeline) written(shard int, from time.Duration) []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	acks := t.acks[shard]
	// Clients note what they saw one after the other, so that order is true but for some milliseconds.
	i := len(acks)
	for i > 0 && acks[i-1] > from-time.Second {
		i--
	}
	late := slices.Clone(acks[i:])
	slices.Sort(late)
	j, _ := slices.BinarySearch(late, from)
	return late[j:]
}

// gap is the longest time in which no write of a shard was acknowledged, of those that touch from..to. What it was before from
// does not count. Pause is for how long the shard was without service: until the first gap ended that was at least half as long, since a shard may stand still
// several times. It counts from the beginning, unless the shard served for longer than it stood: such a gap is as long as it is, and that it was late
// would make a pause of what is the machine's. Open: that gap had not ended by now.
func (t *timeline) gap(shard int, from, to time.Duration) (length, pause time.Duration, open bool) {
	ends := append(t.written(shard, from), t.now())
	begins := append([]time.Duration{from}, ends[:len(ends)-1]...)
	for i, at := range ends {
		if begins[i] < to {
			length = max(length, at-begins[i])
		}
	}
	for i, at := range ends {
		stood := at - begins[i]
		if 2*stood < length {
			continue
		}
		if open = i == len(ends)-1; 2*stood < at-from {
			return length, stood, open
		}
		return length, at - from, open
	}
	return length, 0, false
}

// throughput is successes in each bucket of from..to.
func (t *timeline) throughput(from, to time.Duration) []uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]uint32, max(0, to/bucketTime-from/bucketTime))
	if first := int(from / bucketTime); first < len(t.buckets) {
		copy(all, t.buckets[first:])
	}
	return all
}
