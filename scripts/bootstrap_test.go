package scripts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bootstrap runs bootstrap.sh to its end.
func bootstrap(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "./bootstrap.sh", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestBootstrapRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--nodes 2 --replicas 3", 1, "3 replicas on 2 nodes: a node holds at most one replica of a shard, so want at most 2"},
		{"--nodes 0", 2, "--nodes 0: want a whole number from 1 to 99"},
		{"--nodes=100", 2, "--nodes 100: want a whole number from 1 to 99"},
		{"--shards five", 2, "--shards five: want a whole number"},
		{"--replicas 1.5", 2, "--replicas 1.5: want a whole number"},
		{"--port 65400", 2, "--port 65400: want a whole number from 1 to 65236"},
		{"--nodes", 2, "--nodes: want a value"},
		{"--colour red", 2, "--colour: no such action or option"},
		{"start stop", 2, "both start and stop: want one"},
		{"stop", 1, "there is no cluster in " + dir},
		{"status", 1, "there is no cluster in " + dir},
		{"wipe", 1, "there is no cluster in " + dir},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := strings.Fields(c.args)
			code, stdout, stderr := bootstrap(t, append([]string{"--dir", dir}, args...)...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, stdout %q, stderr %q; want exit %d and %q", code, stdout, stderr, c.code, c.want)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s was made although nothing was started", dir)
			}
		})
	}
}

func TestBootstrapHelp(t *testing.T) {
	code, stdout, _ := bootstrap(t, "--help")
	for _, option := range []string{"--nodes", "--shards", "--replicas", "--dir", "--port", "--suspect-after", "--regrow-after", "start", "stop", "status", "wipe"} {
		if code != 0 || !strings.Contains(stdout, option) {
			t.Errorf("exit %d, %s is missing in:\n%s", code, option, stdout)
		}
	}
}

// freePorts finds a --port for a cluster of n nodes. It looks below the range from which
// systems give out ports by themselves.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	first := 10_000 + os.Getpid()%100*200
	for port := first; port < 32_000; port += 400 {
		if free(port, n) {
			return port
		}
	}
	t.Fatalf("no free ports from %d on", first)
	return 0
}

func free(port, n int) bool {
	for k := 1; k <= n; k++ {
		for _, p := range []int{port + k, port + 100 + k, port + 200 + k} {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if err != nil {
				return false
			}
			l.Close()
		}
	}
	return true
}

func TestBootstrapRefusesPortInUse(t *testing.T) {
	port := freePorts(t, 2)
	// The metrics port of the second node, and its gossip port.
	for _, p := range []int{port + 202, port + 102} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	dir := filepath.Join(t.TempDir(), "cluster")
	code, _, stderr := bootstrap(t, "--dir", dir, "--nodes", "2", "--port", strconv.Itoa(port))
	if want := fmt.Sprintf("in use: %d %d; this cluster needs %d to %d", port+102, port+202, port+1, port+2); code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, stderr %q, want %q", code, stderr, want)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was made although nothing was started", dir)
	}
}

// cluster is what bootstrap.sh made, and is wiped when the test ends.
type cluster struct {
	t   *testing.T
	dir string
}

