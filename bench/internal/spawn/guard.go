package spawn

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// watch is what a guard does: it waits until its input ends, which it does when this program
// ends in whatever way, and then removes the directory. Nodes that are just being
// killed may still write into it, so that takes more than one try.
const watch = `cat >/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	rm -rf -- "$1" 2>/dev/null && exit 0
	sleep 0.1
done`

// Guard is a process that removes a directory when this program is gone.
type Guard struct {
	cmd   *exec.Cmd
	alive io.Closer
}

func NewGuard(dir string) (*Guard, error) {
	cmd := exec.Command("/bin/sh", "-c", watch, "ringward-cluster-guard", dir)
	// Ctrl-C must not end it: its work begins then.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard of %s: %w", dir, err)
	}
	return &Guard{cmd: cmd, alive: alive}, nil
}

// Dismiss makes the guard do its work, and waits for it.
func (g *Guard) Dismiss() error {
	if err := g.alive.Close(); err != nil {
		return err
	}
	return g.cmd.Wait()
}

// Release lets the directory be.
func (g *Guard) Release() error {
	if err := g.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = g.cmd.Wait() // it was killed
	return nil
}
