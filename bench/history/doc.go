// Package history records what the clients of a key-value store did, and judges
// whether the store kept its promise.
//
// The one idea: a client knows three things of a call, when it began, when it
// ended, and what it was told. A store is linearizable if each call can be given one
// moment between its beginning and its end, such that the calls, done one
// after the other in the order of those moments by a plain map, give the answers
// that were given. That is decided per key: calls on different keys never
// constrain each other.
//
//	r := history.NewRecorder(true)          // true: the keys did not exist before
//	log := r.Client()                       // one for each goroutine
//	call := log.Invoke(history.Op{Kind: history.Put, Key: k, Value: history.Of(value)})
//	…                                       // the call itself
//	log.Return(call, history.OK, version, 0)
//	…
//	report := r.History().Check(time.Minute)
//
// # What is known of a call that failed
//
// The difference between "did not happen" and "may have happened" is what makes
// such a check sharp or wrong, so each [Outcome] has a name. A call of outcome Unknown has no end: it may take
// effect at any moment after it began, also after the last recorded call, or
// never. A call that was begun and never returned is Unknown too. A recorder that takes Unknown for
// NotApplied accuses a correct store; one that takes NotApplied for Unknown only sees less.
//
// # Versions
//
// Each write that took effect has a version; the versions of one key rise. Reads
// and failed conditions tell the version they saw. The model demands that they agree, so
// a write applied twice is found although its value is the right one.
//
// Values stand as fingerprints of 64 bits. No two writes of a history should
// write the same value: then what an Unknown write did is known as soon as one read saw it.
//
// # The search
//
// Porcupine searches for the order. A search may take forever, and in memory it grows with the square of the
// number of calls on a key; a popular key has many, and many at once. Versions help: most calls know the
// version at which they happened, so there is one order that explains them if any does. What calls in doubt
// did is found out first, from what others were told (place.go). Then the calls are sorted, cut into
// segments, and Porcupine is left to confirm that order segment by segment; that no call in a
// later one ended before a call in an earlier one began is checked directly (segment.go). All of this
// says what a plain search over the whole says, and the tests hold it to that.
//
// Keys that were deleted leave calls without a version. They are searched plainly.
//
// The package knows no client and no network: the recorder is told, and never calls.
package history
