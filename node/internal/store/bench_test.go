package store_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ringward/ringward/node/internal/store"
	"github.com/ringward/ringward/node/internal/store/storetest"
	"github.com/ringward/ringward/shard"
)

// BenchmarkAppendSync measures a group commit: so many entries of 128 bytes in one Append and one
// Sync. It writes below the directory for temporary files; TMPDIR chooses the disk.
func BenchmarkAppendSync(b *testing.B) {
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			d, err := store.Open(vfs.Default, b.TempDir()+"/node", store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			if err := d.Init(storetest.Genesis("bench", 1, d.Node())); err != nil {
				b.Fatal(err)
			}
			const size = 128
			command := make([]byte, size-shard.EntryOverhead)
			records := make([]shard.Record, n)
			var last shard.Seqno
			var hash uint64
			b.SetBytes(int64(n * size))
			b.ReportAllocs()
			for b.Loop() {
				for i := range records {
					e := shard.NewEntry(1, last+1, hash, command)
					last, hash = e.Seqno(), e.Hash()
					records[i] = shard.Record{Shard: 1, Kind: shard.RecordEntry, Entry: e}
				}
				if err := d.Append(records); err != nil {
					b.Fatal(err)
				}
				if err := d.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
