// Package guardtest has for tests what package guard compares: a repository that is quickly built, whose executables report what their source says.
package guardtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What drivers are told by variables.
const (
	// EnvLog names the file to which each run adds a line: its process, its rate, and its arguments.
	EnvLog = "GUARDTEST_LOG"
	// EnvWait is the number, from 1, of the run that goes on until Ctrl-C.
	EnvWait = "GUARDTEST_WAIT"
)

// driver is the source of one. It reports so many operations a second, and fails where that is less than 0.
const driver = `package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

const rate = %d

func main() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	log := os.Getenv("` + EnvLog + `")
	before, _ := os.ReadFile(log)
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, os.Getpid(), rate, strings.Join(os.Args[1:], " "))
	f.Close()
	if fmt.Sprint(1+bytes.Count(before, []byte{'\n'})) == os.Getenv("` + EnvWait + `") {
		<-interrupted
	}
	if rate < 0 || os.Getenv("RINGWARD_ENDPOINTS") != "" {
		fmt.Fprintln(os.Stderr, "a driver that fails")
		os.Exit(1)
	}
	fmt.Printf("{\"schema\": 1, \"target\": {\"cluster\": {\"ringward\": \"ringward of %%d\"}}, ", rate)
	fmt.Printf("\"total\": {\"count\": 9, \"per_second\": %%d, \"latency_us\": {\"p50\": 1000, \"p99\": 5000}, \"errors\": {}}}", rate)
}
`

// Repository is one below the test's temporary directory.
type Repository struct {
	t   testing.TB
	Dir string
}

// New makes a repository with one commit, in which there is nothing yet, and takes git's configuration of this machine away.
func New(t *testing.T) *Repository {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir, err := filepath.EvalSymlinks(t.TempDir()) // as git names it
	if err != nil {
		t.Fatal(err)
	}
	r := &Repository{t, dir}
	r.Git("init", "--quiet")
	r.Commit("empty")
	return r
}

// Git runs git in the repository, and returns what it wrote.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.Dir, "-c", "user.name=somebody", "-c", "user.email=somebody@example.org"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_DIR="+filepath.Join(r.Dir, ".git"), "GIT_INDEX_FILE="+filepath.Join(r.Dir, ".git", "index"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Commit commits all there is, and tags it.
func (r *Repository) Commit(tag string) {
	r.t.Helper()
	r.Git("add", "--all")
	r.Git("commit", "--quiet", "--allow-empty", "--message", tag)
	r.Git("tag", tag)
}

// Write writes a file of the working tree.
func (r *Repository) Write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// Rate makes the working tree one whose driver reports so many operations a second, and fails where that is less than 0.
func (r *Repository) Rate(perSecond int) {
	r.t.Helper()
	r.Write("go.mod", "module example.org/ringward\n")
	r.Write("node/cmd/ringward/main.go", "package main\n\nfunc main() {}\n")
	r.Write("bench/cmd/ringward-bench/main.go", fmt.Sprintf(driver, perSecond))
}
