package sim

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/shard"
)

// model is storage in a few maps and bytes, for speed.
//
// The log is bytes, written with the production codec: a length (4 bytes) and a record, again and again. What was
// synced survives a crash, and an arbitrary part of the bytes behind. The contents survive as of
// some earlier flush. Like the production log it is cut into segments that begin with the state of
// every replica, and drops those whose entries the flushed contents hold.
type model struct {
	w     *world
	node  *node
	boots uint64

	log       []byte
	trimmed   int   // bytes dropped before log[0]; positions count them
	ends      []int // positions behind the records that are not synced
	synced    int
	segments  []segment
	states    map[shard.ID]*shard.Stored // the fold of the log, without entries
	flushed   map[shard.ID]map[string]string
	flushedTo map[shard.ID]shard.Seqno
	held      map[shard.ID]shard.Seqno // see hold

	shown map[shard.ID]*modelContents // of the present process

	trouble trouble
	failed  string // why nothing works any more, until the process ends
	flipped bool
}

// segment begins at a position of the log. What stands before it is of use only for entries above
// needed that the flushed contents lack.
type segment struct {
	begin  int
	needed map[shard.ID]shard.Seqno
}

func newModel(w *world, n *node) *model {
	m := &model{
		w: w, node: n, states: map[shard.ID]*shard.Stored{},
		flushed: map[shard.ID]map[string]string{}, flushedTo: map[shard.ID]shard.Seqno{},
	}
	for _, c := range w.genesis.Initial {
		if c.Has(n.id) {
			m.states[c.Shard] = firstState(c)
		}
	}
	m.rotate()
	return m
}

func (m *model) end() int { return m.trimmed + len(m.log) }

func (m *model) contents(id shard.ID) contents {
	if m.shown[id] == nil {
		m.shown[id] = newModelContents(nil)
	}
	return m.shown[id]
}

func (m *model) spoil(t trouble) { m.trouble = t }

// flip is seen at the next start: the model has nothing that it would not see.
func (m *model) flip(*rand.Rand) { m.flipped = true }

func (m *model) excuse() (why string, damaged bool) {
	if m.flipped {
		return "a bit has flipped", true
	}
	return m.failed, false
}

// try fails what is in trouble.
func (m *model) try(what whatFails) error {
	if m.failed != "" {
		return errors.New(m.failed)
	}
	switch t := &m.trouble; {
	case t.what == noSpace && what != syncFails:
	case t.what != what:
		return nil
	case t.after > 0:
		t.after--
		return nil
	default:
		defer func() { m.trouble = trouble{} }()
	}
	m.failed = m.trouble.what.String()
	return errors.New(m.failed)
}

func (m *model) append(records []shard.Record) error {
	if err := m.try(writeFails); err != nil {
		return err
	}
	for _, r := range records {
		if m.end()-m.segments[len(m.segments)-1].begin > m.w.plan.segmentBytes {
			m.rotate()
		}
		m.put(r)
		m.ends = append(m.ends, m.end())
		s := m.states[r.Shard]
		if s == nil {
			s = &shard.Stored{}
			m.states[r.Shard] = s
		}
		if err := s.Replay(r); err != nil {
			return err
		}
		hash, _ := s.HashAt(s.Last())
		s.Start, s.Hash, s.Entries = s.Last(), hash, nil
	}
	return nil
}

func (m *model) put(r shard.Record) {
	at := len(m.log)
	m.log = shard.AppendRecord(append(m.log, 0, 0, 0, 0), r)
	binary.BigEndian.PutUint32(m.log[at:], uint32(len(m.log)-at-4))
	m.need(&r, m.end())
}

// sync makes durable no more than it must. What a rotation has synced before is counted with the rest.
func (m *model) sync(n int) error {
	if err := m.try(syncFails); err != nil {
		return err
	}
	if n = min(n, len(m.ends)); n > 0 {
		m.synced = max(m.synced, m.ends[n-1])
		m.ends = slices.Delete(m.ends, 0, n)
	}
	return nil
}

// prepare does nothing: what it is for takes no time here.
func (m *model) prepare() error { return nil }

// rotate ends a segment, durably, and begins a new one with the state of every replica.
func (m *model) rotate() {
	m.segments = append(m.segments, segment{begin: m.end(), needed: map[shard.ID]shard.Seqno{}})
	for _, id := range slices.Sorted(maps.Keys(m.states)) {
		m.put(m.states[id].StateRecord())
	}
	m.synced = m.end()
}

// need notes what the record that ends at a position means for the segments that begin before it: a
// state begins one, and an activation holds all above its cut that older segments have.
func (m *model) need(r *shard.Record, end int) {
	for i, s := range m.segments {
		last := i+1 == len(m.segments) || m.segments[i+1].begin >= end
		switch {
		case s.begin >= end:
		case r.Kind == shard.RecordState && last:
			s.needed[r.Shard] = r.Cut
		case r.Kind == shard.RecordActivate, r.Kind == shard.RecordFollow:
			s.needed[r.Shard] = min(s.needed[r.Shard], r.Cut)
		}
	}
}

