package shard

import (
	"strings"
	"testing"
)

// TestRecalledIsChecked: what comes from the log continues the history, or the replica stops. But what comes for an older epoch says
// nothing: the history may have been cut since.
func TestRecalledIsChecked(t *testing.T) {
	opt := testOptions()
	opt.KeepBytes = 2000
	first := NewEntry(1, 1, 0, AppendCommand(nil, Command{Kind: CommandPut, Key: []byte("k")}))
	strange := NewEntry(1, 2, 77, AppendCommand(nil, Command{Kind: CommandPut, Key: []byte("other")}))
	far := NewEntry(1, 9, 0, AppendCommand(nil, Command{Kind: CommandPut, Key: []byte("k")}))
	void := NewEntry(9, 1, 0, AppendCommand(nil, Command{Kind: CommandPut, Key: []byte("k")}))
	for want, entries := range map[string][]Entry{
		"": {first},
		"entry 2 of epoch 1 where the one is due": {first, strange},
		"entry 9 of epoch 1 where the one is due": {far},
		"entry 1 of epoch 9 where the one is due": {void},
	} {
		c, _, _ := learning(t, opt)
		tail := c.node(id("b")).replica
		x := Recall{Shard: 1, Epoch: tail.conf.Epoch, To: id("c"), Number: 1}
		old := x
		old.Epoch--
		tail.Recalled(old, entries)
		if err := tail.Err(); err != nil {
			t.Errorf("of an older epoch: %v", err)
		}
		tail.Recalled(x, entries)
		if err := tail.Err(); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
