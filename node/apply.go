package node

import (
	"context"
	"fmt"
	"time"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/telemetry"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// applier folds what is persistent into the contents of all shards, takes snapshots in, and answers. It works beside the
// loop, so that a slow compaction costs latency and no suspicion.
type applier struct {
	store    store.Store
	machines map[shard.ID]*shard.Machine
	standing *standing
	dirty    map[shard.ID]bool // the shards with new entries in this batch
	metrics  *telemetry.Metrics
	inbox    *inbox
	flusher  *flusher
	fail     func(error)

	tasks *queue[shard.Work]
	pacer *pacer[shard.ID] // of the parts of snapshots
	// sessionsEvery is how often the loop is told of the open sessions.
	sessionsEvery time.Duration
}

// done is the Token of an operation: it takes the result.
type done func(shard.Result)

func newApplier(s store.Store, m *telemetry.Metrics, b *inbox, rate Size, sessionsEvery time.Duration, fail func(error)) (*applier, error) {
	standing := newStanding()
	a := &applier{
		store: s, machines: map[shard.ID]*shard.Machine{}, standing: standing, dirty: map[shard.ID]bool{}, metrics: m, inbox: b,
		flusher: newFlusher(s, b, standing, fail), fail: fail, tasks: newQueue[shard.Work](), pacer: newPacer[shard.ID](rate), sessionsEvery: sessionsEvery,
	}
	for id, stored := range s.Replicas() {
		m, err := a.machine(id)
		if err != nil {
			return nil, err
		}
		seqno, _ := m.Applied()
		if stored.Void() {
			standing.empty(id)
		} else {
			standing.reached(id, seqno)
		}
	}
	return a, nil
}

// machine is that of a shard, which may have come to this node just now.
func (a *applier) machine(id shard.ID) (*shard.Machine, error) {
	if m := a.machines[id]; m != nil {
		return m, nil
	}
	m, err := shard.OpenMachine(a.store.Contents(id), a.store.Genesis().InitialRegister(id), sequencer.DecodeRegister)
	if err != nil {
		return nil, fmt.Errorf("contents of shard %d: %w", id, err)
	}
	a.machines[id] = m
	return m, nil
}

// register is the register a hosted shard's contents hold.
func (a *applier) register(id shard.ID) *sequencer.Register {
	return a.machines[id].Register().(*sequencer.Register)
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
		result, err := a.one(w)
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
		seqno, _ := m.Applied()
		a.standing.reached(id, seqno)
	}
	a.inbox.add(func(n *news) {
		for id := range a.dirty {
			seqno, _ := a.machines[id].Applied()
			n.applied = append(n.applied, applied{shard: id, seqno: seqno, register: a.register(id)})
		}
	})
	return replies, nil
}

// one does one piece of work.
func (a *applier) one(w shard.Work) (shard.Result, error) {
	m, err := a.machine(w.Shard)
	switch {
	case err != nil:
		return shard.Result{}, err
	case w.Entry != nil:
		a.dirty[w.Shard] = true
		return m.Apply(w.Entry)
	case w.Clear:
		delete(a.dirty, w.Shard)
		a.standing.empty(w.Shard)
		return shard.Result{}, m.Clear()
	case w.Part != nil:
		return shard.Result{}, a.fill(m, w.Shard, w.Part)
	}
	return m.Read(w.Key)
}

// fill takes in a part of a snapshot. The last counts only once all are on disk, which must not hold up other shards.
func (a *applier) fill(m *shard.Machine, id shard.ID, p *shard.Part) error {
	if err := m.Fill(p); err != nil {
		return err
	}
	if !p.Done {
		number := p.Number
		time.AfterFunc(a.pacer.wait(id, len(p.Data), time.Now()), func() {
			a.inbox.add(func(n *news) { n.filled = append(n.filled, filled{shard: id, number: number}) })
		})
		return nil
	}
	seqno, _ := m.Applied()
	a.standing.filled(id, p.Number)
	a.flusher.tasks.put([]taken{{number: p.Number, applied: applied{shard: id, seqno: seqno, register: a.register(id)}}})
	return nil
}

func (a *applier) tellSessions() {
	for id, m := range a.machines {
		open := m.Sessions()
		a.inbox.add(func(n *news) { n.sessions = append(n.sessions, openSessions{shard: id, open: open}) })
	}
}
