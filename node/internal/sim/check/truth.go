package check

import "github.com/ringward/ringward/shard"

// truth is what is so of one shard, whoever knows it.
type truth struct {
	id uint64
	// decided are the configurations by epoch, from 1.
	decided []configuration
	// reach is, for each epoch and member, up to where its log had entries durable that it took while ACTIVE in it.
	reach []map[shard.NodeID]uint64
	// persistent is up to where the history was so, at all members of each epoch.
	persistent []uint64
	history    entries // what is persistent
	model      *model
	outcomes   []outcome // of the entries, from seqno 1 on
	initial    outcome   // of the empty history
	activated  uint64    // the newest epoch in which some replica was durably ACTIVE
	// shown is the highest position of which a client was told something: that its write stands there, or what
	// a linearizable read found there. Whoever asks later must be shown all of it.
	shown uint64
}

func newTruth(conf, next shard.Configuration) *truth {
	t := &truth{id: uint64(conf.Shard), model: newModel(foreign(next))}
	t.initial.register = t.model.registerSum
	t.decide(foreign(conf))
	for _, m := range conf.Members {
		t.reach[0][m] = 0
	}
	t.activated = 1
	return t
}

// foreignRecord takes a record over as numbers and bytes.
func foreignRecord(r *shard.Record) (rec record, ok bool) {
	rec = record{kind: byte(r.Kind), shard: uint64(r.Shard), chain: foreignChain(r.Chain), epoch: uint64(r.Epoch), cut: uint64(r.Cut),
		ruledAt: r.Ruling.At, ruling: foreignChain(r.Ruling.Chain)}
	for _, v := range r.Lineage {
		rec.lineage = append(rec.lineage, view{uint64(v.Epoch), uint64(v.Seqno)})
	}
	entries := r.Entries
	if r.Kind == shard.RecordEntry {
		entries = []shard.Entry{r.Entry}
	}
	for _, e := range entries {
		b := &reader{b: e}
		rec.entries = append(rec.entries, b.entry(e))
		if b.bad {
			return rec, false
		}
	}
	return rec, rec.kind != recordPromise || len(rec.chain) > 0
}

func foreignChain(chain shard.Chain) []configuration {
	var foreigners []configuration
	for _, conf := range chain {
		foreigners = append(foreigners, foreign(conf))
	}
	return foreigners
}

// foreign takes a configuration over as numbers.
func foreign(c shard.Configuration) configuration {
	f := configuration{shard: uint64(c.Shard), epoch: uint64(c.Epoch)}
	for _, m := range c.Members {
		f.members = append(f.members, uint64(m))
	}
	return f
}

func (t *truth) decide(c configuration) {
	t.decided = append(t.decided, c)
	t.reach = append(t.reach, map[shard.NodeID]uint64{})
	t.persistent = append(t.persistent, 0)
}

func (t *truth) configuration(epoch uint64) *configuration {
	if epoch == 0 || epoch > uint64(len(t.decided)) {
		return nil
	}
	return &t.decided[epoch-1]
}

// reached is up to where all members of an epoch have the history durable, if all were ACTIVE in it.
func (t *truth) reached(epoch uint64) (p uint64, all bool) {
	for i, m := range t.decided[epoch-1].members {
		last, ok := t.reach[epoch-1][shard.NodeID(m)]
		if !ok {
			return 0, false
		}
		if i == 0 || last < p {
			p = last
		}
	}
	return p, true
}

// wasActive reports whether a member was ACTIVE, durably, in an epoch or a later one.
func (t *truth) wasActive(m shard.NodeID, epoch uint64) bool {
	for _, reach := range t.reach[epoch-1:] {
		if _, ok := reach[m]; ok {
			return true
		}
	}
	return false
}

// persistentBelow is up to where the history was persistent in any epoch before.
func (t *truth) persistentBelow(epoch uint64) uint64 {
	p := uint64(0)
	for _, q := range t.persistent[:epoch-1] {
		p = max(p, q)
	}
	return p
}

// extend adds the next persistent entry, and returns what it decides.
func (t *truth) extend(it item) ([]configuration, error) {
	t.history = append(t.history, it)
	o, decided, err := t.model.apply(t.history.last(), it.command)
	if err != nil {
		return nil, err
	}
	t.outcomes = append(t.outcomes, o)
	return decided, nil
}

// at is the outcome of the entry at seqno, and the state after it.
func (t *truth) at(seqno uint64) *outcome {
	if seqno == 0 {
		return &t.initial
	}
	return &t.outcomes[seqno-1]
}
