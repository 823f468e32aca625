package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// A whole cluster, over real disks and sockets, is used through the other verbs and leaves nothing.
func TestDev(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stdout, stdoutWriter := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"dev", "-o", "json", "--shards", "4"}, nil, stdoutWriter, &stderr)
		stdoutWriter.Close()
	}()
	var ready struct {
		Endpoints []string
		Dir       string
	}
	if err := json.NewDecoder(stdout).Decode(&ready); err != nil {
		t.Fatalf("%v; exit %d, stderr:\n%s", err, <-code, &stderr)
	}
	if len(ready.Endpoints) != 3 {
		t.Errorf("got endpoints %v, want 3", ready.Endpoints)
	}
	// Each call goes by another node, and none of them has all the shards.
	for i, call := range []struct {
		args string
		want outcome
	}{
		{"put k v", outcome{exitOK, "version 2\n", ""}},
		{"get k", outcome{exitOK, "v", ""}},
		{"cas k 2 w", outcome{exitOK, "version 4\n", ""}},
		{"get k", outcome{exitOK, "w", ""}},
	} {
		got := ringward(t, "", append(strings.Fields(call.args), "--endpoints", ready.Endpoints[i%3])...)
		if got != call.want {
			t.Errorf("%s: got %+v, want %+v", call.args, got, call.want)
		}
	}
	got := ringward(t, "", "status", "--endpoints", ready.Endpoints[2])
	if got.code != exitOK || !strings.Contains(got.stdout, "4 shards, 3 of 3 nodes up; any 1 node may be lost") || strings.Count(got.stdout, "ACTIVE") != 8 {
		t.Errorf("got %+v", got)
	}
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit %d, stderr:\n%s", c, &stderr)
	}
	if _, err := os.Stat(ready.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", ready.Dir, err)
	}
}

// What goes wrong at the start is said, and leaves nothing either.
func TestDevRefusesPortInUse(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	a := startFake(t, 1)
	port := netip.MustParseAddrPort(a.endpoint).Port()
	got := ringward(t, "", "dev", "--port", fmt.Sprint(port-1))
	if got.code != exitError || !strings.Contains(got.stderr, "node-1: ") || !strings.Contains(got.stderr, "in use") {
		t.Errorf("got %+v", got)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
