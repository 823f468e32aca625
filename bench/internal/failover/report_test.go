package failover

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
	"github.com/ringward/ringward/bench/internal/pagetest"
)

// round is one in which a shard served again after 10 ms and a slower one after that time; 0: it did not.
func round(t Target, last float64) Round {
	r := Round{Fault: Kill, Target: t, Shard: 1, Node: "node-1", Gap: last + 2, Reconfigurations: 4, FalseSuspicions: 1,
		Errors: map[bench.Failure]int64{bench.Unavailable: 1}, Throughput: make([]uint32, 60),
		Affected: []Affected{{Shard: 1, Role: Head, Again: new(10.0), Split: &Split{Detection: 10}}, {Shard: 3, Role: Tail}}}
	r.First = r.Affected[0].Again
	if last > 0 {
		r.Affected[1].Again, r.Last = new(last), new(last)
		r.Affected[1].Split = &Split{Detection: last / 2, Decision: last / 4, Resume: last / 4}
	}
	return r
}

// sample is a report with something of everything.
func sample() *Report {
	check := func() Verdict {
		return Verdict{OK: true, History: &bench.Check{Verdict: "linearizable", Calls: 1234567}}
	}
	r := &Report{Heading: page.Heading{Command: []string{"ringward-bench", "failover"}}, Timeout: "suspect-after", Target: bench.Target{Store: "ringward"}}
	for _, timeout := range []float64{5, 100} {
		r.Series = append(r.Series,
			&Series{Fault: none, SuspectAfter: timeout, Seconds: 30, PerSecond: 900, FalseSuspicions: 7, Baseline: page.NewSpread([]float64{1, 2}),
				Calm: &bench.Latency{P50: 1}, CalmQuantiles: []Quantile{{0.5, 1000}, {0.99, 9000}, {1, 10_000}}, Throughput: []uint32{1, 2, 3}, Verdict: check()},
			&Series{Fault: Kill, SuspectAfter: timeout, Seconds: 30, FaultyQuantiles: []Quantile{{0.5, 0}, {0.9999, 90_000}}, Throughput: make([]uint32, 5000),
				Rounds:  []Round{round(Head, 20), round(Head, 40), round(Tail, 0), round(Tail, 60)},
				Verdict: check(), Load: &bench.Report{Setting: bench.Setting{Workload: "a"}, Machine: bench.Machine{Cores: 2}}})
	}
	r.summarize()
	return r
}

func TestSummary(t *testing.T) {
	r := sample()
	if !r.OK || len(r.Summary) != 6 || r.Setting.Workload != "a" || r.Machine.Cores != 2 {
		t.Fatalf("ok %v, summary %+v", r.OK, r.Summary)
	}
	head, tail, all := r.Summary[0], r.Summary[1], r.Summary[2]
	if head.Target != Head || head.SuspectAfter != 5 || *head.Last != (page.Spread{Count: 2, Median: 30, Worst: 40}) || *head.Detection != (page.Spread{Count: 2, Median: 15, Worst: 20}) || head.Silent != 0 {
		t.Errorf("heads: %+v", head)
	}
	if tail.Target != Tail || tail.Rounds != 2 || tail.Silent != 1 || *tail.Last != (page.Spread{Count: 1, Median: 60, Worst: 60}) || *tail.First != (page.Spread{Count: 2, Median: 10, Worst: 10}) {
		t.Errorf("tails: %+v", tail)
	}
	if all.Target != "" || all.Rounds != 4 || *all.Last != (page.Spread{Count: 3, Median: 40, Worst: 60}) || all.Reconfigurations != 16 || all.Errors[bench.Unavailable] != 4 {
		t.Errorf("all: %+v", all)
	}
	r.Series[3].Rounds[2] = Round{Fault: Kill, Target: Tail}
	if row := newRow(r.Series[3], Tail); row.Missed != 1 || row.Silent != 0 || row.Last.Count != 1 || row.Gap.Count != 1 {
		t.Errorf("a round that hit nobody: %+v", row)
	}
	r.Series[3].Verdict.OK = false
	if r.summarize(); r.OK {
		t.Error("one series is broken, and the report is ok")
	}
	if none := (&Report{}); true {
		if none.summarize(); none.OK {
			t.Error("nothing was measured, and the report is ok")
		}
	}
}

