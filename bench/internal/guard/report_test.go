package guard

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

func TestParseLoads(t *testing.T) {
	got, err := ParseLoads([]string{"puts:256", "GETS", "a:1"}, 8)
	if want := []Load{{"puts", 256}, {"gets", 8}, {"a", 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("loads %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"e:1":     `load "e:1": workload "e": want one of a, b`,
		"puts:":   `load "puts:": want WORKLOAD:CLIENTS, such as puts:64`,
		"puts:x":  `load "puts:x": want WORKLOAD:CLIENTS`,
		"puts:0":  `load "puts:0": clients 0: want 1 to 4096`,
		":64":     `load ":64": workload ""`,
		"a:1:2":   `load "a:1:2": want WORKLOAD:CLIENTS`,
		"gets:-1": `load "gets:-1": clients -1: want 1 to`,
	} {
		if got, err := ParseLoads([]string{"puts", text}, 8); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", text, got, err, want)
		}
	}
}

// round is one in which base and new did so many operations a second, at a p50 of 1ms and what is given.
func round(base, new float64, p50 int64) pair {
	return pair{
		{Total: bench.Operation{PerSecond: base, Latency: &bench.Latency{P50: 1000, P99: 4000}}},
		{Total: bench.Operation{PerSecond: new, Latency: &bench.Latency{P50: p50, P99: 2000}, Errors: map[bench.Failure]int64{bench.Unavailable: 2}}},
	}
}

// sample has one load of three rounds, one that was measured once, and one that was not.
func sample() *Report {
	o := &Options{Loads: []Load{{"puts", 64}, {"gets", 1}, {"a", 8}}, Rounds: 3}
	r := &Report{Base: Side{Source: Source{Name: "v1", Commit: "1234567890abcdef"}}, New: Side{Source: Source{Name: "working tree", Commit: "fedc", Tree: true, Changed: true}}, Rounds: 3, Least: 0.9,
		Cluster: Cluster{4, 5, 3}}
	if !r.fill(o, measured{{round(1000, 800, 1500), round(3000, 2850, 500), round(2000, 1400, 1100)}, {round(10, 20, 0)}, nil}) {
		panic("nothing was measured")
	}
	return r
}

func TestReport(t *testing.T) {
	r := sample()
	if len(r.Loads) != 2 {
		t.Fatalf("loads %+v", r.Loads)
	}
	puts := r.Loads[0]
	if *puts.Base.PerSecond != (page.Range{Median: 2000, Least: 1000, Most: 3000}) || *puts.New.PerSecond != (page.Range{Median: 1400, Least: 800, Most: 2850}) || puts.Ratio != 0.7 || *puts.ByRound != (page.Range{Median: 0.8, Least: 0.7, Most: 0.95}) ||
		*puts.New.P50 != (page.Range{Median: 1100, Least: 500, Most: 1500}) || puts.P50Ratio != 1.1 || puts.P99Ratio != 0.5 || puts.New.Errors[bench.Unavailable] != 6 || len(puts.Base.Errors) != 0 {
		t.Errorf("puts %+v", puts)
	}
	want := "puts:64: new does 0.7 times the operations of base, less than --least 0.9: 1400 a second instead of 2000, medians of 3 rounds; but 0.70 to 0.95 times from round to round"
	if s := r.Slower(); len(s) != 1 || !strings.HasPrefix(s[0], want) || r.Verdict() == nil {
		t.Errorf("slower %q", s)
	}
	if gets := r.Loads[1]; gets.Ratio != 2 || gets.P50Ratio != 0.001 || gets.Rounds != 1 {
		t.Errorf("gets %+v", gets)
	}
	if (&Report{}).fill(&Options{Loads: make([]Load, 2)}, measured{nil, nil}) {
		t.Error("nothing was measured, and it is a report")
	}

	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"base        v1 (1234567890ab); ",
		"new         working tree (fedc and what is not committed); ",
		"cluster     4 nodes, 5 shards, 3 replicas",
		"puts:64  3       2000        1000   3000  1400       800    2850  0.70   0.80      1.10       0.50       SLOWER\n",
		"gets:1   1       10          10     10    20         20     20    2.00   2.00      0.00       0.50       ok\n",
		"puts:64: calls of new that failed: unavailable 6\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &text)
		}
	}

	b, err := json.Marshal(r)
	var again Report
	if err == nil {
		err = json.Unmarshal(b, &again)
	}
	if err != nil || !reflect.DeepEqual(&again, r) {
		t.Errorf("%v: it is read as\n%+v, and was\n%+v", err, again, r)
	}
}
