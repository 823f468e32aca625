package node

import (
	"sync"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// inbox gathers what happened since the loop last looked. Whoever has news adds it and goes on; the loop
// takes all of it at once, so that batches form by themselves under load and nothing waits without it.
//
// It is bounded by what feeds it: operations by the server's limits, messages by the peers'
// queues, parts of snapshots by the exporter's, what is read of the log by the number of those who learn, the rest by the number of shards and nodes.
type inbox struct {
	mu   sync.Mutex
	news news
	wake chan struct{} // holds one token while there is news
}

// news is what may happen to a host. Messages of one peer keep their order; across the fields there is none.
type news struct {
	durable    int
	messages   []shard.Message
	requests   []shard.Request
	applied    []applied
	filled     []filled
	exported   []exported
	recalled   []recalled
	sessions   []openSessions
	hints      []shard.Chain
	heard      []sign
	reconnects []shard.NodeID
	appeared   []shard.NodeID
	calls      []func(*engine.Host)
}

// applied is how far the applier is with a shard, and the register there.
type applied struct {
	shard    shard.ID
	seqno    shard.Seqno
	register *sequencer.Register
}

// filled is a part of a snapshot that is in the contents, the last one durably.
type filled struct {
	shard  shard.ID
	number shard.Number
}

// exported is a part of a snapshot for another node; nil where that snapshot is gone.
type exported struct {
	export shard.Export
	part   *shard.Part
}

type openSessions struct {
	shard shard.ID
	open  []shard.Idle
}

// sign is a sign of life of a node, or evidence that it has failed.
type sign struct {
	node    shard.NodeID
	beat    bool // it is a heartbeat
	stalled int  // for how many ticks its disk has not answered, by its heartbeat
	lost    bool // it has failed
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// note lets f put something into the news that is soon enough known at the next tick.
func (b *inbox) note(f func(*news)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.news)
}

// add lets f put something into the news, and wakes the loop.
func (b *inbox) add(f func(*news)) {
	b.note(f)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns the news; old is emptied and takes its place.
func (b *inbox) take(old *news) news {
	clear(old.messages)
	clear(old.requests)
	clear(old.calls)
	clear(old.exported)
	clear(old.recalled)
	*old = news{
		messages: old.messages[:0], requests: old.requests[:0], applied: old.applied[:0], sessions: old.sessions[:0],
		filled: old.filled[:0], exported: old.exported[:0], recalled: old.recalled[:0],
		hints: old.hints[:0], heard: old.heard[:0], reconnects: old.reconnects[:0], appeared: old.appeared[:0], calls: old.calls[:0],
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.news
	b.news = *old
	return taken
}
