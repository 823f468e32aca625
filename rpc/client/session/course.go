package session

import "github.com/ringward/ringward/shard"

// Course is one operation from its first attempt to its end: what each answer proves, whom
// the next attempt passes over, and how long it waits first. The caller sends the attempts and keeps the time. N
// is how the caller names nodes; its zero value names none.
type Course[N comparable] struct {
	kind shard.RequestKind
	// write is the operation as a put or delete, once it has an identity.
	write    Write
	attempts int
	// pauses counts failures since the last news of the shard: see Pause.
	pauses int
	// avoid is the node that failed last.
	avoid N
}

// overloadPauses is how far up an overloaded node sends an operation: to come back at once
// would add to what there is too much of.
const overloadPauses = 4

// NewCourse is that of an operation that was not tried yet.
func NewCourse[N comparable](kind shard.RequestKind) Course[N] { return Course[N]{kind: kind} }

// IsWrite reports whether the operation is a put or a delete.
func (c *Course[N]) IsWrite() bool { return c.kind == shard.Put || c.kind == shard.Delete }

// Name gives a write its identity: at first, and again after each Renew.
func (c *Course[N]) Name(id shard.Identity) { c.write = NewWrite(id) }

// Attempts is how often the operation was sent.
func (c *Course[N]) Attempts() int { return c.attempts }

// Next begins an attempt, and picks the node to send it to: see Pick. turn, which should differ from call to call,
// spreads reads; a write has its own.
func (c *Course[N]) Next(members, all []N, turn uint64, suspect func(N) bool) N {
	if c.kind != shard.Get {
		turn = uint64(c.attempts)
	}
	c.attempts++
	return Pick(members, all, c.kind != shard.Get, turn, func(n N) bool { return n != c.avoid && !suspect(n) })
}

// Pick chooses whom to ask about a shard. A write goes to the head, the first of the members, a read to the
// member whose turn it is; where that one is no good, or the zero N, to the next member, and then to any other
// node, which forwards. Where none is good, none is better than another, and each has its
// turn. There is at least one in all.
func Pick[N comparable](members, all []N, write bool, turn uint64, good func(N) bool) N {
	var none N
	start := turn
	if write {
		start = 0
	}
	for k := range uint64(len(members)) {
		if n := members[(start+k)%uint64(len(members))]; n != none && good(n) {
			return n
		}
	}
	for k := range uint64(len(all)) {
		if n := all[(turn+k)%uint64(len(all))]; good(n) {
			return n
		}
	}
	return all[turn%uint64(len(all))]
}

// Unanswered records that no answer came from n: the attempt was given up, and may be carried out now, later, or never.
func (c *Course[N]) Unanswered(n N) {
	c.write.Unanswered()
	c.avoid = n
}

// Unreached takes from n that no node was reached that could serve the operation, so that
// the attempt came to nothing for certain. news: the shard's configuration is newer than the one the attempt went by.
func (c *Course[N]) Unreached(n N, news bool) Verdict {
	c.avoid = n
	c.note(news)
	return Retry
}

// Answer judges what came back from n.
func (c *Course[N]) Answer(n N, status shard.Status, news bool) Verdict {
	var none N
	c.avoid = none
	switch {
	case status == shard.OutcomeUnknown:
		c.avoid = n // the fault is its own, or that of one it forwarded to
	case status == shard.Refused && c.kind != shard.Get:
		c.pauses = max(c.pauses, 1) // there is no other head to ask
	}
	c.note(news)
	if status == shard.Overloaded {
		c.pauses = max(c.pauses, overloadPauses)
	}
	switch {
	case c.IsWrite():
		return c.write.Answer(status)
	case status == shard.OK, status == shard.NotFound:
		return Done
	}
	return Retry
}

// note: whoever the news names has not failed yet.
func (c *Course[N]) note(news bool) {
	if news {
		var none N
		c.pauses, c.avoid = 0, none
	}
}

// Pause is how long to wait before the next attempt: not at all if 0, else the
// first pause, doubled n-1 times. After the first failure since there was news of the
// shard there is no wait: that attempt goes to somebody else, or there is nobody better.
func (c *Course[N]) Pause() (n int) {
	n = c.pauses
	c.pauses++
	return n
}

// InDoubt reports whether the operation, if it ends now without a result, may have changed something, or may yet.
func (c *Course[N]) InDoubt() bool { return c.IsWrite() && c.write.InDoubt() }
