package storetest

import (
	"fmt"
	"testing"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// Directory is a data directory as a test has it. The suite opens it only while no
// Store of it is open.
type Directory interface {
	Open() (store.Store, error)
	// Crash leaves what was synced, and possibly more. The store that was open is dead.
	Crash()
}

// Run tests the Store of the directories that make makes, which are new every time. Their
// segments should be small: the suite writes some 100 KiB and expects Trim to find some to drop.
func Run(t *testing.T, make func(t *testing.T) Directory) {
	for name, test := range map[string]func(*fixture){
		"Identity":              testIdentity,
		"Genesis":               testGenesis,
		"AppendBeforeGenesis":   testAppendBeforeGenesis,
		"EveryKindOfRecord":     testRecords,
		"Crash":                 testCrash,
		"CrashAfterCrash":       testCrashAfterCrash,
		"RefusesABrokenHistory": testBrokenHistory,
		"FailsForGood":          testFailsForGood,
		"Contents":              testContents,
		"ContentsOfManyShards":  testContentsOfManyShards,
		"ReadBesideWrite":       testReadBesideWrite,
		"Replay":                testReplay,
		"CrashWhileApplying":    testCrashWhileApplying,
		"Trim":                  testTrim,
		"TrimHeld":              testTrimHeld,
		"TrimAfterCut":          testTrimAfterCut,
		"TrimInherited":         testTrimInherited,
		"TrimBesideAppend":      testTrimBesideAppend,
		"PrepareBesideAppend":   testPrepareBesideAppend,
		"Clear":                 testClear,
		"ClearTheLastShard":     testClearLastShard,
		"Snapshot":              testSnapshot,
		"SnapshotBesideWrite":   testSnapshotBesideWrite,
		"Flush":                 testFlush,
		"Learner":               testLearner,
		"TakeInterrupted":       testTakeInterrupted,
		"TakeBesideTrim":        testTakeBesideTrim,
		"TrimHeldByLearner":     testTrimHeldByLearner,
		"Recall":                testRecall,
		"RecallTrimmed":         testRecallTrimmed,
		"RecallBesideTrim":      testRecallBesideTrim,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{T: t, dir: make(t)}
			f.open()
			test(f)
			f.close()
		})
	}
}

// fixture is one test with its directory and what should be in it.
type fixture struct {
	*testing.T
	dir       Directory
	s         store.Store
	genesis   *sequencer.Genesis
	histories map[shard.ID]*History
	replicas  map[shard.ID]*shard.Stored // as they were at Open or Init
}

func (f *fixture) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) open() {
	f.Helper()
	s, err := f.dir.Open()
	f.check(err)
	f.s, f.replicas = s, s.Replicas()
}

func (f *fixture) close() {
	f.Helper()
	if f.s != nil {
		f.check(f.s.Close())
		f.s = nil
	}
}

func (f *fixture) reopen() {
	f.Helper()
	f.close()
	f.open()
}

func (f *fixture) crash() {
	f.Helper()
	f.dir.Crash()
	f.open()
}

// init makes the node a member of n shards.
func (f *fixture) init(n int) {
	f.Helper()
	f.genesis = Genesis("test", n, f.s.Node(), 99)
	f.check(f.s.Init(f.genesis))
	f.replicas = f.s.Replicas()
	f.histories = map[shard.ID]*History{}
	for _, c := range f.genesis.Initial {
		f.histories[c.Shard] = NewHistory(c)
	}
}

func (f *fixture) append(records ...shard.Record) {
	f.Helper()
	f.check(f.s.Append(records))
}

func (f *fixture) sync() {
	f.Helper()
	f.check(f.s.Sync())
}

func (f *fixture) machine(id shard.ID) *shard.Machine {
	f.Helper()
	m, err := Machine(f.genesis, id, f.s.Contents(id))
	f.check(err)
	return m
}

// checkReplicas compares all that is stored with all histories.
func (f *fixture) checkReplicas() {
	f.Helper()
	if len(f.replicas) != len(f.histories) {
		f.Fatalf("%d replicas are stored, want %d", len(f.replicas), len(f.histories))
	}
	for id, h := range f.histories {
		f.check(CheckStored(f.replicas[id], h))
	}
}

// checkMachine applies what was stored of a shard at Open to its contents, once, and compares
// these with the history.
func (f *fixture) checkMachine(h *History) *shard.Machine {
	f.Helper()
	m := f.machine(h.Shard)
	stored := f.replicas[h.Shard]
	applied, hash := m.Applied()
	if stored.Start != applied || stored.Hash != hash {
		f.Fatalf("shard %d: entries are stored from %d on, and the contents reach up to %d", h.Shard, stored.Start, applied)
	}
	f.check(Apply(m, stored.Entries))
	f.check(CheckContents(f.s.Contents(h.Shard), m, h))
	return m
}

// fill appends and applies puts to one shard until the log has grown by size bytes.
func (f *fixture) fill(h *History, m *shard.Machine, size int64) {
	f.Helper()
	for end := f.s.LogBytes() + size; f.s.LogBytes() < end; {
		var records []shard.Record
		var entries []shard.Entry
		for range 10 {
			r := h.PutValue(fmt.Sprintf("key %d", h.Last()%10), string(make([]byte, 500)))
			records, entries = append(records, r), append(entries, r.Entry)
		}
		f.append(records...)
		f.sync()
		f.check(Apply(m, entries))
	}
}
