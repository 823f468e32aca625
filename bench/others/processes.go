package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ringward/ringward/bench/internal/spawn"
)

const (
	// startTime is patience with a cluster that starts, askTime with one server that is asked how it fares.
	startTime, askTime = time.Minute, 2 * time.Second
	startPoll          = 50 * time.Millisecond
)

// processes are those of one store's servers on this machine, in a directory of theirs. Nothing of them outlives this program.
type processes struct {
	dir     string
	kept    bool
	spawner *spawn.Spawner
	guard   *spawn.Guard
	begun   []*process
}

// process is one of them, running or not.
type process struct {
	name, log string
	args      []string
	cmd       *exec.Cmd
	done      chan struct{} // closed when it has ended
}

func newProcesses() (*processes, error) {
	dir, err := os.MkdirTemp("", "ringward-others-")
	if err != nil {
		return nil, err
	}
	guard, err := spawn.NewGuard(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &processes{dir: dir, guard: guard, spawner: spawn.New()}, nil
}

// start starts one for the first time.
func (p *processes) start(name string, args ...string) (*process, error) {
	one := &process{name: name, log: filepath.Join(p.dir, name+".log"), args: args}
	return one, p.launch(one)
}

// launch starts one, from its data where it has some.
func (p *processes) launch(one *process) error {
	log, err := os.OpenFile(one.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	cmd, done := exec.Command(one.args[0], one.args[1:]...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	if err := p.spawner.Start(cmd); err != nil {
		return err
	}
	if one.cmd == nil {
		p.begun = append(p.begun, one)
	}
	one.cmd, one.done = cmd, done
	go func() {
		_ = cmd.Wait() // it is killed in the end, or told to stop
		close(done)
	}()
	return nil
}

// await waits until servers that were started are ready.
func await(ctx context.Context, what string, ready func(ctx context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("%s within %v", what, startTime))
	defer cancel()
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for !ready(ctx) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Keep leaves logs and data where they are.
func (p *processes) Keep() string {
	p.kept = true
	return p.dir
}

// Stop ends the processes, and removes what they wrote.
func (p *processes) Stop() error {
	for _, one := range p.begun {
		_ = one.cmd.Process.Signal(syscall.SIGCONT) // it may be paused, or gone
		_ = one.cmd.Process.Kill()
		<-one.done
	}
	p.spawner.Close()
	if p.kept {
		return p.guard.Release()
	}
	return errors.Join(os.RemoveAll(p.dir), p.guard.Dismiss())
}
