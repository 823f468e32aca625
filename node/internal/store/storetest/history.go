package storetest

import (
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Genesis is of a cluster of n shards, each with the given members.
func Genesis(cluster string, n int, members ...shard.NodeID) *sequencer.Genesis {
	g := &sequencer.Genesis{Cluster: cluster, Ring: sequencer.NewRing(n)}
	for _, s := range g.Ring {
		g.Initial = append(g.Initial, shard.Configuration{Shard: s.Shard, Epoch: 1, Members: members})
	}
	return g
}

// History is one replica as a test has it: it makes the replica's records, and folds
// them, so that it is what a Store must hold when all of them are durable.
type History struct {
	shard.Stored
	Shard shard.ID
	// Base is what the contents hold of the history up to Start, where it began with a snapshot.
	Base map[string]string
}

// NewHistory begins with the first configuration of a shard.
func NewHistory(c shard.Configuration) *History {
	return &History{Shard: c.Shard, Stored: shard.Stored{
		Chain: shard.Chain{c}, Active: c.Epoch, Lineage: shard.Lineage{{Epoch: c.Epoch}},
	}}
}

// Clone is a copy that does not follow what h does next.
func (h *History) Clone() *History {
	c := *h
	c.Entries = append([]shard.Entry(nil), h.Entries...)
	return &c
}

// Put writes a key, with a value of its own for every position and epoch.
func (h *History) Put(key string) shard.Record {
	return h.PutValue(key, fmt.Sprintf("%s at %d in %d", key, h.Last()+1, h.epoch()))
}

// PutValue writes a key.
func (h *History) PutValue(key, value string) shard.Record {
	e := h.next(h.epoch(), h.Last(), h.hashAt(h.Last()), key, value)
	return h.add(shard.Record{Shard: h.Shard, Kind: shard.RecordEntry, Entry: e})
}

// Promise learns that the next configuration has the given members.
func (h *History) Promise(members ...shard.NodeID) shard.Record {
	next := shard.Configuration{Shard: h.Shard, Epoch: h.Chain.Newest().Epoch + 1, Members: members}
	chain := append(append(shard.Chain(nil), h.Chain...), next)
	return h.add(shard.Record{Shard: h.Shard, Kind: shard.RecordPromise, Chain: chain})
}

// Activate activates the newest configuration: it cuts the history, and inherits entries of the
// last epoch that write the given keys.
func (h *History) Activate(cut shard.Seqno, keys ...string) shard.Record {
	hash := h.hashAt(cut)
	r := shard.Record{Shard: h.Shard, Kind: shard.RecordActivate, Epoch: h.Chain.Newest().Epoch, Cut: cut, Hash: hash}
	last := cut
	for _, key := range keys {
		e := h.next(h.epoch(), last, hash, key, "inherited by "+fmt.Sprint(r.Epoch))
		r.Entries = append(r.Entries, e)
		last, hash = e.Seqno(), e.Hash()
	}
	r.Lineage = append(append(shard.Lineage(nil), h.Lineage...), shard.View{Epoch: r.Epoch, Seqno: last})
	return h.add(r)
}

// Again is the record that brings the entries above an applied position along, and so
// replaces the older records of them.
func (h *History) Again(applied shard.Seqno) shard.Record {
	r := shard.Record{
		Shard: h.Shard, Kind: shard.RecordActivate, Epoch: h.Active, Lineage: h.Lineage,
		Cut: applied, Hash: h.hashAt(applied), Entries: append([]shard.Entry(nil), h.Entries[applied-h.Start:]...),
	}
	if h.Active == 0 {
		r.Kind = shard.RecordFollow
	}
	return h.add(r)
}

// Rule is the record of a ruling about another shard; without members, that it is carried out.
func (h *History) Rule(at uint64, of shard.ID, members ...shard.NodeID) shard.Record {
	r := shard.Record{Shard: h.Shard, Kind: shard.RecordRuling, Ruling: shard.Ruling{At: at}}
	if len(members) > 0 {
		r.Ruling.Chain = shard.Chain{{Shard: of, Epoch: 2, Members: members}}
	}
	return h.add(r)
}

// GiveUp is the record that gives up the history, for a snapshot to come.
func (h *History) GiveUp() shard.Record {
	h.Base = nil
	return h.add(shard.Record{Shard: h.Shard, Kind: shard.RecordFollow})
}

// Begin is the record that begins the history where a snapshot of another replica stands, whose history is donor.
func (h *History) Begin(donor *History) shard.Record {
	h.Base = donor.Values()
	return h.add(shard.Record{
		Shard: h.Shard, Kind: shard.RecordFollow, Lineage: donor.Lineage, Cut: donor.Last(), Hash: donor.hashAt(donor.Last()),
	})
}

// Follow cuts the history, as one does that learns from another, and takes over entries that write the given keys.
func (h *History) Follow(cut shard.Seqno, keys ...string) shard.Record {
	hash := h.hashAt(cut)
	r := shard.Record{Shard: h.Shard, Kind: shard.RecordFollow, Lineage: h.Lineage, Cut: cut, Hash: hash}
	for last := cut; len(keys) > 0; keys = keys[1:] {
		e := h.next(h.epoch(), last, hash, keys[0], "followed")
		r.Entries = append(r.Entries, e)
		last, hash = e.Seqno(), e.Hash()
	}
	return h.add(r)
}

// Values is what the contents hold when all of the history is applied.
func (h *History) Values() map[string]string {
	values := maps.Clone(h.Base)
	if values == nil {
		values = map[string]string{}
	}
	for _, e := range h.Entries {
		c, err := shard.DecodeCommand(e.Command())
		if err != nil {
			panic(err)
		}
		values[string(c.Key)] = string(c.Value)
	}
	return values
}

// epoch is that of the next entry.
func (h *History) epoch() shard.Epoch {
	if h.Void() {
		return h.Active
	}
	return h.Lineage[len(h.Lineage)-1].Epoch
}

func (h *History) next(epoch shard.Epoch, last shard.Seqno, hash uint64, key, value string) shard.Entry {
	command := shard.AppendCommand(nil, shard.Command{Kind: shard.CommandPut, Key: []byte(key), Value: []byte(value)})
	return shard.NewEntry(epoch, last+1, hash, command)
}

func (h *History) hashAt(seqno shard.Seqno) uint64 {
	hash, ok := h.HashAt(seqno)
	if !ok {
		panic(fmt.Sprintf("test history of shard %d has no position %d", h.Shard, seqno))
	}
	return hash
}

func (h *History) add(r shard.Record) shard.Record {
	if err := h.Replay(r); err != nil {
		panic(err)
	}
	return r
}

// CheckContents compares contents with the whole history that they should hold, or with nothing where there is none.
func CheckContents(c shard.Contents, m *shard.Machine, h *History) error {
	if h.Void() {
		return c.Scan(nil, func(key, _ []byte) error {
			return fmt.Errorf("shard %d: the contents hold the key %q, and the replica has no history", h.Shard, key)
		})
	}
	for key, value := range h.Values() {
		if r, err := m.Read([]byte(key)); err != nil || string(r.Value) != value {
			return fmt.Errorf("shard %d: %q is %q, %v: want %q", h.Shard, key, r.Value, err, value)
		}
	}
	return nil
}

// Take brings the contents of a snapshot into m, in parts of about size bytes, as one node takes them from another; between is called
// after each, with what is still to come.
func Take(s shard.Snapshot, m *shard.Machine, size int, between func(more bool) error) error {
	for p := (&shard.Part{}); !p.Done; {
		var err error
		if p, err = shard.ReadPart(s, shard.Export{After: lastKey(p)}, size); err != nil {
			return err
		}
		if err := m.Fill(p); err != nil {
			return err
		}
		if err := between(!p.Done); err != nil {
			return err
		}
	}
	return nil
}

// lastKey is the last key in a part: keys and values follow each other, each with its length.
func lastKey(p *shard.Part) (last []byte) {
	for b := p.Data; len(b) > 0; {
		for i := range 2 {
			n, size := binary.Uvarint(b)
			if i == 0 {
				last = b[size:][:n]
			}
			b = b[size:][n:]
		}
	}
	return last
}

// Machine opens the state machine of a shard over its contents.
func Machine(g *sequencer.Genesis, id shard.ID, c shard.Contents) (*shard.Machine, error) {
	return shard.OpenMachine(c, g.InitialRegister(id), sequencer.DecodeRegister)
}

// Apply applies entries and commits them.
func Apply(m *shard.Machine, entries []shard.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		if _, err := m.Apply(e); err != nil {
			return err
		}
	}
	return m.Commit()
}

// CheckStored tells how have differs from the state of want, whose entries below
// have's start are in the contents.
func CheckStored(have *shard.Stored, want *History) error {
	if have == nil {
		return fmt.Errorf("shard %d: nothing is stored", want.Shard)
	}
	w := want.Clone()
	if hash, ok := w.HashAt(have.Start); !ok || hash != have.Hash {
		return fmt.Errorf("shard %d: starts at %d with hash %x, want %x", want.Shard, have.Start, have.Hash, hash)
	} else if err := w.Forget(have.Start, have.Hash); err != nil {
		return err
	}
	if h, w := describe(have), describe(&w.Stored); h != w {
		return fmt.Errorf("shard %d: stored is\n%s\nwant\n%s", want.Shard, h, w)
	}
	return nil
}

func describe(s *shard.Stored) string {
	text := fmt.Sprintf("chain %v, active %d, lineage %v, start %d", s.Chain, s.Active, s.Lineage, s.Start)
	for _, e := range s.Entries {
		text += fmt.Sprintf("\n%d %d %x %q", e.Epoch(), e.Seqno(), e.Hash(), e.Command())
	}
	return text
}
