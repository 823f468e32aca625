package soak

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/faults"
)

func TestMissing(t *testing.T) {
	put := func(key string, version uint64, value string) history.Op {
		return history.Op{Kind: history.Put, Key: key, Outcome: history.OK, Version: version, Value: history.Of([]byte(value))}
	}
	h := &history.History{Ops: []history.Op{
		put("k", 3, "new"), put("k", 2, "old"),
		{Kind: history.Put, Key: "k", Outcome: history.Unknown, Value: history.Of([]byte("perhaps"))},
		{Kind: history.Get, Key: "k", Outcome: history.OK, Version: 9},
	}}
	for want, at := range map[string]found{
		"version 3 was acknowledged, version 0 was found": {},
		"version 3 was acknowledged, version 2 was found": {[]byte("old"), 2},
		"version 3 was acknowledged with value":           {[]byte("old"), 3},
	} {
		if err := missing(h, map[string]found{"k": at}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %q in version %d: error %v, want %q", at.value, at.version, err, want)
		}
	}
	for _, at := range []found{{[]byte("new"), 3}, {[]byte("perhaps"), 4}} {
		if err := missing(h, map[string]found{"k": at}); err != nil {
			t.Errorf("found %q in version %d: %v", at.value, at.version, err)
		}
	}
}

func TestMiscounted(t *testing.T) {
	l := newLoad(1, 0)
	l.workers[0].raised[1], l.workers[1].raised[1], l.workers[2].perhaps[1] = 3, 4, 2
	for value, ok := range map[string]bool{"": false, "6 a": false, "7 a": true, "9 a": true, "10 a": false} {
		err := l.miscounted(map[string]found{counterKey(1): {value: []byte(value)}})
		if ok != (err == nil) {
			t.Errorf("a counter at %q: %v", value, err)
		}
	}
}

func TestDisagreement(t *testing.T) {
	a := map[string]found{"k": {[]byte("v"), 2}, "l": {[]byte("v"), 3}}
	if err := disagreement([]string{"k", "l", "m"}, []map[string]found{a, {"k": {[]byte("v"), 2}, "l": {[]byte("v"), 3}}}); err != nil {
		t.Error(err)
	}
	for want, b := range map[string]map[string]found{
		"l: node-1 answers version 3":                   {"k": {[]byte("v"), 2}},
		"k: node-1 answers version 2 with value":        {"k": {[]byte("w"), 2}, "l": {[]byte("v"), 3}},
		"m: node-1 answers version 0 with value ef46db": {"k": {[]byte("v"), 2}, "l": {[]byte("v"), 3}, "m": {nil, 1}},
	} {
		if err := disagreement([]string{"k", "l", "m"}, []map[string]found{a, a, b}); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "node-3") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestComplaints(t *testing.T) {
	n := &cluster.Node{Name: "node-1", Log: filepath.Join(t.TempDir(), "log")}
	full := "time=1 level=ERROR msg=\"node stops\" error=\"log: no space left on device\"\n"
	for _, test := range []struct {
		log  string
		plan faults.Plan
		want string
	}{
		{"level=INFO msg=\"no error\"\n", nil, ""},
		{"level=INFO\nlevel=ERROR msg=broken\n", nil, "node-1 logs 1 errors: level=ERROR msg=broken"},
		{"panic: oh\n", nil, "panic: oh"},
		{full, nil, "no space left"},
		{full, faults.Plan{{Kind: faults.DiskFull}}, ""},
	} {
		if err := os.WriteFile(n.Log, []byte(test.log), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &running{Round: &Round{Plan: test.plan}}
		err := r.complaints(n)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("log %q, plan %v: error %v, want %q", test.log, test.plan, err, test.want)
		}
	}
}

func TestASeedMakesOneRound(t *testing.T) {
	a, b := NewRound(7, faults.Kinds()), NewRound(7, faults.Kinds())
	if a.String() != b.String() || !slices.Equal(a.Plan, b.Plan) {
		t.Errorf("one seed makes %v and %v", &a, &b)
	}
	shapes := map[string]bool{}
	for seed := range uint64(200) {
		r := NewRound(seed, faults.Kinds())
		shapes[r.String()] = true
		if r.Plan.Has(faults.DiskFull) && !r.SmallLog {
			t.Errorf("seed %d fills a disk that has room in its log", seed)
		}
	}
	if len(shapes) < 50 {
		t.Errorf("%d different rounds in 200 seeds", len(shapes))
	}
}
