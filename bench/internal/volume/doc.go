// Package volume makes file systems that can be full ([Volume]) or slow ([Slow]).
//
// The one idea: a volume is a tmpfs in a mount namespace of its own, which a small process holds. Nothing is mounted
// where anybody else looks; the volume is reached through that process's view of the files, [Volume.Path]. It needs no root
// where the kernel lets users have namespaces of their own, and it cannot be left behind: the process ends
// with this program, in whatever way that ends, and with it the namespace and all in it.
//
// A slow one is a directory of this machine seen through FUSE, which this program serves: what is synced there is synced on the
// machine's disk, and takes longer where that was asked for.
//
// What is on a volume outlives the processes that use it, so a node can be killed and started again from
// its data. A Volume is memory: it does not outlive the machine, nor is an fsync slow on it.
//
// It works on Linux. [Available] says why not where it does not.
package volume
