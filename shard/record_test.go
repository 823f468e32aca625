package shard

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// history makes n entries of one epoch that follow a history with the given end.
func history(epoch Epoch, after Seqno, hash uint64, n int) []Entry {
	var entries []Entry
	for i := range n {
		e := NewEntry(epoch, after+Seqno(i)+1, hash, AppendCommand(nil, Command{Kind: CommandPut, Key: []byte{'k'}, Value: []byte{byte(epoch), byte(i)}}))
		entries = append(entries, e)
		hash = e.Hash()
	}
	return entries
}

func records(entries []Entry) []Record {
	var recs []Record
	for _, e := range entries {
		recs = append(recs, Record{Shard: 1, Kind: RecordEntry, Entry: e})
	}
	return recs
}

func TestStoredReplay(t *testing.T) {
	ch1, ch2 := chainOf(1, "ab"), chainOf(1, "ab", "b")
	old := history(1, 0, 0, 4)
	state := Record{Shard: 1, Kind: RecordState, Chain: ch1, Epoch: 1, Lineage: Lineage{{1, 0}}}
	at := func(e Entry) (Seqno, uint64) { return e.Seqno(), e.Hash() }
	activate := func(cut Seqno, hash uint64, entries []Entry) Record {
		return Record{Shard: 1, Kind: RecordActivate, Epoch: 2, Lineage: Lineage{{1, 0}, {2, cut + Seqno(len(entries))}}, Cut: cut, Hash: hash, Entries: entries}
	}
	continued := func(e Entry) Record {
		r := state
		r.Cut, r.Hash = at(e)
		return r
	}
	for _, c := range []struct {
		name    string
		records []Record
		start   Seqno
		last    Seqno
		active  Epoch
		promise Epoch
		err     string
	}{
		{name: "entries", records: append([]Record{state}, records(old)...), last: 4, active: 1, promise: 1},
		{name: "a promise keeps the history", records: append(append([]Record{state}, records(old)...), Record{Shard: 1, Kind: RecordPromise, Chain: ch2}), last: 4, active: 1, promise: 2},
		{name: "an activation cuts and inherits", records: append(append([]Record{state}, records(old)...),
			activate(2, old[1].Hash(), history(1, 2, old[1].Hash(), 1))), last: 3, active: 2, promise: 1},
		{name: "an activation where nothing is cut", records: append(append([]Record{state}, records(old)...), activate(4, old[3].Hash(), nil)), last: 4, active: 2, promise: 1},
		{name: "an activation that cuts all", records: append(append([]Record{state}, records(old)...), activate(0, 0, nil)), last: 0, active: 2, promise: 1},
		{name: "an activation that cuts below the first segment", records: []Record{continued(old[3]), activate(1, old[0].Hash(), nil)}, start: 1, last: 1, active: 2, promise: 1},
		{name: "a segment that continues", records: append(append([]Record{state}, records(old)...), continued(old[3])), last: 4, active: 1, promise: 1},
		{name: "a segment that begins later", records: append([]Record{continued(old[1])}, records(old[2:])...), start: 2, last: 4, active: 1, promise: 1},

		{name: "a ruling", records: []Record{state, {Shard: 1, Kind: RecordRuling, Ruling: Ruling{At: 5, Chain: chainOf(3, "ab")}}}, active: 1, promise: 1},
		{name: "a gap", records: []Record{state, {Shard: 1, Kind: RecordEntry, Entry: old[1]}}, err: "does not continue"},
		{name: "the same entry twice", records: append(append([]Record{state}, records(old)...), records(old[3:])...), err: "does not continue"},
		{name: "another history", records: append([]Record{state}, records(history(1, 0, 77, 1))...), err: "does not continue"},
		{name: "an activation beyond the end", records: []Record{state, activate(1, 5, nil)}, err: "cuts at 1"},
		{name: "an activation of another history", records: append(append([]Record{state}, records(old)...), activate(2, 5, nil)), err: "cuts at 2"},
		{name: "inherited entries of another history", records: append(append([]Record{state}, records(old)...), activate(2, old[1].Hash(), history(1, 2, 5, 1))), err: "does not continue"},
		{name: "a segment of another history", records: append(append([]Record{state}, records(old)...), continued(old[2])), err: "next segment"},
		{name: "an unknown kind", records: []Record{{Shard: 1, Kind: 9}}, err: "unknown kind 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Stored
			var err error
			for _, r := range c.records {
				if err = s.Replay(r); err != nil {
					break
				}
			}
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if s.Start != c.start || s.Last() != c.last || s.Active != c.active || s.Chain.Newest().Epoch != c.promise {
				t.Errorf("start %d last %d active %d promise %d, want %d %d %d %d", s.Start, s.Last(), s.Active, s.Chain.Newest().Epoch, c.start, c.last, c.active, c.promise)
			}
			// The state record says all but the entries.
			var again Stored
			if err := again.Replay(s.StateRecord()); err != nil {
				t.Fatal(err)
			}
			h, _ := s.HashAt(s.Last())
			if again.Last() != s.Last() || again.Hash != h || again.Active != s.Active || !reflect.DeepEqual(again.Chain, s.Chain) || !reflect.DeepEqual(again.Lineage, s.Lineage) || !reflect.DeepEqual(again.Ruling, s.Ruling) {
				t.Errorf("from its state record: %+v, want %+v", again, s)
			}
		})
	}
}

