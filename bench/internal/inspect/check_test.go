package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cluster"
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
	for want, at := range map[string]Found{
		"version 3 was acknowledged, version 0 was found": {},
		"version 3 was acknowledged, version 2 was found": {[]byte("old"), 2},
		"version 3 was acknowledged with value":           {[]byte("old"), 3},
	} {
		if err := Missing(h, map[string]Found{"k": at}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %q in version %d: error %v, want %q", at.Value, at.Version, err, want)
		}
	}
	for _, at := range []Found{{[]byte("new"), 3}, {[]byte("perhaps"), 4}} {
		if err := Missing(h, map[string]Found{"k": at}); err != nil {
			t.Errorf("found %q in version %d: %v", at.Value, at.Version, err)
		}
	}
}

func TestMiscounted(t *testing.T) {
	all := []*Counters{NewCounters(2), NewCounters(2), NewCounters(2)}
	all[0].Raised[1], all[1].Raised[1], all[2].Perhaps[1] = 3, 4, 2
	for value, ok := range map[string]bool{"": false, "26 a": false, "27 a": true, "29 a": true, "30 a": false} {
		err := Miscounted(all, map[string]Found{CounterKey(1): {Value: []byte("20 z")}}, map[string]Found{CounterKey(1): {Value: []byte(value)}})
		if ok != (err == nil) {
			t.Errorf("a counter at %q: %v", value, err)
		}
	}
}

func TestDisagreement(t *testing.T) {
	a := map[string]Found{"k": {[]byte("v"), 2}, "l": {[]byte("v"), 3}}
	if err := Disagreement([]string{"node-1", "node-2", "node-3"}, []string{"k", "l", "m"}, []map[string]Found{a, {"k": {[]byte("v"), 2}, "l": {[]byte("v"), 3}}}); err != nil {
		t.Error(err)
	}
	for want, b := range map[string]map[string]Found{
		"l: node-1 answers version 3":                   {"k": {[]byte("v"), 2}},
		"k: node-1 answers version 2 with value":        {"k": {[]byte("w"), 2}, "l": {[]byte("v"), 3}},
		"m: node-1 answers version 0 with value ef46db": {"k": {[]byte("v"), 2}, "l": {[]byte("v"), 3}, "m": {nil, 1}},
	} {
		if err := Disagreement([]string{"node-1", "node-2", "node-3"}, []string{"k", "l", "m"}, []map[string]Found{a, a, b}); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "node-3") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestComplaints(t *testing.T) {
	n := &cluster.Node{Name: "node-1", Log: filepath.Join(t.TempDir(), "log")}
	full := func(line string) bool { return strings.Contains(line, "no space left on device") }
	fullLine := "time=1 level=ERROR msg=\"node stops\" error=\"log: no space left on device\"\n"
	for _, test := range []struct {
		log     string
		excused func(string) bool
		want    string
	}{
		{"level=INFO msg=\"no error\"\n", nil, ""},
		{"level=INFO\nlevel=ERROR msg=broken\n", nil, "node-1 logs 1 errors: level=ERROR msg=broken"},
		{"panic: oh\n", full, "panic: oh"},
		{fullLine, nil, "no space left"},
		{fullLine, full, ""},
	} {
		if err := os.WriteFile(n.Log, []byte(test.log), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Complaints(n, test.excused)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("log %q: error %v, want %q", test.log, err, test.want)
		}
	}
}
