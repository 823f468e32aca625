package failover

import (
	"slices"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
)

const millisecond = time.Millisecond

// seen is a timeline in which writes of shard 0 were acknowledged at these milliseconds.
func seen(acks ...int) *timeline {
	t := newTimeline(2)
	for _, at := range acks {
		e := bench.Ending{Op: bench.Update, Part: 0, From: t.begin, At: t.begin.Add(time.Duration(at) * millisecond)}
		t.note(e)
	}
	// All of it is over.
	t.begin = t.begin.Add(-time.Hour)
	return t
}

func TestGap(t *testing.T) {
	// Clients note what they saw a little out of order.
	line := seen(1, 9, 10, 12, 40, 41, 45, 43, 90, 200)
	for _, test := range []struct {
		name                    string
		from, to, length, pause int
	}{
		{"the longest", 41, 50, 45, 49},
		{"what was before does not count", 30, 42, 10, 10},
		{"a gap that begins in it counts to its end", 0, 91, 110, 200},
		{"a shorter one before it is passed over", 20, 91, 110, 180},
		{"half as long is enough", 11, 60, 45, 29},
		{"one that begins behind it does not", 0, 44, 28, 40},
	} {
		length, pause, open := line.gap(0, time.Duration(test.from)*millisecond, time.Duration(test.to)*millisecond)
		if length != time.Duration(test.length)*millisecond || pause != time.Duration(test.pause)*millisecond || open {
			t.Errorf("%s: gap of %v, pause of %v, open %v; want %dms, %dms", test.name, length, pause, open, test.length, test.pause)
		}
	}
	if got := line.written(0, 44*millisecond); !slices.Equal(got, []time.Duration{45 * millisecond, 90 * millisecond, 200 * millisecond}) {
		t.Errorf("written from 44ms on: %v", got)
	}
	// Nothing is hit, and a busy machine holds the shard up 900ms later.
	var acks []int
	for at := 10; at <= 900; at += 10 {
		acks = append(acks, at)
	}
	if length, pause, open := seen(append(acks, 940, 950, 1100)...).gap(0, 0, 945*millisecond); length != 40*millisecond || pause != length || open {
		t.Errorf("a gap long after the fault: %v, pause of %v, open %v; want 40ms for both", length, pause, open)
	}
	if length, _, open := line.gap(0, 150*millisecond, 300*millisecond); !open || length < time.Minute {
		t.Errorf("no write after 200ms: gap of %v, open %v", length, open)
	}
	if length, _, open := line.gap(1, 0, millisecond); !open || length < time.Minute {
		t.Errorf("a shard without writes: gap of %v, open %v", length, open)
	}
}

func TestThroughput(t *testing.T) {
	line := seen(1, 9, 10, 12, 35)
	line.note(bench.Ending{Op: bench.Read, From: line.begin, At: line.begin.Add(36 * millisecond)})
	line.note(bench.Ending{Op: bench.Update, At: line.begin.Add(37 * millisecond), Failure: bench.Unavailable})
	line.probed(bench.Ending{Op: bench.Update, At: line.begin.Add(38 * millisecond)})
	if got := line.throughput(0, 50*millisecond); !slices.Equal(got, []uint32{2, 2, 0, 2, 0}) {
		t.Errorf("throughput %v", got)
	}
	if got := line.throughput(30*millisecond, 60*millisecond); !slices.Equal(got, []uint32{2, 0, 0}) {
		t.Errorf("the last of it %v", got)
	}
	if got := line.failures(); got[bench.Unavailable] != 1 || len(got) != 1 {
		t.Errorf("failures %v", got)
	}
	if got := line.written(0, 36*millisecond); !slices.Equal(got, []time.Duration{38 * millisecond}) {
		t.Errorf("written %v: a read is no write, a probe is", got)
	}
}

// TestBaseline: windows are as long as those of rounds, and the worst shard counts.
func TestBaseline(t *testing.T) {
	line := newTimeline(1)
	for at := range 300 {
		if at < 110 || at > 130 {
			line.note(bench.Ending{Op: bench.Update, From: line.begin, At: line.begin.Add(time.Duration(at) * millisecond)})
		}
	}
	got := line.baseline(100*millisecond, 299*millisecond)
	if got == nil || got.Count != 2 || got.Worst != 22 || got.Median != (1+22)/2.0 {
		t.Errorf("baseline %+v", got)
	}
}

func TestLatencyIsDivided(t *testing.T) {
	line := newTimeline(1)
	end := func(took time.Duration) { line.note(bench.Ending{From: line.begin, At: line.begin.Add(took)}) }
	end(millisecond)
	line.mark(true)
	end(20 * millisecond)
	end(30 * millisecond)
	line.mark(false)
	if a, b := bench.NewLatency(line.latency[calm]), bench.NewLatency(line.latency[faulty]); a.Max/100 != 10 || b.P50/1000 != 20 || b.Max/1000 != 30 {
		t.Errorf("calm %+v, faulty %+v", a, b)
	}
}

// TestRestart: what was before is in no sum, and in every gap.
func TestRestart(t *testing.T) {
	l := newTimeline(1)
	l.begin = l.begin.Add(-time.Minute)
	l.note(bench.Ending{Op: bench.Update, At: l.begin.Add(time.Second), From: l.begin})
	l.note(bench.Ending{Failure: bench.Unavailable})
	l.restart()
	now := l.begin.Add(l.from)
	l.note(bench.Ending{Op: bench.Update, At: now, From: now})
	s := &series{timeline: l, suspectAfter: time.Second, fault: none, system: &external{}}
	r := &Series{}
	s.sum(t.Context(), r, nil)
	if l.from < time.Minute || r.Seconds >= l.from.Seconds() || len(r.Errors) != 0 || r.Calm == nil || r.Calm.Max > 1000 || len(l.written(0, 0)) != 2 {
		t.Errorf("from %v, %+v, writes %v", l.from, r, l.written(0, 0))
	}
}
