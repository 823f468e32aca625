package check

// Liveness is the number of the invariant that the simulator sees itself: what began comes to its end.
const Liveness = 8

// Bounds is the number of the invariant that is not in the protocol's list: what waits in memory is bounded.
const Bounds = 9

// sentences are the invariants in short; the package doc says what is looked at for each.
var sentences = [...]string{
	0:        "a node that sees the protocol broken stops, and no correct node does",
	1:        "there is one configuration for each shard and epoch, and nobody names another",
	2:        "two entries with the same shard, epoch and seqno are the same entry",
	3:        "what was persistent in any epoch is in the history of every replica that is ACTIVE in a later one",
	4:        "after its promise for an epoch a replica does nothing below it, also after a restart",
	5:        "only what is persistent is committed and applied, in order, and the contents are the fold of it",
	6:        "no command of a client is applied twice, and none that was acknowledged is lost",
	7:        "the calls of all clients are linearizable",
	Liveness: "when faults stop, every shard becomes ACTIVE and every call ends",
	Bounds:   "no queue is longer than its bound",
}

// Sentence says an invariant in words; 0 is what nodes check themselves.
func Sentence(invariant int) string { return sentences[invariant] }
