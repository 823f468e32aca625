// Package scale measures how a cluster fares with more shards and more nodes on one machine: its throughput and latency without a fault, and for
// how long clients are without service after kill -9 of a node.
//
// The one idea: every combination of so many nodes and so many shards is measured as package failover measures a timeout, by a cluster of its own
// with two series, one in which nothing happens and one in which a node that is drawn at random is killed again and again. Pauses, evidence
// and verdicts are what they are there.
//
// All nodes share the machine. So more nodes are more processes for the same processors, not more machines, and what is found is what
// shards and nodes cost rather than what they bring. A killed node is a member of as many shards as its share of them: that number is reported
// with each pause.
//
// A shard is decided about by the one before it in the ring, so a ring whose every shard lost a member waits for the node. One shard alone, which has
// no other before it, always does: its throughput can be measured, and its pause is as long as the node is away. The report says in how many rounds that was so.
//
// In the series without a fault, which is measured after a warmup, nobody works but the load, and three clients that raise counters. In the other one there is a probe for each shard, as in package failover;
// all probes together write no more than some 4,000 times a second, so with many shards each of them sees its shard less often: every 16ms at 64 shards.
//
// # The report
//
// In JSON a report is one object; its fields and those of what it holds are in [Report], [Point] and [Round] under the names in their tags. Build, machine, setting and
// latencies are those of package bench, verdicts those of package failover. Spreads are count, median and worst. Names that end in _ms are milliseconds, in _us
// microseconds, in _seconds seconds.
//
//	schema    1
//	kind      "scale"
//	command   the command line, as a list
//	started, seconds, interrupted, build, machine, ringward (its version), replicas, suspect_after_ms, setting
//	ok        every verdict is
//	points    a list, for each combination: nodes, shards,
//	          seconds, per_second, latency_us, errors                without a fault
//	          rounds     a list, for each kill: node, hit (how many shards it was a member of), first_ms, last_ms, gap_ms
//	          missed, silent, hit, first_ms, last_ms, gap_ms, reconfigurations, false_suspicions, fault_errors
//	                                                                 of all rounds
//	          unsettled  why there are fewer rounds than asked for; absent: there are not
//	          verdicts   a list: without a fault, with kills; ok, history, broken, kept
package scale
