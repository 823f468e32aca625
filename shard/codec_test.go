package shard

import (
	"math"
	"reflect"
	"testing"
)

func commands() []Command {
	id := Identity{Session: 5, Op: 7, Oldest: 6}
	return []Command{
		{Kind: CommandPut, Key: []byte("k"), Value: []byte("v")},
		{Kind: CommandPut, Identity: id, If: Condition{Set: true}, Key: []byte{}, Value: []byte{}},
		{Kind: CommandPut, Identity: id, If: Condition{Set: true, Version: MaxSeqno}, Key: []byte("k"), Value: []byte("v")},
		{Kind: CommandDelete, Identity: id, If: Condition{Set: true, Version: 3}, Key: []byte("k")},
		{Kind: CommandOpenSession},
		{Kind: CommandExpireSessions, Expired: []Idle{{Session: 1, LastUsed: 2}, {Session: math.MaxUint64, LastUsed: MaxSeqno}}},
		{Kind: CommandRegister, Value: []byte("register")},
	}
}

func TestCommandCodec(t *testing.T) {
	for _, c := range commands() {
		b := AppendCommand(nil, c)
		got, err := DecodeCommand(b)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v comes back as %+v, %v", c, got, err)
		}
		for n := range b {
			if got, err := DecodeCommand(b[:n]); err == nil {
				t.Errorf("%d of %d bytes of %+v give %+v", n, len(b), c, got)
			}
		}
		if got, err := DecodeCommand(append(b, 0)); err == nil {
			t.Errorf("%+v with a byte too many gives %+v", c, got)
		}
	}
}

// TestConditionOnAnyVersion: no version that a client may name turns a condition into none.
func TestConditionOnAnyVersion(t *testing.T) {
	for _, v := range []Seqno{0, 1, MaxSeqno, MaxSeqno + 1, math.MaxUint64 - 1, math.MaxUint64} {
		c, err := DecodeCommand(AppendCommand(nil, Command{Kind: CommandPut, If: Condition{Set: true, Version: v}}))
		if err != nil || !c.If.Set || (v <= MaxSeqno && c.If.Version != v) || (v > MaxSeqno && c.If.Version < MaxSeqno) {
			t.Errorf("a condition on version %d comes back as %+v, %v", v, c.If, err)
		}
	}
}

func recordKinds() []Record {
	entries := history(3, 4, 99, 2)
	lineage := Lineage{{1, 0}, {3, 4}}
	return []Record{
		{Shard: 1, Kind: RecordEntry, Entry: entries[0]},
		{Shard: math.MaxUint32, Kind: RecordPromise, Chain: chainOf(3, "abc", "bc")},
		{Shard: 1, Kind: RecordActivate, Epoch: 3, Lineage: lineage, Cut: 4, Hash: 99, Entries: entries},
		{Shard: 1, Kind: RecordActivate, Epoch: 1},
		{Shard: 1, Kind: RecordState, Chain: chainOf(3, "abc"), Epoch: 3, Lineage: lineage, Cut: MaxSeqno, Hash: math.MaxUint64},
		{Shard: 1, Kind: RecordState, Chain: chainOf(1, "a")},
		{Shard: 1, Kind: RecordState, Chain: chainOf(1, "a"), Ruling: Ruling{At: 3}},
		{Shard: 1, Kind: RecordRuling, Ruling: Ruling{At: math.MaxUint64, Chain: chainOf(3, "abc", "a")}},
		{Shard: 1, Kind: RecordRuling, Ruling: Ruling{At: 5}},
	}
}

