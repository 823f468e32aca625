// Command ringward-bench measures a Ringward cluster, and checks that it kept its promises.
//
//	ringward-bench run       runs a workload and reports throughput, latencies and errors
//	ringward-bench check     judges a history that an earlier run kept
//	ringward-bench soak      lets faults happen to clusters of its own, and checks what their clients saw
//	ringward-bench failover  measures how long clients are without service when a node fails, and checks that nothing was lost
//	ringward-bench scale     measures throughput, and such pauses, with more and more shards and nodes
//	ringward-bench guard     sets two commits beside each other, and fails if one became slower
//	ringward-bench draw      draws the page of a report again
//
// How other stores fare under the same driver is measured by a program of its own, bench/others, which has their clients.
//
// Run uses the cluster that --endpoints or RINGWARD_ENDPOINTS names. Without either it starts one on this
// machine, of real processes, and leaves nothing of it behind.
//
// The report goes to standard output, as text for people or with -o json for programs; package
// bench documents it. All else goes to standard error. Ctrl-C or SIGTERM ends the measurement, and what was
// measured by then is reported; a second one gives up.
//
// The exit code says how it ended:
//
//	0  done
//	1  it failed, no operation succeeded, the history is not linearizable or could not be decided, or a commit is too slow
//	2  the command makes no sense
package main

import (
	"os"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/stores"
)

func main() {
	ctx, stop := cli.Signals()
	p := &program{
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		stop:    stop,
		open:    stores.Ringward,
		start:   cluster.Start,
		command: os.Args,
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}
