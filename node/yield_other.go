//go:build !linux

package node

// yield does nothing where the system has no call for it that Go knows.
func yield() {}
