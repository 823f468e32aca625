// Package compare lets several stores do the same work on the same machine, and sets their throughput and latency beside each other.
//
// The one idea: a machine is not the same from one minute to the next, so nobody's runs come all at once. For each workload the stores take turns,
// first, second, third, first, second, third and so on, and each is judged by the median of its runs. A run is package bench's: a
// fresh cluster, which is removed afterwards; the records are loaded; a warmup; then the measured phase. All stores get the same operations, values and clients.
//
// What a store promises with an acknowledgement differs, and is said beside its name ([Store.Promises]); one that is not linearizable is marked so.
// Where histories are checked, those of all stores are, at the same cost; a verdict that is not good ends nothing, and breaks no promise where none was given.
//
// Driver and servers share the machine, so a driver that needs much of it for one store's client takes that from the store. Each run's report has the driver's share.
//
// # The report
//
// In JSON a report is one object; its fields and those of what it holds are in [Report], [Result], [Row] and [page.Range] under the names in their tags. Build, machine, setting,
// and the report of each run are those of package bench.
//
//	schema    1
//	kind      "compare"
//	command   the command line, as a list
//	started, seconds, interrupted, build, machine, setting (workload, mix and distribution are each run's own), repeats
//	stores    a list: name, version, promises, linearizable; ratios are against the first one
//	left_out  a list of texts: which other stores were to be compared, and why they were not
//	ok        every run of a store that promises to be linearizable was, where that was checked, and every run had operations that succeeded
//	runs      a list, in the order in which they were: workload, store, repeat (from 1), report
//	summary   a list, for each workload and store, of the runs that were not interrupted: workload, store, runs, errors, and as median, least and most:
//	          per_second, p50_us, p99_us; and the first store's median by this one's: throughput_ratio, p50_ratio, p99_ratio, absent where one of them is not known
package compare
