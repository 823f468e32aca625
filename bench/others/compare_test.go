package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/compare"
)

// asked is the request of some flags.
func asked(t *testing.T, args ...string) *compareRequest {
	t.Helper()
	f := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	r := newCompareRequest(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return r
}

// executable makes one that says what it is.
func executable(t *testing.T, says string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFindStores: who is not there is left out, unless somebody asked for it.
func TestFindStores(t *testing.T) {
	t.Setenv("PATH", "/bin:/usr/bin") // for the programs' shell
	here, ours := executable(t, "Some server v=1 sha=0"), executable(t, "ringward 1")
	r := asked(t, "--ringward", ours, "--etcd", here)
	r.redis = "/no/such/redis"
	if err := r.resolve(); err != nil {
		t.Fatal(err)
	}
	o := r.options
	if len(o.Stores) != 2 || o.Stores[0].Name != "ringward" || o.Stores[1].Name != "etcd" || !o.Stores[1].Linearizable ||
		len(o.LeftOut) != 1 || o.LeftOut[0] != "redis: no executable /no/such/redis (--redis)" || len(o.Workloads) != 5 {
		t.Errorf("options %+v", o)
	}
	r = asked(t, "--ringward", ours, "--redis", here, "--stores", "redis,ringward", "--workloads", "F", "--servers", "5")
	if err := r.resolve(); err != nil {
		t.Fatal(err)
	}
	if o := r.options; len(o.Stores) != 2 || o.Stores[1].Name != "redis" || o.Stores[1].Linearizable || !strings.Contains(o.Stores[1].Promises, "received by 3 servers (WAIT 2)") || o.Workloads[0].Name != "f" {
		t.Errorf("options %+v", o)
	}
	for _, test := range [][]string{
		{`--stores "mongo": want some of ringward, etcd, redis`, "--stores", "mongo"},
		{"--stores: want at least one", "--stores", ""},
		{`--workloads: workload "e": want one of`, "--workloads", "a,e"},
		{"--workloads a: want it once", "--workloads", "a,a"},
		{"--servers 2: want an odd number of 3 to 9", "--servers", "2"},
		{"--election-timeout 1ms: want 50ms to", "--election-timeout", "1ms"},
		{"--replicas 4: want 1 to 3", "--replicas", "4"},
		{"--repeats 0: want 1 to", "--repeats", "0"},
		{"--duration 0s: want more than 0s", "--duration", "0s"},
		{`--etcd "/no/such": want an executable`, "--etcd", "/no/such"},
		{`--redis "/no/such": want an executable`, "--stores", "redis", "--redis", "/no/such"},
		{`--ringward "/no/such": want an executable`, "--ringward", "/no/such"},
	} {
		err := asked(t, append([]string{"--ringward", ours}, test[1:]...)...).resolve()
		if err == nil || !strings.Contains(err.Error(), test[0]) {
			t.Errorf("%q: error %v, want %s", test[1:], err, test[0])
		}
	}
}

// TestStores: every store whose executable is here keeps to what package bench asks of a store, and leaves nothing.
func TestStores(t *testing.T) {
	r := asked(t)
	for name, start := range map[string]func(context.Context, string) (compare.Cluster, error){
		r.etcd: func(ctx context.Context, path string) (compare.Cluster, error) {
			return started(startEtcd(ctx, path, "etcd", 3, time.Second))
		},
		r.redis: func(ctx context.Context, path string) (compare.Cluster, error) {
			return started(startRedis(ctx, path, "redis", 3))
		},
	} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("not tested: %v", err)
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			c, err := start(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := c.Open(t.Context(), 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			keepsTo(t, opened[0], opened[1])
			for _, s := range opened {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, error %v", left, err)
			}
		})
	}
}

// keepsTo uses two clients of one store.
func keepsTo(t *testing.T, a, b bench.Store) {
	ctx := t.Context()
	if _, _, err := a.Get(ctx, "k"); bench.FailureOf(err) != bench.NotFound {
		t.Errorf("a key that is not there: error %v", err)
	}
	if v, err := a.CAS(ctx, "k", 7, []byte("no")); bench.FailureOf(err) != bench.Mismatch || v != 0 {
		t.Errorf("a version of what is not there: found %d, error %v", v, err)
	}
	first, err := a.CAS(ctx, "k", 0, []byte("one"))
	if err != nil || first == 0 {
		t.Errorf("created: version %d, error %v", first, err)
	}
	second, err := b.Put(ctx, "k", []byte("two\x00\xff"))
	if err != nil || second <= first {
		t.Errorf("put: version %d after %d, error %v", second, first, err)
	}
	if v, err := a.CAS(ctx, "k", first, []byte("no")); bench.FailureOf(err) != bench.Mismatch || v != second {
		t.Errorf("an old version: found %d, error %v", v, err)
	}
	third, err := a.CAS(ctx, "k", second, []byte("three"))
	if value, v, getErr := b.Get(ctx, "k"); err != nil || getErr != nil || third <= second || v != third || string(value) != "three" {
		t.Errorf("read %q in version %d, wrote %d; errors %v, %v", value, v, third, err, getErr)
	}
}