func TestRecordCodec(t *testing.T) {
	for _, r := range recordKinds() {
		b := AppendRecord(nil, r)
		got, err := DecodeRecord(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v comes back as %+v, %v", r, got, err)
		}
		for n := range b {
			// An entry's command may end anywhere: its length is the frame's.
			if got, err := DecodeRecord(b[:n]); err == nil && r.Kind != RecordEntry {
				t.Errorf("%d of %d bytes of %+v give %+v", n, len(b), r, got)
			}
		}
	}
	for name, b := range map[string][]byte{
		"nothing":               {},
		"shard 0":               AppendRecord(nil, Record{Kind: RecordEntry, Entry: history(1, 0, 0, 1)[0]}),
		"a shard beyond 32 bit": {byte(RecordPromise), 0x80, 0x80, 0x80, 0x80, 0x10},
		"kind 0":                {0, 1},
		"no chain":              AppendRecord(nil, Record{Shard: 1, Kind: RecordPromise}),
		"a member twice":        AppendRecord(nil, Record{Shard: 1, Kind: RecordPromise, Chain: chainOf(1, "aba")}),
		"an entry of epoch 0":   AppendRecord(nil, Record{Shard: 1, Kind: RecordEntry, Entry: NewEntry(0, 1, 0, []byte{3})}),
		"lineage that falls":    AppendRecord(nil, Record{Shard: 1, Kind: RecordActivate, Lineage: Lineage{{2, 1}, {1, 1}}}),
		"a count beyond the end": append(AppendRecord(nil, Record{Shard: 1, Kind: RecordActivate})[:13],
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
	} {
		if got, err := DecodeRecord(b); err == nil {
			t.Errorf("%s gives %+v", name, got)
		}
	}
}

func TestSessionCodec(t *testing.T) {
	for _, s := range []*session{
		{lastUsed: 1, floor: 1},
		{lastUsed: 9, floor: 3, results: []opResult{{op: 3, status: OK, version: 7}, {op: 8, status: VersionMismatch, version: 2}}},
	} {
		got, err := decodeSession(appendSession(nil, s))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v comes back as %+v, %v", s, got, err)
		}
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(AppendCommand(nil, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommand(b)
		if err != nil {
			return
		}
		if again, err := DecodeCommand(AppendCommand(nil, c)); err != nil || !reflect.DeepEqual(again, c) {
			// A version beyond the largest is capped, once.
			if c.If.Version <= MaxSeqno {
				t.Errorf("%+v comes back as %+v, %v", c, again, err)
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	for _, r := range recordKinds() {
		f.Add(AppendRecord(nil, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		if again, err := DecodeRecord(AppendRecord(nil, r)); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v comes back as %+v, %v", r, again, err)
		}
		// A log may hold any record in any order: replaying it gives an error, or a history that holds together.
		s := Stored{Chain: chainOf(1, "ab"), Active: 1, Lineage: Lineage{{1, 0}}, Entries: history(1, 0, 0, 3)}
		if s.Replay(r) == nil {
			if h, ok := s.HashAt(s.Last()); !ok || s.Forget(s.Last(), h) != nil {
				t.Errorf("after %+v: %+v", r, s)
			}
		}
	})
}

func FuzzCheckEntry(f *testing.F) {
	f.Add([]byte(NewEntry(1, 1, 0, []byte{3})), uint64(0))
	f.Add([]byte{}, uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, prev uint64) {
		e, err := CheckEntry(b)
		if err != nil {
			return
		}
		if e.Epoch() == 0 || e.Seqno() == 0 || e.Seqno() > MaxSeqno {
			t.Errorf("accepted %d/%d", e.Epoch(), e.Seqno())
		}
		if again := NewEntry(e.Epoch(), e.Seqno(), prev, e.Command()); e.Follows(prev) != (again.Hash() == e.Hash()) || !again.Follows(prev) {
			t.Error("an entry follows what another one with the same contents does not")
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	f.Add(appendSession(nil, &session{lastUsed: 9, floor: 3, results: []opResult{{op: 3, status: OK, version: 7}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSession(b)
		if err != nil {
			return
		}
		if again, err := decodeSession(appendSession(nil, s)); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v comes back as %+v, %v", s, again, err)
		}
	})
}
