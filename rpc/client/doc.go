// Package client talks to a Ringward cluster: a sharded, durable, linearizable
// key-value store.
//
//	c, err := client.Open(ctx, []string{"127.0.0.1:7001", "127.0.0.1:7002"})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	version, err := c.Put(ctx, "greeting", []byte("hello"))
//	value, err := c.Get(ctx, "greeting")
//
// One Client serves a whole program. All its methods may be called by any number of goroutines at
// once, and the more there are, the better they share messages: operations travel
// over one stream per node, and each message takes whatever has gathered since
// the last one.
//
// # Keys, values, versions
//
// A key is a string of 1 byte or more, any bytes; a value is any bytes, none included. Nodes limit
// both (4 KiB and 1 MiB unless set otherwise) and refuse more with [ErrTooLarge].
//
// Each write gives its key a version: the position of the write in the history of the key's
// shard. Versions of one key rise, and a version is never used again, also not after
// the key was deleted. So "has version v" means "was not written since", and
// [Client.CompareAndSwap] cannot be fooled by a value that went away and came back. Version 0 is
// that of a key which does not exist; [Client.PutIfAbsent] is a write on that condition.
// Versions of different keys say nothing about each other, unless one shard holds both.
//
// # The life of an operation
//
// Where to. The client keeps the ring: which shard owns which keys, and which nodes hold the
// shard in which epoch. It learns the ring from any of the endpoints, and then does not need
// them any more. A write goes to the shard's head. A read goes to the members in turn,
// some hundreds to one before the next, for every one of them can serve a linearizable read.
//
// What can happen there. When the ring is behind, the node refuses and tells the newer
// configurations; an epoch that is higher wins, and the operation goes to whom it names. When the
// node cannot be reached, hangs or breaks the stream, the operation goes to another member and then to
// any other node, which forwards it; the client asks around for the ring, and
// returns to the node once it answers. When a shard is between two configurations, or a
// limit on work in progress is reached, the operation waits a little, with jitter, and asks
// again; news of the ring ends the wait.
//
// Exactly once. A write that was sent and not answered may have been applied. To ask again
// safely, the client opens a session on each shard it writes to, and every write keeps one
// identity through all its attempts: the session and a number. The shard keeps the
// result of each until the client moves past it, through failures and restarts as well, so
// whichever attempt comes through, the write is applied once and all get the same
// answer. Of these results a shard keeps 4096 for a session; a write that would need more
// waits for its turn.
//
// How long. Until the context ends, or the time of [WithTimeout] has passed, 10s by
// default. An operation is repeated until then, and fails before only where no repetition could help.
//
// # The ambiguous outcome
//
// Reads can always be repeated by the caller. With a write that fails, look at the error:
//
//   - [ErrUnavailable]: surely not applied, now or later. No attempt got as far as to be accepted.
//   - [ErrOutcomeUnknown]: it may have been applied, or may still be, within what a message can be late, or
//     never. Patience ended while an attempt was under way: the client waited for
//     the answer and it did not come. A timeout is never more definite than that.
//   - [ErrSessionExpired], always together with ErrOutcomeUnknown: the answer to an attempt did not
//     come, and before the next one the shard dropped the client's session, as it does with those
//     unused for long. It can no longer tell, but the write is not under way any more: what a
//     read finds now stays. (When no attempt is in doubt, the client opens another session
//     and you never see this.)
//   - all others: the cluster answered, and nothing was changed.
//
// An unknown outcome cannot be had away: it is what a lost answer leaves. What to do about it is
// a question for the program. A write that may safely happen twice, such as setting a
// value to what it should be, is called again. One that must not is made conditional: read the key
// before, write with [Client.CompareAndSwap], and after an unknown outcome read again:
//
//	v, err := c.CompareAndSwap(ctx, key, old.Version, mine)
//	if errors.Is(err, client.ErrOutcomeUnknown) {
//		now, err := c.Get(ctx, key)
//		...
//		// now.Version == old.Version: not applied so far, and repeating the same
//		// CompareAndSwap is safe, because only one of the two can find old.Version.
//		// Else somebody has written; if now.Data names its writer, that tells who.
//	}
//
// Calling a method again is a new write with an identity of its own; only the client's own
// attempts share one. A program that restarts begins with new sessions, too.
//
// Errors wrap their cause. So errors.Is(err, context.DeadlineExceeded) and errors.Is(err,
// ErrOutcomeUnknown) hold together where a write's context ended during an attempt.
//
// # Reads
//
// A read sees every write that was answered before the read began, by whatever client, and never an
// older state than another read that ended before. [Stale] gives that up for one
// read: any member answers from what it has applied.
//
// # Closing
//
// [Client.Close] ends all calls under way, with [ErrClosed] beside what else there is to
// say of them. Sessions are left to expire.
package client
