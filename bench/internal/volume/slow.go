package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// through is what the process of a slow volume does: as room, with the file system that is served on descriptor 3. The process keeps nothing of
// that itself, so that the end of this program ends the file system.
const through = `mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 ringward "$1" && exec 3<&- && echo mounted && exec cat`

// Slow is a directory whose syncs can be made to take long.
type Slow struct {
	*mount
	server *fuse.Server
	served sync.WaitGroup
	late   atomic.Int64 // by how much each sync is, in nanoseconds
}

// NewSlow shows the directory backing, where all is kept, through a volume on dir, as New does.
func NewSlow(dir, backing string) (_ *Slow, err error) {
	s := &Slow{}
	root, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return nil, fmt.Errorf("volume: %w", err)
	}
	device, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("volume: /dev/fuse: %w", err)
	}
	// The server takes the descriptor, and closes it in the end.
	mine, err := syscall.Dup(device)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("volume: %w", err), syscall.Close(device))
	}
	syscall.CloseOnExec(mine)
	theirs := os.NewFile(uintptr(device), "/dev/fuse")
	s.mount, err = newMount(dir, through, []*os.File{theirs})
	if err = errors.Join(err, theirs.Close()); err != nil {
		return nil, errors.Join(err, syscall.Close(mine))
	}
	node := root.(*fs.LoopbackNode)
	s.server, err = fuse.NewServer(fs.NewNodeFS(&slowNode{node, s}, &fs.Options{}), fmt.Sprintf("/dev/fd/%d", mine), &fuse.MountOptions{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("volume: %w", err), s.mount.Close(), syscall.Close(mine))
	}
	s.served.Go(s.server.Serve)
	return s, nil
}

// SlowAvailable reports why there can be no slow volumes here; nil where there can.
func SlowAvailable() error {
	dir, err := os.MkdirTemp("", "ringward-volume-")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	s, err := NewSlow(dir, dir)
	if err != nil {
		return err
	}
	return s.Close()
}

// Late makes each sync take so much longer from now on; 0: as long as it takes.
func (s *Slow) Late(d time.Duration) { s.late.Store(int64(d)) }

// Close gives the volume up. What is in the backing directory stays. The volume must not be in use.
func (s *Slow) Close() error {
	err := s.mount.Close()
	// With the last namespace that has it the file system is gone, which the server is told.
	s.served.Wait()
	return err
}

// slowNode is a file or directory of a slow volume.
type slowNode struct {
	*fs.LoopbackNode
	volume *Slow
}

// WrapChild makes what is found below it slow as well.
func (n *slowNode) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	if l, ok := ops.(*fs.LoopbackNode); ok {
		return &slowNode{l, n.volume}
	}
	return ops
}

// Fsync syncs a file, late.
func (n *slowNode) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	time.Sleep(time.Duration(n.volume.late.Load()))
	if file, ok := f.(fs.FileFsyncer); ok {
		return file.Fsync(ctx, flags)
	}
	return fs.OK
}