// recall folds all that is in the log of a shard: what is void goes with the fold.
func (m *model) recall(x shard.Recall) ([]shard.Entry, error) {
	if err := m.try(readFails); err != nil {
		return nil, err
	}
	var s shard.Stored
	for b := m.log; len(b) > 0; {
		n := int(binary.BigEndian.Uint32(b))
		r, err := shard.DecodeRecord(b[4 : 4+n])
		if err == nil && r.Shard == x.Shard {
			err = s.Replay(r)
		}
		if err != nil {
			return nil, err
		}
		b = b[4+n:]
	}
	if x.After < s.Start || s.Last() <= x.After {
		return nil, nil
	}
	var entries []shard.Entry
	for size, at := 0, x.After; at < x.Last; at++ {
		e := s.Entries[at-s.Start]
		if size += len(e); size > x.Bytes && len(entries) > 0 {
			break
		}
		entries = append(entries, slices.Clone(e))
	}
	return entries, nil
}

func (m *model) trim() (held []shard.ID, err error) {
	if err := m.try(writeFails); err != nil {
		return nil, err
	}
	// A flush holds whole commits, and need not hold the last, but what was flushed before.
	earlier := chance(m.w.random.disk, 0.3)
	for _, id := range slices.Sorted(maps.Keys(m.shown)) {
		c := newModelContents(m.shown[id].visible)
		to, _, err := shard.AppliedPosition(c)
		if err != nil {
			return nil, err
		}
		if earlier {
			before := newModelContents(m.shown[id].before())
			if at, _, err := shard.AppliedPosition(before); err != nil {
				return nil, err
			} else if at >= m.flushedTo[id] {
				c, to = before, at
			}
		}
		m.flushed[id], m.flushedTo[id] = c.visible, to
	}
	if m.synced < m.end() {
		return nil, nil // an activation counts here only once it is durable
	}
	keep := 0
	for i, s := range m.segments[1:] {
		if rest := m.end() - s.begin; rest < m.w.plan.logKeep || rest < m.w.plan.logHold && m.lacking(s) {
			break
		}
		for _, id := range slices.Sorted(maps.Keys(s.needed)) {
			if m.flushedTo[id] < s.needed[id] {
				held = append(held, id)
			}
		}
		if len(held) > 0 {
			break
		}
		keep = i + 1
	}
	begin := m.segments[keep].begin
	m.log, m.trimmed = slices.Clone(m.log[begin-m.trimmed:]), begin
	m.segments = m.segments[keep:]
	return held, nil
}

// lacking reports whether somebody lacks what stands before a segment.
func (m *model) lacking(s segment) bool {
	for id, above := range m.held {
		if s.needed[id] > above {
			return true
		}
	}
	return false
}

func (m *model) hold(lacking map[shard.ID]shard.Seqno) { m.held = lacking }

func (m *model) flush() error {
	if err := m.try(writeFails); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(m.shown)) {
		to, _, err := shard.AppliedPosition(m.shown[id])
		if err != nil {
			return err
		}
		m.flushed[id], m.flushedTo[id] = maps.Clone(m.shown[id].visible), to
	}
	return nil
}

// crash cuts the log somewhere behind what was synced.
func (m *model) crash(power bool) {
	end := m.end()
	if power {
		switch m.w.random.disk.IntN(4) {
		case 0:
			end = m.synced
		case 1, 2:
			end = m.synced + m.w.random.disk.IntN(end-m.synced+1)
		}
	}
	m.log, m.ends, m.shown, m.held, m.failed = m.log[:end-m.trimmed], nil, nil, nil, ""
}

func (m *model) close() {}

// open reads the log back. A frame that was cut ends it.
func (m *model) open() (uint64, map[shard.ID]*shard.Stored, error) {
	if m.flipped {
		return 0, nil, errors.New("the log is damaged")
	}
	if err := errors.Join(m.try(readFails), m.try(writeFails)); err != nil {
		return 0, nil, err
	}
	m.boots++
	stored := map[shard.ID]*shard.Stored{}
	good := 0
	for b := m.log; len(b) >= 4; {
		n := int(binary.BigEndian.Uint32(b))
		if n > len(b)-4 {
			break
		}
		r, err := shard.DecodeRecord(slices.Clone(b[4 : 4+n]))
		if err != nil {
			return 0, nil, err
		}
		s := stored[r.Shard]
		if s == nil {
			s = &shard.Stored{}
			stored[r.Shard] = s
		}
		if err := s.Replay(r); err != nil {
			return 0, nil, err
		}
		b = b[4+n:]
		good += 4 + n
		m.need(&r, m.trimmed+good)
	}
	m.log = m.log[:good]
	clear(m.states) // the promise of one that was about to learn may be lost
	m.shown = map[shard.ID]*modelContents{}
	for id, s := range stored {
		hash, _ := s.HashAt(s.Last())
		if s.Void() {
			m.flushed[id], m.flushedTo[id] = nil, 0
		}
		m.states[id] = &shard.Stored{Chain: s.Chain, Active: s.Active, Lineage: s.Lineage, Start: s.Last(), Hash: hash}
		m.shown[id] = newModelContents(m.flushed[id])
	}
	m.rotate()
	for _, id := range slices.Sorted(maps.Keys(m.shown)) {
		applied, hash, err := shard.AppliedPosition(m.shown[id])
		if err != nil {
			return 0, nil, err
		}
		if err := stored[id].Forget(applied, hash); err != nil {
			return 0, nil, err
		}
	}
	return m.boots, stored, nil
}
