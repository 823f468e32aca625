package shard

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Part is a piece of a snapshot: what the contents of a shard hold at one position of its history, cut where a part is
// large enough. Data holds keys and values in rising order, each with its length.
type Part struct {
	Number Number // of the MsgSnapshot it answers
	After  []byte // the last key of the part before; nil: this is the first
	Data   []byte
	Done   bool // nothing comes after
	// Position and Hash are where the snapshot stands in the history.
	Position Seqno
	Hash     uint64
}

func (m *Message) part() *Part {
	return &Part{Number: m.Number, After: m.Key, Data: m.Data, Done: m.Done, Position: m.Last, Hash: m.Hash}
}

// each calls f with the keys and values.
func (p *Part) each(f func(key, value []byte) error) error {
	for d := NewDecoder(p.Data); ; {
		if len(d.b) == 0 && d.err == nil {
			return nil
		}
		key, value := d.Bytes(), d.Bytes()
		if d.err != nil {
			return fmt.Errorf("part of a snapshot: %w", d.err)
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
}

// last is the last key in the part, that before it where there is none.
func (p *Part) last() []byte {
	last := p.After
	_ = p.each(func(key, _ []byte) error {
		last = key
		return nil
	})
	return last
}

// valid reports what is wrong with a part that came off a wire.
func (p *Part) valid(sum uint64) error {
	if got := xxhash.Sum64(p.Data); got != sum {
		return fmt.Errorf("part of %d bytes has the checksum %x, want %x", len(p.Data), got, sum)
	}
	before := p.After
	err := p.each(func(key, _ []byte) error {
		if bytes.Equal(key, appliedKey) {
			return fmt.Errorf("part of a snapshot: key %q is not one of the contents'", key)
		}
		if bytes.Compare(key, before) <= 0 {
			return fmt.Errorf("part of a snapshot: key %q comes after %q", key, before)
		}
		before = key
		return nil
	})
	if err == nil && len(p.Data) == 0 && !p.Done {
		err = errors.New("part of a snapshot: it is empty, and not the last")
	}
	return err
}

// Export is a part of a snapshot that somebody wants, for the node to read and give to Replica.Exported.
type Export struct {
	Shard  ID
	To     NodeID
	Epoch  Epoch
	Number Number
	// After is the last key of the part before. Nil: a snapshot is to be begun, unless there is one for this number already.
	After []byte
}

// Snapshot is the contents of a shard as they were at one moment, while others go on writing.
type Snapshot interface {
	Get(key []byte) (value []byte, ok bool, err error)
	// From calls f with all keys above after, in order, until f returns false.
	From(after []byte, f func(key, value []byte) (more bool)) error
}

// ReadPart reads the part of a snapshot that an Export asks for, of about size bytes.
func ReadPart(s Snapshot, x Export, size int) (*Part, error) {
	b, ok, err := s.Get(appliedKey)
	if err != nil {
		return nil, err
	}
	p := &Part{Number: x.Number, After: x.After, Done: true}
	if ok {
		if p.Position, p.Hash, err = decodePosition(b); err != nil {
			return nil, err
		}
	}
	err = s.From(x.After, func(key, value []byte) bool {
		switch {
		case bytes.Equal(key, appliedKey): // it comes with the last part, by Position and Hash
			return true
		case len(p.Data) >= size:
			p.Done = false
			return false
		}
		p.Data = AppendBytes(AppendBytes(p.Data, key), value)
		return true
	})
	return p, err
}

// Clear takes all contents away.
func (m *Machine) Clear() error {
	if err := m.contents.Clear(); err != nil {
		return err
	}
	m.forget()
	return m.contents.Commit()
}

// Fill puts a part of a snapshot into the contents. With the last one they hold the history up to its position.
func (m *Machine) Fill(p *Part) error {
	if err := p.each(m.contents.Set); err != nil {
		return err
	}
	if !p.Done {
		return m.contents.Commit()
	}
	m.applied, m.hash = p.Position, p.Hash
	if err := m.Commit(); err != nil {
		return err
	}
	return m.load()
}

// fill is the taking in of a snapshot, by a replica whose history ends before what others keep of theirs. It asks for
// one part after the other, and for the same again where no answer comes:
//
//	give up the history, durably ──► clear the contents ──► parts, in the order of keys ──► flush ──► begin the history there, durably
//
// A crash on the way leaves a void replica, which begins again. None that is ACTIVE comes here. What it gives up nobody needs: the
// source has committed what is not here, so this replica was not ACTIVE in the epoch in which that was done, and all members of
// that epoch were; no walk back (package wedge) passes it.
type fill struct {
	source NodeID // 0: none is under way
	number Number
	began  bool   // the history is given up, durably
	busy   bool   // the applier is at work on a part
	after  []byte // the last key that was taken in
	// The last part, once it has come, and where the snapshot stands: the same for all parts.
	done    bool
	cut     Seqno
	hash    uint64
	lineage Lineage

	taken   Seqno // bytes so far
	room    int   // bytes that may still be taken in this tick
	askedAt int   // 0: the next part is not asked for yet
	asked   int   // how often it was
	since   int   // when it was asked for first
}

const (
	// partPatience is after how many ticks a part is asked for again. It doubles each time, up to maxWait.
	partPatience = 16
	// sourcePatience is after how many ticks in vain the source is given up, unless SourceTicks says more.
	sourcePatience = 240
)

// Fill begins to take in a snapshot of source. The replica is not ACTIVE in its epoch.
func (r *Replica) Fill(source NodeID) {
	if r.err != nil || r.fill.source != 0 || r.stored.Active == r.conf.Epoch {
		return
	}
	r.fill = fill{source: source, number: r.opt.Numbers.Next()}
	r.learner.number, r.learner.fed = 0, false
	r.commit, r.told, r.keptBytes = 0, 0, 0
	r.applying, r.applyingBytes, r.recollection = nil, 0, recollection{}
	r.write(Record{Kind: RecordFollow})
}

// Filling reports whether a snapshot is being taken in.
func (r *Replica) Filling() bool { return r.fill.source != 0 }

// beginning reports whether the history begins with a snapshot, and the record that says so is not durable yet. Nothing is
// committed until it is.
func (r *Replica) beginning() bool { return r.commit < r.stored.Start }

// followed: a RecordFollow is durable; void, if it gave up the history.
func (r *Replica) followed(void bool) {
	f := &r.fill
	if !void && r.beginning() {
		r.commit, r.told = r.stored.Start, max(r.told, r.stored.Start)
	}
	switch {
	case void && f.source != 0 && !f.began:
		f.began, f.room = true, r.opt.FillBytes
		r.out.Work = append(r.out.Work, Work{Shard: r.conf.Shard, Clear: true})
		r.askPart()
	case !void && f.done && !f.busy:
		r.fill = fill{}
		r.answerConnect()
	}
}

// fillOn goes on with a snapshot over a decision: what is persistent in an epoch is so in the next, and where the source stood in the
// old one it is in the lineage of all to come. Where the source is no member any more it is given up: it may be gone.
func (r *Replica) fillOn() {
	f := &r.fill
	if f.source != 0 && !r.conf.Has(f.source) {
		*f = fill{}
	}
	f.askedAt, f.asked = 0, 0 // what is on its way carries the old epoch
}

// askPart asks for what comes next, unless enough has come in this tick, or a decision was learned of that is not promised yet.
func (r *Replica) askPart() {
	f := &r.fill
	if f.room <= 0 && r.opt.FillBytes > 0 || r.promised != r.conf.Epoch {
		f.askedAt = 0
		return
	}
	if f.askedAt = r.ticks; f.asked == 0 {
		f.since = r.ticks
	}
	f.asked++
	r.send(Message{Kind: MsgSnapshot, To: f.source, Number: f.number, Key: f.after})
}

func (r *Replica) tickFill() {
	f := &r.fill
	if f.source == 0 || !f.began || f.busy || f.done {
		return
	}
	f.room = min(f.room+r.opt.FillBytes, r.opt.FillBytes)
	switch {
	case f.askedAt == 0:
		r.askPart()
	case r.ticks-f.since > max(sourcePatience, r.opt.SourceTicks):
		r.fill = fill{} // somebody else may be asked
	case r.ticks-f.askedAt > min(partPatience<<min(f.asked-1, 8), maxWait):
		r.askPart()
	}
}

// onSnapshot lets the node read a part of the contents, which hold nothing that is not persistent.
func (r *Replica) onSnapshot(m Message) {
	if m.Epoch != r.conf.Epoch || r.stored.Void() {
		r.send(Message{Kind: MsgRefuse, To: m.From, Chain: r.stored.Chain})
		return
	}
	r.out.Exports = append(r.out.Exports, Export{Shard: r.conf.Shard, To: m.From, Epoch: m.Epoch, Number: m.Number, After: m.Key})
}

// Exported takes what the node has read for an Export: nil where the snapshot is gone, of which that would be the next part.
func (r *Replica) Exported(x Export, p *Part) {
	switch {
	case r.err != nil || x.Epoch != r.conf.Epoch || r.stored.Void():
	case p == nil:
		r.send(Message{Kind: MsgCompacted, To: x.To, Number: x.Number})
	default:
		if r.isActive() && !r.conf.Has(x.To) {
			r.followedBy(follower{node: x.To, number: x.Number, acked: p.Position})
		}
		r.send(Message{
			Kind: MsgPart, To: x.To, Number: x.Number, Key: x.After, Last: p.Position, Hash: p.Hash, Lineage: r.stored.Lineage,
			Data: p.Data, Sum: xxhash.Sum64(p.Data), Done: p.Done,
		})
	}
}

func (r *Replica) onPart(m Message) {
	f := &r.fill
	if m.Epoch != r.conf.Epoch || f.source == 0 || len(m.Lineage) == 0 || m.From != f.source || m.Number != f.number || !f.began || f.busy || f.done || !bytes.Equal(m.Key, f.after) {
		return
	}
	p := m.part()
	if len(f.after) > 0 && (p.Position != f.cut || p.Hash != f.hash) {
		// The source has begun another snapshot: where it had ended the first one, and the first asking came once more.
		r.fill = fill{}
		r.Fill(m.From)
		return
	}
	f.cut, f.hash, f.lineage = p.Position, p.Hash, slices.Clone(m.Lineage)
	f.busy, f.done, f.after, f.asked = true, p.Done, p.last(), 0
	f.room -= len(p.Data)
	f.taken += Seqno(len(p.Data))
	r.out.Work = append(r.out.Work, Work{Shard: r.conf.Shard, Part: p})
}

// Filled tells that a part is in the contents; and if it was the last, that all of them are on disk.
func (r *Replica) Filled(number Number) {
	f := &r.fill
	if r.err != nil || number != f.number || !f.busy {
		return
	}
	if f.busy = false; !f.done {
		r.askPart()
		return
	}
	r.write(Record{Kind: RecordFollow, Lineage: f.lineage, Cut: f.cut, Hash: f.hash})
}

// onCompacted takes a snapshot of one that keeps no such entries any more, where this replica has asked for them.
func (r *Replica) onCompacted(m Message) {
	switch {
	case r.isActive():
	case m.Number == r.fill.number && m.From == r.fill.source:
		r.fill = fill{}
	case r.fill.source != 0:
		return
	case r.learner.number != 0 && m.Number == r.learner.number && m.From == r.conf.Tail():
	case r.State() == Pending && m.Number == r.up.connect.Number && m.From == r.conf.Predecessor(r.opt.Self):
	default:
		return
	}
	r.Fill(m.From)
}
