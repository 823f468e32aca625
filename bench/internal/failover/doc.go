// Package failover measures for how long clients are without service when a node fails, for one setting of suspect-after after the other, and
// checks that nothing was lost or made up meanwhile.
//
// The one idea: a pause is what clients saw. A fault falls into a cluster that works; from its moment on, each shard that the
// node was a member of is watched until a write is acknowledged again. Where that time went is told by the nodes, which remember of each
// decision how long its steps took. And the same clients' calls are the evidence for the verdict, so a pause that is short because
// something was forgotten does not count.
//
// # Series and rounds
//
// A series is a fresh cluster with one timeout and one kind of fault, or none: that one says what the timeout costs where nothing fails,
// and what the measure finds where there is nothing to find. A series has rounds: the ring serves undisturbed, a fault hits one
// node, lasts for a window of 1s and four times the timeout, is undone, and all is waited for until every shard is ACTIVE with as many
// members as it began with. Each round is about another shard.
//
// Kills, pauses and slow disks happen to nodes that reach each other directly. Where links are cut, a proxy lies between
// the nodes (package network); it makes every message a little slower. Where disks are slow, every file of a node is reached through this program (package
// volume), before and after the fault as well: compare timeouts there, not with other series.
//
// Beside the load there are a few clients that raise counters, and for each shard a probe: a client that writes to it again 5ms after each answer. So a
// pause is seen to its end whatever the load asks for.
//
// # What is checked
//
// After each series: the history of all calls is linearizable for each key, calls of unknown outcome being open (no verdict within the time
// is a failure); every acknowledged write is there; counters that clients raise by compare-and-swap stand where they
// say; all nodes answer alike for every key, and each within a stated time; no node logged an error. The first series that fails ends the measurement, and its
// logs and history are kept.
//
// That the ring comes to full strength between two faults is waited for, and is no part of the verdict: with a timeout that is too short for a busy machine nodes
// suspect each other again and again, which costs speed and breaks no promise. The report says so (unsettled), and how many rounds there were.
//
// # How far to trust it
//
// Driver and nodes share a machine: with clients that never pause (the default), everybody waits for a processor, for milliseconds and
// more on a small machine. So a pause has the noise of the baseline in it, which is reported: the longest gap of any shard in
// windows of the same length without a fault. A rate (--rate) that leaves the machine idle shows the protocol rather than the scheduler.
//
// A shard's first write after the fault is known by the nodes' decision: it is the first one acknowledged after the new configuration was
// in force. Where no decision without the node ended the pause, it is the end of the shard's first gap that is at least half as
// long as its longest; if the shard had served for longer than it stood then, the pause is that gap alone, which may well be the
// machine's. Detection, decision, wedge and activation are by the nodes' clocks, which on one machine are the driver's. On other machines
// (endpoints) they are left out, and a pause begins when the command that inflicts the fault does: what that takes is in it.
//
// # The report
//
// In JSON a report is one object. Its fields and those of what it holds are in [Report], [Series], [Round], [Affected], [Split],
// [Verdict] and [Row], under the names in their tags; build, machine, target, setting and latencies are those of package bench.
// Names that end in _ms are milliseconds, in _us microseconds, in _seconds seconds.
//
//	schema       1
//	kind         "failover"
//	command      the command line, as a list
//	started, seconds, interrupted
//	build, machine, target, setting, timeout_setting (what suspect_after_ms is called there)
//	ok           every series' verdict is
//	series       a list: fault, suspect_after_ms, seconds, per_second, reconfigurations, suspicions, false_suspicions, errors,
//	             latency_calm_us and latency_faulty_us, quantiles_calm and quantiles_faulty (share, us), baseline_gap_ms (count, median,
//	             worst), throughput (per 100 ms), driver, and
//	             rounds   a list: fault, target, shard, node, offset_seconds, at, window_ms, affected, first_ms, last_ms, gap_ms,
//	                      reconfigurations, suspicions, false_suspicions, errors, heal_ms, throughput (per 10 ms)
//	             verdict  ok, history, broken, kept
//	summary      a list, for each fault, timeout and target, and for all targets together: rounds, silent, missed, and as count,
//	             median and worst: first_ms, last_ms, gap_ms, detection_ms, decision_ms, wedge_ms, activation_ms, resume_ms
package failover
