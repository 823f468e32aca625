package shard

import (
	"fmt"
	"testing"
)

// benchPut is a command as a client's are: a put with an identity, of a value of so many bytes.
func benchPut(op uint64, size int) Command {
	return as(1, op, op, Command{Kind: CommandPut, Key: fmt.Appendf(nil, "user%06d", op%10_000), Value: make([]byte, size)})
}

// BenchmarkCodec is what it costs to make bytes of a command, an entry and a log record, and to read and check them. An op is one of them.
func BenchmarkCodec(b *testing.B) {
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, value := range []int{100, 1000} {
		c := benchPut(7, value)
		command := AppendCommand(nil, c)
		entry := NewEntry(1, 1, 0, command)
		record := Record{Shard: 1, Kind: RecordEntry, Entry: entry}
		encoded := AppendRecord(nil, record)
		buffer := make([]byte, 0, len(encoded))
		for _, way := range []struct {
			name string
			do   func()
		}{
			{"command-encode", func() { buffer = AppendCommand(buffer[:0], c) }},
			{"command-decode", func() { _, err := DecodeCommand(command); check(err) }},
			{"entry-encode", func() { entry = NewEntry(1, 1, 0, command) }}, // hash included
			{"entry-decode", func() { _, err := CheckEntry(entry); check(err) }},
			{"entry-verify", func() {
				if !entry.Follows(0) {
					b.Fatal("the hash is wrong")
				}
			}},
			{"record-encode", func() { buffer = AppendRecord(buffer[:0], record) }},
			{"record-decode", func() { _, err := DecodeRecord(encoded); check(err) }},
		} {
			b.Run(fmt.Sprintf("%s/value=%d", way.name, value), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					way.do()
				}
			})
		}
	}
}

// BenchmarkMachine is what the fold of the history costs over contents in memory, so that the machine's own part shows. An op is one put of 100
// bytes by a session; so many are committed together.
func BenchmarkMachine(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			m, err := OpenMachine(newContents(), testRegister(""), decodeTestRegister)
			if err != nil {
				b.Fatal(err)
			}
			entries := []Entry{NewEntry(1, 1, 0, AppendCommand(nil, Command{Kind: CommandOpenSession}))}
			for op := range b.N {
				last := entries[op]
				entries = append(entries, NewEntry(1, last.Seqno()+1, last.Hash(), AppendCommand(nil, benchPut(uint64(op)+1, 100))))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i, e := range entries {
				r, err := m.Apply(e)
				if err == nil && (i%batch == 0 || i == b.N) {
					err = m.Commit()
				}
				if err != nil || r.Status != OK {
					b.Fatal(r, err)
				}
			}
		})
	}
}
