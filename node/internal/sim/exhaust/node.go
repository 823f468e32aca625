package exhaust

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/shard"
)

// inputKind says what happens to one node.
type inputKind uint8

const (
	inStep    inputKind = iota + 1 // a message arrives; arg: its number
	inLearn                        // a decided successor is learned; arg: the number of the chain
	inFsync                        // the first arg records that are not durable become durable
	inWrite                        // a client asks for a write; arg: which
	inRead                         // a client asks for a read; arg: which
	inNotice                       // the node notices that its connection to a node broke; arg: which node
	inTicks                        // time passes
	inRewrite                      // older segments of the log are to go
	inCrash                        // the process ends and starts again; arg: see crashed
)

// input is one thing that happens to one node. All that a node does follows from its inputs.
type input struct {
	kind inputKind
	arg  uint32
}

func (in input) key() uint64 { return uint64(in.kind)<<28 | uint64(in.arg) }

// crashed packs what outlives a crash: how many records that were not durable, and whether the contents
// were flushed; else they are lost altogether, and the whole history is applied once more.
func crashed(kept int, flushed bool) uint32 {
	if flushed {
		return uint32(kept)<<1 | 1
	}
	return uint32(kept) << 1
}

// ticksAtOnce is how many ticks pass in one event: enough for everything that is repeated when no answer comes to be repeated.
const ticksAtOnce = 4

// node is one process with its disk. It is driven as package node drives the core, with one difference: what it
// tells itself arrives before anything else does.
type node struct {
	m    *model
	id   shard.NodeID
	boot uint64
	host *engine.Host
	// numbers are given out anew from a round one in each epoch, so that nodes which stand alike but asked more or
	// less in earlier epochs are alike. Gaps are of no account: all that counts of a number is that it grows.
	numbers  *shard.Numbers
	numbered shard.Epoch
	log      []shard.Record // all ever written
	synced   int            // how many of them are durable
	// applied is the history as it was given to the applier, which is done at once.
	applied history
	effect  effect
}

// effect is what came out of one input.
type effect struct {
	sends   []shard.Message
	answers []answer
	records int // written
	err     error
}

// answer ends a client's operation.
type answer struct {
	op     op
	status shard.Status
	seen   set // by a read: the writes it saw
}

// op is a client's operation: the token that it carries.
type op struct {
	read bool
	n    int
}

// seed is how a process comes up: the disk that it finds.
type seed struct {
	boot    uint64
	log     []shard.Record
	applied history
}

// start brings a process up.
func (m *model) start(id shard.NodeID, s seed) *node {
	n := &node{m: m, id: id, boot: s.boot, log: slices.Clone(s.log), synced: len(s.log), applied: s.applied, numbers: shard.NewNumbers(s.boot)}
	n.guarded(func() {
		stored, err := replay(n.log)
		if err != nil {
			n.fail(err)
			return
		}
		if at := shard.Seqno(len(n.applied)); at > 0 {
			hash, _ := stored.HashAt(at)
			if err := stored.Forget(at, hash); err != nil {
				n.fail(err)
				return
			}
		}
		opt := m.options
		opt.Replica.Self, opt.Replica.Numbers = id, n.numbers
		n.renumber(stored.Chain)
		if n.host, err = engine.NewHost(opt, map[shard.ID]engine.Recovered{1: {Stored: stored, Register: m.register}}); err != nil {
			n.fail(err)
			return
		}
		n.work()
	})
	return n
}

// replay reads a log back, as a node does when it comes up.
func replay(log []shard.Record) (stored shard.Stored, err error) {
	for _, r := range log {
		if err := stored.Replay(r); err != nil {
			return stored, fmt.Errorf("the log cannot be replayed: %w", err)
		}
	}
	return stored, nil
}

// take gives the process one input and does what it wants done.
func (n *node) take(in input) effect {
	n.effect = effect{}
	n.guarded(func() {
		switch in.kind {
		case inStep:
			msg := n.m.messages.at(in.arg)
			n.renumber(msg.Chain)
			n.host.Step(*msg)
		case inLearn:
			chain := n.m.chains[in.arg]
			n.renumber(chain)
			n.host.Learn(chain)
		case inFsync:
			n.synced += int(in.arg)
			n.host.Durable(int(in.arg))
		case inWrite:
			n.host.Request(shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte{byte(in.arg)}, Token: op{n: int(in.arg)}})
		case inRead:
			n.host.Request(shard.Request{Shard: 1, Kind: shard.Get, Key: []byte("k"), Token: op{read: true, n: int(in.arg)}})
		case inNotice:
			n.host.Reconnect(shard.NodeID(in.arg))
		case inTicks:
			for range ticksAtOnce {
				n.host.Tick(false)
				n.work()
			}
		case inRewrite:
			n.host.Rewrite([]shard.ID{1})
		case inCrash:
			*n = *n.m.start(n.id, n.outlives(in.arg))
			return
		}
		n.work()
	})
	return n.effect
}

// outlives is what is left on disk after a crash.
func (n *node) outlives(arg uint32) seed {
	s := seed{boot: n.boot + 1, log: n.log[:n.synced+int(arg>>1)]}
	if arg&1 == 1 {
		s.applied = n.applied
	}
	return s
}

// askings bounds those of one epoch; if there were more, states would be told apart in vain, no worse.
const askings = 64

// renumber begins the numbers of an epoch before something leads the node there.
func (n *node) renumber(chain shard.Chain) {
	for e := chain.Newest().Epoch; n.numbered < e; n.numbered++ {
		begin := n.numbers.Next() / askings
		for n.numbers.Next()/askings == begin {
		}
	}
}

// work does what the host wants done, in the order of engine.Ready, until it wants nothing more.
func (n *node) work() {
	for {
		r := n.host.Ready()
		if r.Empty() {
			break
		}
		n.log = append(n.log, r.Write...)
		n.effect.records += len(r.Write)
		for _, w := range r.Work {
			n.apply(w)
		}
		for _, reply := range r.Replies {
			n.effect.answers = append(n.effect.answers, answer{op: reply.Token.(op), status: reply.Result.Status})
		}
		for _, m := range r.Send {
			if err := m.Valid(); err != nil {
				n.fail(fmt.Errorf("sends what the wire refuses: %w", err))
				return
			}
			if m.To == n.id {
				n.host.Step(m)
			} else {
				n.effect.sends = append(n.effect.sends, m)
			}
		}
	}
	if err := n.host.Err(); err != nil {
		n.fail(err)
	}
}

// apply does one step of the applier's work: an entry becomes part of what is applied, a read sees all that is.
func (n *node) apply(w shard.Work) {
	if w.Entry == nil {
		n.effect.answers = append(n.effect.answers, answer{op: w.Token.(op), status: shard.OK, seen: n.m.writesOf(n.applied)})
		return
	}
	n.applied = append(slices.Clip(n.applied), n.m.entry(w.Entry))
	if last := len(n.applied); w.Entry.Seqno() != shard.Seqno(last) {
		n.fail(fmt.Errorf("applies entry %d as number %d", w.Entry.Seqno(), last))
		return
	}
	if o, ok := w.Token.(op); ok {
		n.effect.answers = append(n.effect.answers, answer{op: o, status: shard.OK})
	}
	n.host.Applied(1, w.Entry.Seqno(), n.m.register)
}

func (n *node) fail(err error) {
	if n.effect.err == nil {
		n.effect.err = fmt.Errorf("node %s: %w", name(n.id), err)
	}
}

// guarded makes a panic of the core a violation like any other.
func (n *node) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			n.fail(fmt.Errorf("the core panics: %v", p))
		}
	}()
	f()
}
