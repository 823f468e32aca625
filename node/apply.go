package node

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/telemetry"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// applier folds what is persistent into the contents of all shards, and answers. It works beside the
// loop, so that a slow compaction costs latency and no suspicion.
type applier struct {
	machines map[shard.ID]*shard.Machine
	// positions are what the machines have applied, for other goroutines to read.
	positions map[shard.ID]*atomic.Uint64
	dirty     map[shard.ID]bool // the shards with new entries in this batch
	metrics   *telemetry.Metrics
	inbox     *inbox
	fail      func(error)

	tasks *queue[shard.Work]
	// sessionsEvery is how often the loop is told of the open sessions.
	sessionsEvery time.Duration
}

// done is the Token of an operation: it takes the result.
type done func(shard.Result)

func newApplier(s store.Store, m *telemetry.Metrics, b *inbox, sessionsEvery time.Duration, fail func(error)) (*applier, error) {
	a := &applier{
		machines: map[shard.ID]*shard.Machine{}, positions: map[shard.ID]*atomic.Uint64{}, dirty: map[shard.ID]bool{}, metrics: m, inbox: b, fail: fail,
		tasks: newQueue[shard.Work](), sessionsEvery: sessionsEvery,
	}
	for id := range s.Replicas() {
		machine, err := shard.OpenMachine(s.Contents(id), s.Genesis().InitialRegister(id), sequencer.DecodeRegister)
		if err != nil {
			return nil, fmt.Errorf("contents of shard %d: %w", id, err)
		}
		a.machines[id] = machine
		a.positions[id] = new(atomic.Uint64)
		a.note(id)
	}
	return a, nil
}

// register is the register a hosted shard's contents hold.
func (a *applier) register(id shard.ID) *sequencer.Register {
	return a.machines[id].Register().(*sequencer.Register)
}

// appliedTo is the position up to which the contents of a shard hold its history.
func (a *applier) appliedTo(id shard.ID) shard.Seqno { return shard.Seqno(a.positions[id].Load()) }

func (a *applier) note(id shard.ID) {
	seqno, _ := a.machines[id].Applied()
	a.positions[id].Store(uint64(seqno))
}

// run works until ctx ends, or until an entry cannot be applied: then neither can any after it.
func (a *applier) run(ctx context.Context) {
	sessions := time.NewTicker(a.sessionsEvery)
	defer sessions.Stop()
	var replies []shard.Reply
	for {
		select {
		case <-ctx.Done():
			return
		case <-sessions.C:
			a.tellSessions()
			continue
		case <-a.tasks.wake:
		}
		var err error
		if replies, err = a.work(a.tasks.take(), replies[:0]); err != nil {
			a.fail(err)
			return
		}
		for _, r := range replies {
			r.Token.(done)(r.Result)
		}
		clear(replies)
	}
}

// work does one batch. What it answers is visible to all later reads.
func (a *applier) work(batch []shard.Work, replies []shard.Reply) ([]shard.Reply, error) {
	clear(a.dirty)
	for _, w := range batch {
		m := a.machines[w.Shard]
		var result shard.Result
		var err error
		if w.Entry == nil {
			result, err = m.Read(w.Key)
		} else {
			a.dirty[w.Shard] = true
			result, err = m.Apply(w.Entry)
		}
		if err != nil {
			return nil, fmt.Errorf("shard %d: %w", w.Shard, err)
		}
		if w.Token != nil {
			replies = append(replies, shard.Reply{Token: w.Token, Result: result})
		}
	}
	for id := range a.dirty {
		m := a.machines[id]
		if err := m.Commit(); err != nil {
			return nil, fmt.Errorf("shard %d: %w", id, err)
		}
		a.note(id)
	}
	a.inbox.add(func(n *news) {
		for id := range a.dirty {
			seqno, _ := a.machines[id].Applied()
			n.applied = append(n.applied, applied{shard: id, seqno: seqno, register: a.register(id)})
		}
	})
	return replies, nil
}

func (a *applier) tellSessions() {
	for id, m := range a.machines {
		open := m.Sessions()
		a.inbox.add(func(n *news) { n.sessions = append(n.sessions, openSessions{shard: id, open: open}) })
	}
}