// TestJSON: a report that was written is read as the same.
func TestJSON(t *testing.T) {
	r := sample()
	for _, s := range r.Series {
		s.Load = nil // which is not in it
	}
	pagetest.ReadsAgain(t, r)
}

// TestAgainst: other stores' pauses stand beside ours, the shortest first, with the commands of both.
func TestAgainst(t *testing.T) {
	ours, theirs := sample(), sample()
	theirs.Target.Store, theirs.Timeout, theirs.Command = "other", "election-timeout", []string{"their", "command"}
	theirs.Summary[0].Last = &page.Spread{Count: 20, Median: 25, Worst: 70}
	ours.Against = []*Report{theirs}
	var b strings.Builder
	if err := ours.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	at := strings.Index(page, "Against others")
	if at < 0 {
		t.Fatal("the page has nothing about others")
	}
	first, second := strings.Index(page[at:], ">other 5ms<"), strings.Index(page[at:], ">ringward 5ms<")
	if first < 0 || second < first || !strings.Contains(page, "25ms, worst 70ms") || !strings.Contains(page, "their command") {
		t.Errorf("other at %d, ours at %d in\n%s", first, second, page[at:])
	}
}

func TestPage(t *testing.T) {
	r := sample()
	r.Series[0].Unsettled = "it was <late>"
	drawings := pagetest.Writes(t, r, []string{
		"Every check passed", "Pause against timeout", "Where the pause goes", "Throughput around a fault", "What a short timeout costs", "Latency with and without faults",
		"All rounds in figures", "Without a fault", "Checks", "From beginning to end", "How this was measured", "4\u202f938\u202f268", "it was &lt;late&gt;", "during kill",
		"kill at suspect-after 100ms: median 40ms, worst 60ms of 3", "prefers-color-scheme: dark", "@media print",
	}, nil)
	for _, want := range []string{"pause", "parts-kill", "around-kill", "cost-throughput", "latency-suspect-after-5ms", "whole-suspect-after-100ms-faults-kill"} {
		if !slices.Contains(drawings, want) {
			t.Errorf("no drawing %s in %v", want, drawings)
		}
	}
	r.Series[1].Verdict = Verdict{Broken: "k: version 3 <lost>", Kept: "/tmp/kept", History: &bench.Check{History: "/tmp/kept/history.jsonl"}}
	r.Summary = nil
	r.summarize()
	pagetest.Writes(t, r, []string{"A check failed", "version 3 &lt;lost&gt;", "/tmp/kept/history.jsonl"}, nil)
}

// TestPageOfLittle: a measurement may have been stopped early.
func TestPageOfLittle(t *testing.T) {
	for name, r := range map[string]*Report{
		"nothing":       {},
		"no round":      {Series: []*Series{{Fault: Kill, SuspectAfter: 5}}},
		"no pause ends": {Series: []*Series{{Fault: Kill, SuspectAfter: 5, Rounds: []Round{round(Head, 0)}}}},
		"only calm":     {Series: []*Series{{Fault: none, SuspectAfter: 5, Seconds: 1, Throughput: []uint32{0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			r.summarize()
			pagetest.Writes(t, r, nil, nil)
			var text strings.Builder
			if err := r.WriteText(&text); err != nil || strings.Contains(text.String(), "pause: from the fault") != (name == "no pause ends") {
				t.Errorf("error %v; there is a table of pauses, or none:\n%s", err, &text)
			}
		})
	}
}

func TestText(t *testing.T) {
	r := sample()
	r.Series[3].Verdict = Verdict{Broken: "counter-0 stands at 3", Kept: "/tmp/kept", History: &bench.Check{Verdict: "violated", History: "/tmp/kept/history.jsonl"}}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"kill   5ms            head    2       30ms    40ms   15ms", "in 1 of 4 rounds a shard had not served again", "counter-0 stands at 3", "logs and data are kept in /tmp/kept",
		"the history is kept in /tmp/kept/history.jsonl", "BROKEN",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &b)
		}
	}
}
