// Package faults does to a cluster of real processes what happens to clusters: nodes are killed or stopped, stand still, are cut off,
// and run out of disk.
//
// The one idea: a [Fault] is plain data, what is done to whom, when and for how long, and whom is said by role: the head of a
// shard, the tail, a member of the shard that sequences it. Who that is, is found out when the time has come, since a chain
// changes. So one seed makes one [Plan], and the same plan can be carried out again; what happens then is another matter,
// since processes, disks and networks have their own pace.
//
//	plan := faults.NewPlan(rng, faults.Kinds(), topology)
//	err := faults.Run(ctx, cluster, ring, plan, log)
//
// Run carries out one thing at a time, and undoes everything before it returns, whatever happens: nodes run, none is
// paused, no link is cut, no disk is full.
//
// Who measures what follows each fault inflicts them one at a time, at moments and on nodes of his own choice, with a [Hand].
package faults
