// Package guard tells whether a change made Ringward slower, on any machine: it sets two commits beside each other, and judges by their ratio.
//
// The one idea: what a machine measures depends on the machine, on its disk and on what else it does, by more than most changes make. What does not
// depend on them is how two builds fare that take turns on the same machine within the same minutes. So both commits are built, each with its own
// driver, which has the commit's client SDK in it; and for each load, in each round, one works and then the other, each with a cluster of its own that
// nobody used before. Who of the two begins changes with the round. Only the ratio of the medians over all rounds means something, and only within one such
// run: the figures of two runs are not to be compared, nor is a single round.
//
// Commits are checked out as git worktrees below a temporary directory. Both are gone at the end, whatever ended it; only where this program is
// killed (-9) while it builds does the repository keep a note of a worktree that is gone, which git worktree prune drops.
//
// # The report
//
// In JSON a report is one object. Build, machine, setting and errors are those of package bench; in setting, what differs between loads is not set.
//
//	schema    1
//	kind      "guard"
//	command   the command line, as a list
//	started, seconds, interrupted, build (of new's driver), machine, setting
//	ok        all rounds were measured, and no load's ratio is below least
//	base, new     name, commit (of a working tree: the one that it was made from), working_tree, changed (it has what no commit has),
//	              ringward (what the executable says of its version)
//	cluster   nodes, shards, replicas
//	rounds    asked for
//	least     the ratio of throughput that is asked for
//	loads     a list: workload, clients, rounds (measured),
//	          base, new    per_second, p50_us, p99_us: median, least, most over the rounds; errors (calls that failed in all rounds, by [bench.Failure])
//	          ratio, p50_ratio, p99_ratio    new by base, of the medians
//	          ratio_by_round    median, least, most of the ratios of throughput of single rounds
package guard
