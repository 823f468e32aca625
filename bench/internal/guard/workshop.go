package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/spawn"
)

// patience is how long a process may take to end when it is told to. After that it is killed, and the kernel ends what it began.
const patience = 20 * time.Second

// side is one of the two that are compared.
type side struct {
	name   string // base or new
	source Source
	bin    string // directory of its executables
}

// workshop is a temporary directory with the processes that build there, and measure. Neither outlives this program.
type workshop struct {
	dir     string
	guard   *spawn.Guard
	spawner *spawn.Spawner
}

func newWorkshop() (*workshop, error) {
	dir, err := os.MkdirTemp("", "ringward-guard-")
	if err != nil {
		return nil, err
	}
	guard, err := spawn.NewGuard(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &workshop{dir: dir, guard: guard, spawner: spawn.New()}, nil
}

func (w *workshop) close() error {
	w.spawner.Close()
	return w.guard.Dismiss()
}

// build makes the executables of a side.
func (w *workshop) build(ctx context.Context, r *Repository, s *side) (err error) {
	s.bin = filepath.Join(w.dir, s.name)
	tree := r.top
	if !s.source.Tree {
		tree = s.bin + ".tree"
		// What git began it ends, Ctrl-C or not: a repository has no half of a worktree.
		whole := context.WithoutCancel(ctx)
		if _, err := w.do(gitCommand(whole, r.top, "worktree", "add", "--detach", tree, s.source.Commit)); err != nil {
			return err
		}
		defer func() {
			_, e := w.do(gitCommand(whole, r.top, "worktree", "remove", "--force", tree))
			err = errors.Join(err, e)
		}()
	}
	args := []string{"build", "-o", s.bin + string(filepath.Separator)}
	for _, p := range programs {
		args = append(args, "./"+p)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = tree
	cmd.Env = append(gitCommand(ctx, tree).Env, "GOTMPDIR="+w.dir)
	_, err = w.do(cmd)
	return err
}

// run measures a side under the load that the arguments describe.
func (w *workshop) run(ctx context.Context, s *side, arguments []string) (*bench.Report, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "ringward-bench"), append(arguments, "--ringward", filepath.Join(s.bin, "ringward"))...)
	// Settings that somebody made for a cluster of his own are none of theirs.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "RINGWARD_") })
	stdout, err := w.do(cmd)
	if err != nil {
		return nil, err
	}
	var r bench.Report
	if err := json.Unmarshal(stdout, &r); err != nil {
		return nil, fmt.Errorf("the report of ringward-bench run: %w", err)
	}
	switch {
	case r.Schema != bench.Schema:
		return nil, fmt.Errorf("ringward-bench run wrote a report of schema %d: want %d", r.Schema, bench.Schema)
	case r.Interrupted:
		return nil, errors.New("ringward-bench run was interrupted")
	case r.Total.PerSecond <= 0 || r.Total.Latency == nil:
		return nil, fmt.Errorf("no operation succeeded in time; errors: %s", bench.Failures(r.Total.Errors))
	}
	return &r, nil
}

// do runs a process to its end, or tells it to end where its context does, and returns what it wrote.
func (w *workshop) do(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	err := w.spawner.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		// Neither the options before a verb of git's nor the flags of a load help anybody.
		name := filepath.Base(cmd.Path)
		if text := bytes.TrimSpace(stderr.Bytes()); len(text) > 0 {
			return nil, fmt.Errorf("%s: %w:\n%s", name, err, text)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return stdout.Bytes(), nil
}
