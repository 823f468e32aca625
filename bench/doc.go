// Package bench measures a key-value store under a known load, and says how far the result
// can be trusted.
//
// The one idea: a number without the conditions it was measured under is worth nothing, and a driver lies
// most easily by leaving things out. So a [Report] holds the exact command, the machine, the
// seed and the versions beside each number; and operations that were slow, failed, came too late or never
// began are in it as well as those that went well.
//
// # A run
//
// [Run] first loads the records (each is put once, and again if that fails), then warms up, then
// measures. A worker is one client: a goroutine that does one operation at a time. All
// workers share one [Store] unless there are several connections.
//
// The workloads are the core mixes of YCSB: A (half reads, half updates), B (95% reads, 5% updates), C (reads), D (95% reads
// of the latest records, 5% inserts), F (half reads, half read-modify-writes). To compare stores, there are puts
// and gets alone, which spread evenly over the keys. A read-modify-write is a read and a compare-and-swap on
// the version it read; when another client was faster both are done again, and all of it is one
// operation.
//
// Which records are chosen is decided by a [Distribution] and, for each worker, by the seed and the worker's
// number: the same command asks for the same operations. (With workload D they depend on what was
// inserted by then.) Values are random bytes, and no two are the same.
//
// # What is measured
//
// Latency is the time from the call to its return, of operations that succeeded. Without a rate the loop is closed: a
// worker begins an operation when the last one has ended, so a store that stalls for a
// second is asked less during that second, and latencies look better than a user would find them.
// With a rate the loop is open: operations are due at fixed times whatever the store does, latency counts from the
// time an operation was due, and the report tells of the backlog.
//
// Throughput counts the successes that ended within the measured phase. Operations under way at its
// end are waited for, and their latencies count: the last ones are often the slow ones.
//
// The longest gap is the longest time in which no operation of any worker succeeded. It is what a failure of a node
// looks like from outside, and it counts the time before the first success and after the last. Where the
// store has parts that fail by themselves, as shards do, each part has a longest gap of its own: the other shards'
// successes would hide it.
//
// Latencies are kept in HDR histograms, one for each worker and kind of operation, and merged at the end: so
// the measuring of one worker never waits for another.
//
// The driver's share of the machine's processors is measured as well. When driver and store share a machine, each
// takes from the other; a driver that uses much of the machine says so.
//
// # The report
//
// In JSON a report is one object. Times of latencies are in microseconds, others in seconds.
//
//	schema          1
//	command         the command line, as a list
//	started         when the run began
//	build           version, revision, go: of the driver
//	machine         os, arch, kernel, cores: where the driver ran
//	target          store, endpoints; cluster where the driver started one itself, on the same machine:
//	                ringward (its version), nodes, shards, replicas, suspect_after_seconds
//	setting         workload, mix, distribution, theta, records, value_size (bytes), clients, connections,
//	                rate (absent in a closed loop), warmup_seconds, duration_seconds, seed
//	load            records, seconds, per_second; absent where it was skipped
//	measured_from   when the measured phase began
//	seconds         its length
//	interrupted     whether it ended before duration_seconds
//	operations      a list, for each kind of operation:
//	                type        read, update, insert or read-modify-write
//	                count       those that succeeded
//	                per_second  of those, what ended within the measured phase, by its length
//	                latency_us  mean, p50, p90, p95, p99, p99_9, max; absent where none succeeded
//	                errors      how many failed, by [Failure]
//	                retries     of read-modify-write, after a version mismatch
//	total           the same for all operations together
//	longest_gap     seconds, offset_seconds (from measured_from), began
//	parts           a list, for each shard that was asked: name, tried (operations), longest_gap
//	open_loop       absent in a closed loop:
//	                lag_us       how late operations began, as latency_us
//	                max_backlog  the most that were due and not begun
//	                never_begun  due, and not begun at the end; in no latency
//	driver          user_seconds, system_seconds, cpu_share (of all cores, 0 to 1)
//	check           verdict (linearizable, violated, undecided), calls, unknown, keys, seconds,
//	                history (name of the file); absent where histories were not checked
package bench
