//go:build !linux

package spawn

import "syscall"

// dieWithParent does nothing: other kernels cannot. There nodes outlive a program that was killed.
func dieWithParent(*syscall.SysProcAttr) {}
