// Package cluster runs a Ringward cluster of real processes on this machine for as long as a
// benchmark or a test needs it.
//
// The one idea: whatever becomes of the program that started it, the cluster does not
// outlive it. [Cluster.Stop] ends all processes and removes the directory. If the program
// cannot call it, because it panics or is killed, the kernel ends the nodes (on Linux), and a small process that waits for
// the program's end removes the directory. Ctrl-C on the terminal does not reach the nodes: the
// program decides when they end.
//
//	c, err := cluster.Start(ctx, cluster.Options{Ringward: path, Nodes: 5, Shards: 5, Replicas: 2})
//	if err != nil {
//		return err
//	}
//	defer c.Stop()
//	… client.Open(ctx, c.Endpoints()) …
//	err = c.Nodes()[2].Kill()     // kill -9
//	err = c.Nodes()[2].Start(ctx) // again, from its data
//
// Where it was asked for, the links between the nodes can be cut ([Cluster.Network]) and the nodes' disks filled
// ([Node.Disk]) or made slow ([Node.SlowDisk]). Package faults draws on all of that.
//
// Each node has a directory with its data and its log, three ports on loopback, which it keeps through
// restarts, and a name: node-1 and so on.
package cluster