// TestStoredCutLeavesMessagesAlone: messages under way look at the entries that a cut takes off.
func TestStoredCutLeavesMessagesAlone(t *testing.T) {
	s := Stored{Chain: chainOf(1, "ab"), Entries: slices.Grow(history(1, 0, 0, 3), 10)}
	sent := s.Entries[1:3]
	want := slices.Clone(sent)
	if err := s.Replay(Record{Shard: 1, Kind: RecordActivate, Epoch: 2, Cut: 1, Hash: s.Entries[0].Hash(), Entries: history(2, 1, s.Entries[0].Hash(), 2)}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(sent, want) {
		t.Error("the inherited entries stand where a message still looks at the old ones")
	}
}

func TestStoredForget(t *testing.T) {
	entries := history(1, 0, 0, 4)
	for _, c := range []struct {
		name  string
		seqno Seqno
		hash  uint64
		ok    bool
	}{
		{"nothing", 0, 0, true},
		{"some", 2, entries[1].Hash(), true},
		{"all", 4, entries[3].Hash(), true},
		{"beyond the end", 5, entries[3].Hash(), false},
		{"another history", 2, entries[2].Hash(), false},
		{"another beginning", 0, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Stored{Chain: chainOf(1, "a"), Entries: slices.Clone(entries)}
			err := s.Forget(c.seqno, c.hash)
			switch {
			case (err == nil) != c.ok:
				t.Fatalf("error %v", err)
			case err != nil && (s.Start != 0 || len(s.Entries) != 4):
				t.Errorf("refused, and changed to start %d with %d entries", s.Start, len(s.Entries))
			case err == nil && (s.Start != c.seqno || s.Hash != c.hash || s.Last() != 4):
				t.Errorf("start %d, last %d", s.Start, s.Last())
			}
			if err == nil && c.seqno > 0 {
				if _, ok := s.HashAt(c.seqno - 1); ok {
					t.Error("knows a hash of before the start")
				}
			}
		})
	}
}

func TestEntry(t *testing.T) {
	e := NewEntry(2, 7, 99, []byte("command"))
	if e.Epoch() != 2 || e.Seqno() != 7 || string(e.Command()) != "command" || !e.Follows(99) || e.Follows(98) {
		t.Errorf("%d/%d %q", e.Epoch(), e.Seqno(), e.Command())
	}
	// No bit of it can change unseen.
	for i := range e {
		b := slices.Clone(e)
		b[i] ^= 1
		if b.Follows(99) {
			t.Errorf("byte %d changed, and the entry still follows", i)
		}
	}
}
