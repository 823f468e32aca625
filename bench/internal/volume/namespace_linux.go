package volume

import (
	"os"
	"syscall"
)

// namespace starts a process with mounts of its own. Root may do so; others become root of a user namespace for it.
func namespace() (*syscall.SysProcAttr, error) {
	if os.Geteuid() == 0 {
		// Unlike a clone this keeps what is mounted there from appearing elsewhere.
		return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}, nil
	}
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}, nil
}
