package spawn

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Spawner starts processes that end with this program. The kernel ties a child's life to
// the thread that made it, not to the process; so one thread makes all of them, and lives as
// long as the Spawner.
type Spawner struct {
	commands chan *exec.Cmd
	started  chan error

	mu     sync.Mutex
	closed bool
}

func New() *Spawner {
	s := &Spawner{commands: make(chan *exec.Cmd), started: make(chan error)}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for cmd := range s.commands {
			s.started <- cmd.Start()
		}
	}()
	return s
}

// Start starts the command in a process group of its own, which no Ctrl-C reaches.
func (s *Spawner) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("no process is started any more")
	}
	s.commands <- cmd
	return <-s.started
}

// Close ends the thread, and with it whatever it started and is still running.
func (s *Spawner) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.commands)
}
