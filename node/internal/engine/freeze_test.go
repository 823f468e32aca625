package engine

import (
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// TestFrozenTakesNothing: what a frozen replica told stays true: it takes no entry in.
func TestFrozenTakesNothing(t *testing.T) {
	w := quiet(t, "ab", "cd")
	a, b := w.node(id("a")).host, w.node(id("b")).host
	put := func() {
		if !a.Request(shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Token: "w"}) {
			t.Fatal("a hosts no shard 1")
		}
		w.settle()
	}
	last := func() shard.Seqno { return b.Standings()[0].Last }
	put()
	before := last()
	if before == 0 {
		t.Fatal("b has no entry: the test shows nothing")
	}
	if err := b.Freeze(2, 5); err != nil {
		t.Fatal(err)
	}
	if put(); last() != before {
		t.Errorf("b took entry %d in, frozen at %d", last(), before)
	}
}

// TestTestifyWaits: what is committed and not applied cannot be foreseen, and so nothing is.
func TestTestifyWaits(t *testing.T) {
	w := quiet(t, "ab", "cd")
	a := w.node(id("a")).host
	a.Request(shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Token: "w"})
	w.settle()
	if _, err := a.Testify(); err != nil {
		t.Fatal(err)
	}
	a.engines[1].appliedTo--
	if _, err := a.Testify(); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("got %v", err)
	}
}