// do runs an action that must succeed.
func (c cluster) do(args ...string) string {
	c.t.Helper()
	code, stdout, stderr := bootstrap(c.t, append([]string{"--dir", c.dir}, args...)...)
	if code != 0 {
		c.t.Fatalf("%v: exit %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout
}

// ringward runs the binary against the cluster, and must succeed.
func (c cluster) ringward(args ...string) string {
	c.t.Helper()
	endpoints, err := os.ReadFile(filepath.Join(c.dir, "endpoints"))
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(c.dir, "bin", "ringward"), append(args, "--endpoints", strings.TrimSpace(string(endpoints)))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("ringward %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (c cluster) pidFile(k int) string {
	return filepath.Join(c.dir, fmt.Sprintf("node-%d", k), "pid")
}

func (c cluster) pid(k int) int {
	c.t.Helper()
	b, err := os.ReadFile(c.pidFile(k))
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// The life of a cluster: made, found running, a node killed, started again, stopped,
// kept from starting, started from its data, wiped.
func TestBootstrapLife(t *testing.T) {
	c := cluster{t, filepath.Join(t.TempDir(), "cluster")}
	t.Cleanup(func() { bootstrap(t, "wipe", "--dir", c.dir) })
	out := c.do("--nodes", "3", "--shards", "3", "--replicas", "2", "--port", strconv.Itoa(freePorts(t, 3)))
	for _, want := range []string{"3 shards, 3 of 3 nodes up; any 1 node may be lost", "SEQUENCED BY", "export RINGWARD_ENDPOINTS=127.0.0.1:", "put greeting hello"} {
		if !strings.Contains(out, want) {
			t.Fatalf("%q is missing in:\n%s", want, out)
		}
	}
	c.ringward("put", "key", "value")

	pids := []int{c.pid(1), c.pid(2), c.pid(3)}
	if out := c.do(); !strings.Contains(out, "is running") {
		t.Errorf("started again: %s", out)
	}
	for k, pid := range pids {
		if c.pid(k+1) != pid {
			t.Errorf("node %d was started a second time", k+1)
		}
	}
	if code, _, stderr := bootstrap(t, "--dir", c.dir, "--nodes", "4"); code != 1 || !strings.Contains(stderr, "has 3: wipe it first") {
		t.Errorf("--nodes 4: exit %d, %s", code, stderr)
	}
	if code, _, stderr := bootstrap(t, "--dir", c.dir, "--suspect-after", "2s"); code != 1 || !strings.Contains(stderr, "is running: stop it before") {
		t.Errorf("--suspect-after while running: exit %d, %s", code, stderr)
	}

	if code, _, stderr := bootstrap(t, "--dir", c.dir, "--regrow-after", "2s"); code != 1 || !strings.Contains(stderr, "is running: stop it before") {
		t.Errorf("--regrow-after while running: exit %d, %s", code, stderr)
	}

	// A killed node leaves its pid file. Only that node is started again.
	if err := syscall.Kill(pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if out := c.do("start"); !strings.Contains(out, "3 of 3 nodes up") {
		t.Errorf("after a kill: %s", out)
	}
	if c.pid(1) != pids[0] || c.pid(2) == pids[1] {
		t.Errorf("pids %d %d, before %v: want node 2 alone to be started", c.pid(1), c.pid(2), pids)
	}

	c.do("stop")
	if out := c.do("stop"); !strings.Contains(out, "is not running") {
		t.Errorf("stopped twice: %s", out)
	}
	if code, out, _ := bootstrap(t, "status", "--dir", c.dir); code != 1 || !strings.Contains(out, "node-3  does not run") {
		t.Errorf("status of a stopped cluster: exit %d, %s", code, out)
	}

	// A node that ends at its start shows why, and those started beside it are stopped.
	code, _, stderr := bootstrap(t, "--dir", c.dir, "--regrow-after", "soon")
	if code != 1 || !strings.Contains(stderr, "node-1 ended; the last lines of") || !strings.Contains(stderr, `"soon"`) {
		t.Errorf("a setting that makes no sense: exit %d, %s", code, stderr)
	}
	for k := range pids {
		if _, err := os.Stat(c.pidFile(k + 1)); err == nil {
			t.Errorf("node %d was left running", k+1)
		}
	}

	// The number in a stale pid file may be some other process's by now: this test's.
	if err := os.WriteFile(c.pidFile(1), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
	c.do("start", "--suspect-after", "2s", "--regrow-after", "0s")
	if got := c.ringward("get", "key"); got != "value" {
		t.Errorf("after stop and start: %q", got)
	}
	if out := c.do("status"); !strings.Contains(out, "node-1  runs, pid ") || !strings.Contains(out, "3 of 3 nodes up") {
		t.Errorf("status: %s", out)
	}
	c.do("wipe")
	if _, err := os.Stat(c.dir); err == nil {
		t.Errorf("%s is still there", c.dir)
	}
}
