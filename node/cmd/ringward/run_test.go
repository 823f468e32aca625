package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ringward/ringward/rpc/client"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("disk on fire"), 1},
		{client.ErrUnavailable, 1},
		{client.ErrTooLarge, 1},
		{usagef("no"), 2},
		{fmt.Errorf("key: %w", client.ErrInvalid), 2},
		{fmt.Errorf("get: %w", client.ErrNotFound), 3},
		{&client.VersionMismatchError{Expected: 1, Current: 2}, 4},
		{errors.Join(client.ErrUnavailable, client.ErrOutcomeUnknown), 5},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"frobnicate", "frobnicate: no such verb"},
		{"get", "KEY is missing"},
		{"get a b", `"b": one argument too many: want no more than KEY`},
		{"put a", "VALUE is missing"},
		{"status now", `"now": one argument too many`},
		{"get a --frob", "unknown flag: --frob"},
		{"get a -o xml", "want text or json"},
		{"get a --timeout soon", "soon"},
		{"get a --timeout -1s", "--timeout -1s: want more than 0"},
		{"get a --endpoints here", `--endpoints: "here": want host:port`},
		{"put a b --if-version new", `--if-version "new": want a version`},
		{"cas a new b", `VERSION "new": want a version`},
		{"dev --nodes 2 --replicas 3", "--replicas 3: want 1 to 2"},
		{"node --suspect-after soon", "suspect-after"},
		{"node --listen 0.0.0.0:7001", "listen"},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := ringward(t, "", strings.Fields(c.args)...)
			if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
				t.Errorf("got %+v, want exit 2 and %q", got, c.want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help"}} {
		if got := ringward(t, "", args...); got.code != exitOK || !strings.Contains(got.stdout, "status") {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}

func TestVersion(t *testing.T) {
	if got := ringward(t, "", "version"); got.code != exitOK || !strings.HasPrefix(got.stdout, "ringward ") {
		t.Errorf("got %+v", got)
	}
	var b build
	got := ringward(t, "", "version", "-o", "json")
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil || b.Version == "" || b.Go == "" {
		t.Errorf("got %+v: %v", got, err)
	}
}

func TestEndpointsFromEnvironment(t *testing.T) {
	a := startFake(t, 1)
	t.Setenv(envEndpoints, a.endpoint+", "+a.endpoint)
	if got := ringward(t, "", "status"); got.code != exitOK {
		t.Errorf("got %+v", got)
	}
	t.Setenv(envEndpoints, "nowhere")
	if got := ringward(t, "", "status"); got.code != exitUsage || !strings.Contains(got.stderr, `RINGWARD_ENDPOINTS: "nowhere"`) {
		t.Errorf("got %+v", got)
	}
}

func TestErrorAsJSON(t *testing.T) {
	got := ringward(t, "", "get", "-o", "json")
	var failure struct {
		Error string
		Exit  int
	}
	if err := json.Unmarshal([]byte(got.stderr), &failure); err != nil || failure.Exit != exitUsage || failure.Error != "KEY is missing" {
		t.Errorf("got %+v: %v", got, err)
	}
}

func TestCheckConfig(t *testing.T) {
	got := ringward(t, "", "node", "--check-config", "--suspect-after", "50ms", "--name", "a")
	if got.code != exitOK || !strings.Contains(got.stdout, "suspect-after: 50ms\n") {
		t.Errorf("got %+v", got)
	}
	var settings map[string]any
	got = ringward(t, "", "node", "--check-config", "-o", "json", "--suspect-after", "50ms")
	if err := json.Unmarshal([]byte(got.stdout), &settings); err != nil || settings["suspect-after"] != "50ms" {
		t.Errorf("got %+v: %v", got, err)
	}
	got = ringward(t, "", "node", "--check-config", "--name", "no spaces", "--max-key", "0B")
	if got.code != exitUsage || !strings.Contains(got.stderr, "name") || !strings.Contains(got.stderr, "max-key") {
		t.Errorf("got %+v", got)
	}
}
