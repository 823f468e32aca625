package volume

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// room is what the process of a volume does: it mounts, says so, and waits until its input ends.
const room = `mount -t tmpfs -o "size=$2" ringward "$1" && echo mounted && exec cat`

// filler is the file that takes what is free.
const filler = "filler"

// Volume is a file system of bounded size.
type Volume struct{ *mount }

// mount is a file system in a mount namespace of its own, and the process that holds it.
type mount struct {
	cmd  *exec.Cmd
	hold io.Closer
	path string
}

// newMount starts the process, whose script mounts on dir and says so; the files are its descriptors from 3 on.
func newMount(dir, script string, files []*os.File, args ...string) (*mount, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "ringward-volume", dir}, args...)...)
	if cmd.SysProcAttr, err = namespace(); err != nil {
		return nil, fmt.Errorf("volume: %w", err)
	}
	// Ctrl-C must not end it before those that use it.
	cmd.SysProcAttr.Setpgid = true
	cmd.ExtraFiles = files
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("volume: a namespace for it: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		in.Close()
		return nil, fmt.Errorf("volume: %w: %s", cmd.Wait(), strings.TrimSpace(stderr.String()))
	}
	return &mount{cmd: cmd, hold: in, path: fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, dir)}, nil
}

// Path is where all processes of this user find the volume.
func (m *mount) Path() string { return m.path }

// Close gives the volume up, with all that is on it alone. Files that are still open keep it alive until they are closed.
func (m *mount) Close() error {
	return errors.Join(m.hold.Close(), m.cmd.Wait())
}

// New makes a volume of so many bytes. Dir is a directory that exists; it is where the holding process mounts
// it, and stays empty for all others.
func New(dir string, bytes int64) (*Volume, error) {
	m, err := newMount(dir, room, nil, strconv.FormatInt(bytes, 10))
	if err != nil {
		return nil, err
	}
	return &Volume{m}, nil
}

// Available reports why there can be no volumes here; nil where there can.
func Available() error {
	dir, err := os.MkdirTemp("", "ringward-volume-")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	v, err := New(dir, 1<<20)
	if err != nil {
		return err
	}
	return v.Close()
}

// Fill takes all that is free.
func (v *Volume) Fill() error {
	f, err := os.OpenFile(filepath.Join(v.path, filler), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for piece := make([]byte, 64<<10); ; {
		if _, err := f.Write(piece); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Free gives back what Fill took, if it did.
func (v *Volume) Free() error {
	if err := os.Remove(filepath.Join(v.path, filler)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
