package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role makes this test binary something else than a test: see TestMain.
const role = "CLUSTER_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		// Under the race detector a process sleeps a second at its end unless told not to.
		os.Setenv("GORACE", "atexit_sleep_ms=0")
		os.Exit(m.Run())
	case "owner":
		own()
	default:
		os.Exit(ringward(os.Args[1:]))
	}
}

// ringward is an executable as the cluster expects it, as far as processes, ports and files
// go. The role says how it misbehaves.
func ringward(args []string) int {
	misbehaviour := os.Getenv(role)
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "RINGWARD_") {
			fmt.Fprintln(os.Stderr, "inherited", e)
			return 1
		}
	}
	switch args[0] {
	case "version":
		fmt.Println("ringward test")
		return 0
	case "init":
		if misbehaviour == "no-init" {
			fmt.Fprintln(os.Stderr, "ringward: shard 3 stays PENDING")
			return 1
		}
		return 0
	}
	option := func(name string) string { return args[slices.Index(args, name)+1] }
	// Before it listens: a start that saw it do so would be done with it.
	if misbehaviour == "crash" && option("--name") == "node-2" {
		fmt.Fprintln(os.Stderr, "disk on fire")
		return 3
	}
	for i, name := range []string{"--listen", "--gossip", "--ops"} {
		if i == 0 && misbehaviour == "busy" {
			fmt.Fprintln(os.Stderr, "listen tcp: bind: address already in use")
			return 1
		}
		l, err := net.Listen("tcp", option(name))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer l.Close()
	}
	dir := option("--dir")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lives, err := os.OpenFile(filepath.Join(dir, "lives"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	fmt.Fprintln(lives, strings.Join(args, " ")) // from here on it may be told to end
	<-end
	fmt.Fprintln(lives, "ended well")
	return 0
}

// own starts a cluster, says where, and then ends as it is told, without stopping it.
func own() {
	os.Setenv(role, "well")
	c, err := Start(context.Background(), Options{Ringward: self(), Nodes: 3, Shards: 3, Replicas: 2})
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Dir(), strings.Join(c.Endpoints(), " "))
	bufio.NewReader(os.Stdin).ReadString('\n')
	done := make(chan struct{})
	go func() {
		panic("in a goroutine that nobody looks after")
	}()
	<-done
}

func self() string {
	name, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return name
}

// eventually waits until what is awaited holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func lives(t *testing.T, n *Node) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.Dir, "lives"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func startTest(t *testing.T, o Options) *Cluster {
	t.Helper()
	t.Setenv(role, "well")
	t.Setenv("RINGWARD_ENDPOINTS", "elsewhere:1")
	o.Ringward = self()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() })
	return c
}

func TestLifeOfACluster(t *testing.T) {
	c := startTest(t, Options{Nodes: 3, Shards: 3, Replicas: 2, SuspectAfter: 50 * time.Millisecond})
	if c.Version() != "ringward test" || len(c.Endpoints()) != 3 {
		t.Errorf("version %q, endpoints %v", c.Version(), c.Endpoints())
	}
	n := c.Nodes()[1]
	eventually(t, "the node writes", func() bool { return exists(filepath.Join(n.Dir, "lives")) && lives(t, n)[0] != "" })
	first := lives(t, n)[0]
	for _, want := range []string{"--name node-2", "--listen " + n.Endpoint, "--gossip " + n.Gossip, "--ops " + n.Ops,
		"--join " + c.Nodes()[0].Gossip + "," + c.Nodes()[2].Gossip, "--suspect-after 50ms"} {
		if !strings.Contains(first, want) {
			t.Errorf("node started as %q, want %q in it", first, want)
		}
	}
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "node-2: runs already") {
		t.Errorf("started twice: %v", err)
	}

	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if n.Running() || listens(n.Endpoint) || len(lives(t, n)) != 1 {
		t.Errorf("after kill: running %v, lives %q", n.Running(), lives(t, n))
	}
	if err := n.Kill(); err != nil {
		t.Errorf("killed twice: %v", err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node writes again", func() bool { return len(lives(t, n)) == 2 })
	if again := lives(t, n)[1]; again != first {
		t.Errorf("restarted as %q, want %q", again, first)
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	if l := lives(t, n); l[len(l)-1] != "ended well" {
		t.Errorf("after stop: lives %q", l)
	}

	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if exists(c.Dir()) {
		t.Errorf("%s is still there", c.Dir())
	}
	for _, n := range c.Nodes() {
		if n.Running() || listens(n.Endpoint) {
			t.Errorf("%s still runs", n.Name)
		}
	}
	if err := c.Stop(); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
	if err := n.Start(t.Context()); err == nil {
		t.Error("a node was started in a stopped cluster")
	}
}

func TestGivenDirectoryIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	c := startTest(t, Options{Nodes: 1, Shards: 1, Replicas: 1, Dir: dir})
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if !exists(c.Nodes()[0].Log) {
		t.Error("the log is gone")
	}
	_, err := Start(t.Context(), Options{Ringward: self(), Nodes: 1, Shards: 1, Replicas: 1, Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "want a directory that is empty") {
		t.Errorf("a directory in use: %v", err)
	}
}

// TestFailedStartLeavesNothing looks at what is left in the temporary directory.
func TestFailedStartLeavesNothing(t *testing.T) {
	tests := []struct{ role, want string }{
		{"crash", "disk on fire"},
		{"no-init", "init: exit status 1: ringward: shard 3 stays PENDING"},
		{"busy", "a port was taken meanwhile"},
	}
	for _, test := range tests {
		t.Run(test.role, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			t.Setenv(role, test.role)
			c, err := Start(t.Context(), Options{Ringward: self(), Nodes: 3, Shards: 3, Replicas: 2})
			if c != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if entries, _ := os.ReadDir(tmp); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
	t.Run("no executable", func(t *testing.T) {
		_, err := Start(t.Context(), Options{Ringward: filepath.Join(t.TempDir(), "none"), Nodes: 1, Shards: 1, Replicas: 1})
		if err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("error %v, want one that names the executable", err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		t.Setenv(role, "well")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Start(ctx, Options{Ringward: self(), Nodes: 1, Shards: 1, Replicas: 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
	})
}

func TestOptionsValid(t *testing.T) {
	tests := []struct {
		o    Options
		want string
	}{
		{Options{Nodes: 0, Shards: 1, Replicas: 1}, "nodes 0: want 1 to 99"},
		{Options{Nodes: 3, Shards: 0, Replicas: 1}, "shards 0: want 1 to 4096"},
		{Options{Nodes: 3, Shards: 1, Replicas: 4}, "replicas 4: want 1 to 3"},
		{Options{Nodes: 3, Shards: 1, Replicas: 1, SuspectAfter: 5}, "suspect-after 5ns: want 1ms or more"},
	}
	for _, test := range tests {
		if _, err := Start(t.Context(), test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want one with %q", test.o, err, test.want)
		}
	}
}

func TestFreePortsAreFree(t *testing.T) {
	ports, err := FreePorts(30)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 30 {
		t.Errorf("ports %v: want 30 different ones", ports)
	}
}
