package shard

import (
	"strings"
	"testing"
)

func TestMessageValid(t *testing.T) {
	e1 := NewEntry(1, 1, 0, []byte{3})
	e2 := NewEntry(1, 2, e1.Hash(), []byte{3})
	other := chainOf(1, "a")
	other[0].Shard = 2
	for _, c := range []struct {
		name   string
		change func(*Message)
		want   string // empty: valid
	}{
		{"plain", func(*Message) {}, ""},
		{"kind 0", func(m *Message) { m.Kind = 0 }, "unknown kind"},
		{"kind beyond", func(m *Message) { m.Kind = MsgServed + 1 }, "unknown kind"},
		{"shard 0", func(m *Message) { m.Shard = 0 }, "shard"},
		{"from nobody", func(m *Message) { m.From = 0 }, "not zero"},
		{"to nobody", func(m *Message) { m.To = 0 }, "not zero"},
		{"epoch 0", func(m *Message) { m.Epoch = 0 }, "epoch"},
		{"epoch 0 of who does not know the shard", func(m *Message) { m.Kind, m.Epoch, m.Unknown = MsgWedged, 0, true }, ""},
		{"state", func(m *Message) { m.State = Active + 1 }, "State(3)"},
		{"largest positions", func(m *Message) { m.Base, m.Last, m.Cut, m.Commit = MaxSeqno, MaxSeqno, MaxSeqno, MaxSeqno }, ""},
		{"base", func(m *Message) { m.Base = MaxSeqno + 1 }, "base"},
		{"last", func(m *Message) { m.Last = MaxSeqno + 1 }, "last"},
		{"cut", func(m *Message) { m.Cut = MaxSeqno + 1 }, "cut"},
		{"commit", func(m *Message) { m.Commit = MaxSeqno + 1 }, "commit"},
		{"suspects", func(m *Message) { m.Suspects = make([]NodeID, MaxMembers+1) }, "suspects"},
		{"durations", func(m *Message) { m.Took = make([]uint64, MaxMembers+1) }, "durations"},
		{"lineage", func(m *Message) { m.Lineage = Lineage{{2, 1}, {1, 1}} }, "lineage"},
		{"chain", func(m *Message) { m.Chain = Chain{{Shard: 1}} }, "epoch 0"},
		{"chain of another shard", func(m *Message) { m.Chain = other }, "chain of shard 2"},
		{"wedge", func(m *Message) { m.Kind, m.Epoch, m.Chain = MsgWedge, 2, chainOf(1, "ab", "b") }, ""},
		{"wedge without a decision", func(m *Message) { m.Kind = MsgWedge }, "asks to promise"},
		{"wedge with a decision of another epoch", func(m *Message) { m.Kind, m.Chain = MsgWedge, chainOf(1, "ab", "b") }, "asks to promise"},
		{"entries", func(m *Message) { m.Entries = []Entry{e1, e2} }, ""},
		{"entries with a gap", func(m *Message) { m.Entries = []Entry{e2, e1} }, "entry 1 comes after 2"},
		{"entries after another position", func(m *Message) { m.Entries = []Entry{e2} }, "entry 2 comes after 0"},
		{"an entry of no epoch", func(m *Message) { m.Entries = []Entry{NewEntry(0, 1, 0, []byte{3})} }, "epoch 0"},
		{"an entry beyond all positions", func(m *Message) { m.Last, m.Entries = MaxSeqno, []Entry{NewEntry(1, MaxSeqno+1, 0, []byte{3})} }, "seqnos up to"},
		{"a trace", func(m *Message) { m.Entries, m.Traces = []Entry{e1, e2}, []Trace{{2, "t"}} }, ""},
		{"traces of nothing", func(m *Message) { m.Traces = []Trace{{1, "t"}} }, "1 traces for 0 entries"},
		{"an entry that is too short", func(m *Message) { m.Entries = []Entry{{1}} }, "entry of 1 bytes"},
		{"an entry that is none", func(m *Message) { m.Entries = []Entry{nil} }, "entry of 0 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Message{Kind: MsgAppend, Shard: 1, From: 1, To: 2, Epoch: 1}
			c.change(&m)
			switch err := m.Valid(); {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestTraffic: what must keep its order with entries travels with them, and nothing that decides liveness queues behind them.
func TestTraffic(t *testing.T) {
	want := map[MessageKind]Traffic{
		MsgConnect: ChainTraffic, MsgConnected: ChainTraffic, MsgInherit: ChainTraffic, MsgHandBack: ChainTraffic,
		MsgAppend: ChainTraffic, MsgAck: ChainTraffic, MsgFetch: TransferTraffic, MsgFetched: TransferTraffic,
	}
	for k := MsgConnect; k <= MsgRefuse; k++ {
		w, ok := want[k]
		if !ok {
			w = ControlTraffic
		}
		if got := k.Traffic(); got != w {
			t.Errorf("%v travels on stream %d, want %d", k, got, w)
		}
	}
}
