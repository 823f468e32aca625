package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// benchDisk is one below the directory for temporary files; TMPDIR chooses the disk.
func benchDisk(b *testing.B) *store.Disk {
	b.Helper()
	d, err := store.Open(vfs.Default, b.TempDir()+"/node", store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	if err := d.Init(storetest.Genesis("bench", 1, d.Node())); err != nil {
		b.Fatal(err)
	}
	return d
}

// benched writes one history, so many entries of 128 bytes at once.
type benched struct {
	*store.Disk
	records []shard.Record
	last    shard.Seqno
	hash    uint64
}

const benchEntry = 128

func (x *benched) append(b *testing.B) {
	b.Helper()
	command := make([]byte, benchEntry-shard.EntryOverhead)
	for i := range x.records {
		e := shard.NewEntry(1, x.last+1, x.hash, command)
		x.last, x.hash = e.Seqno(), e.Hash()
		x.records[i] = shard.Record{Shard: 1, Kind: shard.RecordEntry, Entry: e}
	}
	if err := x.Append(x.records); err != nil {
		b.Fatal(err)
	}
}

func (x *benched) sync(b *testing.B) {
	b.Helper()
	if err := x.Sync(); err != nil {
		b.Fatal(err)
	}
}

// benchAppend hands entries to the log. An op is one batch.
func benchAppend(b *testing.B, sync bool) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			x := &benched{Disk: benchDisk(b), records: make([]shard.Record, n)}
			b.SetBytes(int64(n * benchEntry))
			b.ReportAllocs()
			for b.Loop() {
				if x.append(b); sync {
					x.sync(b)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
		})
	}
}

// BenchmarkAppend is what writing costs without the wait for the disk.
func BenchmarkAppend(b *testing.B) { benchAppend(b, false) }

// BenchmarkAppendSync measures a group commit: one Append and one Sync.
func BenchmarkAppendSync(b *testing.B) { benchAppend(b, true) }

// BenchmarkPrepared compares a group commit in a new file with one in a file that was prepared, in turns, so that a disk that is
// busy otherwise is so for both. The ratio of the medians is new to prepared.
func BenchmarkPrepared(b *testing.B) {
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			var fresh, prepared benched
			for _, x := range []*benched{&fresh, &prepared} {
				x.Disk, x.records = benchDisk(b), make([]shard.Record, 1<<15) // enough for a file to be prepared
				x.append(b)
				x.sync(b)
				x.records = x.records[:n]
			}
			if !prepared.Unprepared() {
				b.Fatal("no file is to be prepared")
			}
			var times [2][]float64
			for b.Loop() {
				for prepared.Unprepared() {
					if err := prepared.Prepare(); err != nil {
						b.Fatal(err)
					}
				}
				for i, x := range []*benched{&fresh, &prepared} {
					begin := time.Now()
					x.append(b)
					x.sync(b)
					times[i] = append(times[i], float64(time.Since(begin).Nanoseconds()))
				}
			}
			for _, all := range times {
				slices.Sort(all)
			}
			ofNew, ofPrepared := times[0][b.N/2], times[1][b.N/2]
			b.ReportMetric(ofNew, "ns/new")
			b.ReportMetric(ofPrepared, "ns/prepared")
			b.ReportMetric(ofNew/ofPrepared, "ratio")
		})
	}
}

// benchKeys is how many keys there are in contents.
const benchKeys = 10_000

func benchKey(op uint64) []byte { return fmt.Appendf(nil, "user%06d", op%benchKeys) }

// benchCommand is the put of a value of 100 bytes by the session that entry 1 opened.
func benchCommand(op, oldest uint64) []byte {
	return shard.AppendCommand(nil, shard.Command{
		Kind: shard.CommandPut, Identity: shard.Identity{Session: 1, Op: op, Oldest: oldest},
		Key: benchKey(op), Value: make([]byte, 100),
	})
}

// benchApply applies a session and n of its puts, of which so many are committed together and are unanswered until then.
func benchApply(b *testing.B, n, batch int) *shard.Machine {
	d := benchDisk(b)
	m, err := shard.OpenMachine(d.Contents(1), d.Genesis().InitialRegister(1), sequencer.DecodeRegister)
	if err != nil {
		b.Fatal(err)
	}
	entries := []shard.Entry{shard.NewEntry(1, 1, 0, shard.AppendCommand(nil, shard.Command{Kind: shard.CommandOpenSession}))}
	for i := range n {
		last := entries[i]
		entries = append(entries, shard.NewEntry(1, last.Seqno()+1, last.Hash(), benchCommand(uint64(i+1), uint64(i-i%batch+1))))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i, e := range entries {
		r, err := m.Apply(e)
		if err == nil && (i%batch == 0 || i == n) {
			err = m.Commit()
		}
		if err != nil || r.Status != shard.OK {
			b.Fatal(r, err)
		}
	}
	return m
}

// BenchmarkApply is what it costs to fold the history into the contents on disk. An op is one put.
func BenchmarkApply(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { benchApply(b, b.N, batch) })
	}
}

// BenchmarkRead is what an answer from them costs, without the fence before it.
func BenchmarkRead(b *testing.B) {
	m := benchApply(b, benchKeys, 64)
	var keys [][]byte
	for i := range benchKeys {
		keys = append(keys, benchKey(uint64(i)))
	}
	b.ResetTimer()
	for i := range b.N {
		if r, err := m.Read(keys[i%benchKeys]); err != nil || r.Status != shard.OK {
			b.Fatal(r, err)
		}
	}
}
