package scale

import (
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
	"github.com/ringward/ringward/bench/internal/pagetest"
)

// measured is what package failover says of a cluster in which two kills hit hit shards each, and a third one nobody; the second has no end.
func measured(hit int) *failover.Report {
	round := func(hit int, last float64) failover.Round {
		r := failover.Round{Node: "node-1", Affected: make([]failover.Affected, hit), Gap: last + 1}
		if last > 0 {
			r.First, r.Last = new(last/2), new(last)
		}
		return r
	}
	verdict := failover.Verdict{OK: true, History: &bench.Check{Verdict: "linearizable", Calls: 1000}}
	return &failover.Report{Series: []*failover.Series{
		{Fault: "none", Seconds: 10, PerSecond: 5000, Calm: &bench.Latency{P50: 1000, P99: 9000, Max: 20_000}, Errors: map[bench.Failure]int64{}, Verdict: verdict},
		{Fault: failover.Kill, Rounds: []failover.Round{round(hit, 40), round(hit, 0), round(0, 0)}, Verdict: verdict},
	}, Summary: []failover.Row{
		{Fault: failover.Kill, Target: failover.Random, Rounds: 3},
		{Fault: failover.Kill, Rounds: 3, Silent: 1, Missed: 1, First: page.NewSpread([]float64{20}), Last: page.NewSpread([]float64{40}), Gap: page.NewSpread([]float64{41, 1}),
			Errors: map[bench.Failure]int64{bench.Unavailable: 2}, Reconfigurations: 7},
	}}
}

// sample is a report with something of everything.
func sample() *Report {
	r := &Report{Heading: page.Heading{OK: true, Command: []string{"the", "command"}}, Replicas: 2, SuspectAfter: 1000}
	for _, nodes := range []int{3, 5} {
		for _, shards := range []int{1, 8, 64} {
			r.Points = append(r.Points, newPoint(nodes, shards, measured(shards*2/nodes+1)))
		}
	}
	return r
}

func TestPoint(t *testing.T) {
	p := newPoint(3, 3, measured(3))
	if p.PerSecond != 5000 || p.Latency.P99 != 9000 || len(p.Rounds) != 3 || p.Rounds[1].Last != nil || p.Rounds[2].Hit != 0 || *p.Hit != (page.Spread{Count: 3, Median: 3, Worst: 3}) ||
		p.Last.Median != 40 || p.Silent != 1 || p.Missed != 1 || p.Reconfigurations != 7 || p.FaultErrors[bench.Unavailable] != 2 || p.Calls() != 2000 || !p.OK() {
		t.Errorf("point %+v", p)
	}
	want := []string{"in 1 of 3 rounds the node had just been dropped", "in 1 of 3 rounds a shard had not served again", "in 2 of 3 rounds the node was a member of every shard"}
	for i, remark := range p.Remarks() {
		if i >= len(want) || !strings.HasPrefix(remark, want[i]) {
			t.Errorf("remark %q", remark)
		}
	}
	if p.Verdicts[1].OK = false; p.OK() || p.Verdict() != "BROKEN" {
		t.Error("a broken promise, and the point is ok")
	}
	if (&Point{}).OK() {
		t.Error("nothing was checked, and the point is ok")
	}
}

// TestReport: what was written is read as the same; page, text and drawings have what there is.
func TestReport(t *testing.T) {
	r := sample()
	pagetest.ReadsAgain(t, r)
	drawings := pagetest.Writes(t, r, []string{"Every check passed", "the command", ">64 shards<", ">1 shard<", "5 nodes, 64 shards: node-1 was in 26: 40ms", "5\u202f000"},
		[]string{"5      64      10.0     5000   1ms  9ms  20ms  none", "5      64      3       26", "in 1 of 3 rounds a shard had not served again"})
	if got := strings.Join(drawings, " "); got != "shards-throughput shards-latency-99-of-100 shards-pause-after-a-kill nodes-throughput nodes-latency-99-of-100 nodes-pause-after-a-kill hit" {
		t.Errorf("drawings %s", got)
	}
	r.Points[0].Verdicts[0] = failover.Verdict{Broken: "k: version 3 <lost>", Kept: "/tmp/kept", History: &bench.Check{History: "/tmp/kept/history.jsonl"}}
	r.OK = false
	pagetest.Writes(t, r, []string{"A check failed", "version 3 &lt;lost&gt;", "/tmp/kept/history.jsonl"}, []string{"BROKEN: k: version 3 <lost>", "kept in /tmp/kept"})
	pagetest.Writes(t, &Report{Points: []*Point{{Nodes: 3, Shards: 3}, {Nodes: 3, Shards: 5, Seconds: 1}}}, nil, nil)
	pagetest.Writes(t, &Report{Heading: page.Heading{Interrupted: true}}, []string{"interrupted"}, []string{"interrupted"})
}

// TestCombination: a probe of many shards writes less often, and none writes where throughput is measured.
func TestCombination(t *testing.T) {
	o := Options{SuspectAfter: time.Second, Measure: failover.Options{Rounds: 4}}
	few, many := o.combination(3, 1), o.combination(5, 64)
	if few.ProbePause != leastPause || many.ProbePause != 16*time.Millisecond || !many.Unprobed || many.Cluster.Nodes != 5 || many.Cluster.Shards != 64 || many.Rounds != 4 {
		t.Errorf("few %+v, many %+v", few, many)
	}
}
