package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	tab := newTable("NODE", "STATE", "NOTE")
	tab.row("größer", 12, "")
	tab.row("a", "", "last")
	var b strings.Builder
	tab.write(&b)
	want := `NODE    STATE  NOTE
größer  12     -
a       -      last
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestRoundSize(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0B", 9999: "9999B", 10000: "9KiB", 64 << 20: "64MiB", 65<<20 + 1: "65MiB", 20 << 40: "20TiB"} {
		if got := roundSize(bytes); got != want {
			t.Errorf("roundSize(%d) = %s, want %s", bytes, got, want)
		}
	}
}
