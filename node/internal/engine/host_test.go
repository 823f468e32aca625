package engine

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// quiet is a cluster after its first ticks.
func quiet(t *testing.T, shards ...string) *world {
	w := newWorld(t, testOptions(), shards...)
	for range 3 {
		w.tick()
	}
	return w
}

func chainOf(s shard.ID, members ...string) shard.Chain {
	var ch shard.Chain
	for i, m := range members {
		ch = append(ch, shard.Configuration{Shard: s, Epoch: shard.Epoch(i + 1), Members: ids(m)})
	}
	return ch
}

func TestWedgeOfAnUnknownShard(t *testing.T) {
	w := quiet(t, "ab", "cd")
	h := w.node(id("c")).host
	h.Step(shard.Message{
		Kind: shard.MsgWedge, Shard: 1, From: id("a"), To: id("c"), Epoch: 2, Number: 7, Chain: chainOf(1, "ab", "ac"),
	})
	r := h.Ready()
	want := shard.Message{Kind: shard.MsgWedged, Shard: 1, From: id("c"), To: id("a"), Epoch: 2, Number: 7, Unknown: true}
	if len(r.Send) != 1 || !reflect.DeepEqual(r.Send[0], want) {
		t.Errorf("answers %+v, want %+v", r.Send, want)
	}
	if len(r.Write) > 0 {
		t.Errorf("writes %+v", r.Write)
	}
	if got := h.Known(1).Newest(); got.Epoch != 2 {
		t.Errorf("knows %v, and was told of 2", got)
	}
}

// TestIgnored: what is of no shard of the ring, or of none hosted here, changes nothing.
func TestIgnored(t *testing.T) {
	w := quiet(t, "ab", "cd")
	h := w.node(id("a")).host
	before := h.Standings()
	for k := shard.MsgConnect; k <= shard.MsgRefuse; k++ {
		for _, s := range []shard.ID{2, 3, 99} {
			m := shard.Message{Kind: k, Shard: s, From: id("d"), To: id("a"), Epoch: 1}
			if k == shard.MsgWedge {
				m.Chain = chainOf(s, "cd")
			}
			h.Step(m)
			if r := h.Ready(); s != 2 && !r.Empty() {
				t.Errorf("%v of shard %d: %+v", k, s, r)
			}
		}
	}
	h.Learn(chainOf(99, "ab"))
	h.Learn(nil)
	h.Learn(shard.Chain{{Shard: 1}})
	h.Applied(2, 1, w.opt.Genesis.InitialRegister(2))
	h.Sessions(2, nil)
	h.Rewrite([]shard.ID{2, 99})
	h.Durable(0)
	h.Heard(id("h"), 0)
	h.Reconnect(id("h"))
	h.Appeared(id("h"))
	if r := h.Ready(); !r.Empty() {
		t.Errorf("it wants %+v", r)
	}
	if after := h.Standings(); !reflect.DeepEqual(after, before) {
		t.Errorf("%+v, before %+v", after, before)
	}
	for _, q := range []shard.Request{{Shard: 2, Kind: shard.Get}, {Shard: 0, Kind: shard.Put}, {Shard: 1, Kind: 0}, {Shard: 1, Kind: 9}} {
		if h.Request(q) {
			t.Errorf("takes %+v", q)
		}
	}
	if ch := h.Known(99); ch != nil {
		t.Errorf("knows %v of a shard that is none", ch)
	}
}

// TestHintIsAWedge: however a replica learns of a decided successor, it counts.
func TestHintIsAWedge(t *testing.T) {
	w := quiet(t, "ab", "cd")
	h := w.node(id("b")).host
	h.Learn(chainOf(1, "ab", "a"))
	r := h.Ready()
	if len(r.Write) != 1 || r.Write[0].Kind != shard.RecordPromise {
		t.Errorf("writes %+v, want a promise", r.Write)
	}
	if s := h.Standings()[0]; s.State != shard.Immutable || s.Configuration.Epoch != 2 {
		t.Errorf("stands at %+v", s)
	}
	if len(r.Learned) != 1 || r.Learned[0].Newest().Epoch != 2 {
		t.Errorf("passes on %v", r.Learned)
	}
	// It passes the wedge on, once: the sequencer may be cut off from some.
	var to []shard.NodeID
	for _, m := range r.Send {
		if m.Kind == shard.MsgWedge {
			to = append(to, m.To)
		}
	}
	if !reflect.DeepEqual(to, ids("ab")) {
		t.Errorf("wedges %s, want ab", names(to))
	}
	h.Learn(chainOf(1, "ab", "a"))
	if r := h.Ready(); !r.Empty() {
		t.Errorf("the second time it wants %+v", r)
	}
}

func TestStaleReportIsAnswered(t *testing.T) {
	w := quiet(t, "ab", "cd")
	w.crash(w.node(id("b")))
	for range 8 {
		w.tick()
	}
	h := w.node(id("d")).host
	h.Step(shard.Message{Kind: shard.MsgReport, Shard: 1, From: id("b"), To: id("d"), Epoch: 1, Suspects: ids("a")})
	r := h.Ready()
	if len(r.Send) != 1 || r.Send[0].Kind != shard.MsgRefuse || r.Send[0].To != id("b") || r.Send[0].Chain.Newest().Epoch != 2 {
		t.Errorf("answers %+v, want what was decided since", r.Send)
	}
}

// TestReportOfALaterEpoch: a report that is ahead of the register, honest or not, silences nobody.
func TestReportOfALaterEpoch(t *testing.T) {
	w := quiet(t, "ab", "cd")
	for _, n := range []string{"c", "d"} {
		w.node(id(n)).host.Step(shard.Message{Kind: shard.MsgReport, Shard: 1, From: id("a"), To: id(n), Epoch: 1 << 60, Suspects: ids("b")})
	}
	w.crash(w.node(id("b")))
	for range 8 {
		w.tick()
	}
	if s := w.node(id("a")).host.Standings()[0]; s.State != shard.Active || s.Configuration.Epoch != 2 {
		t.Errorf("the shard was not repaired: %+v", s)
	}
}

func TestNewHostRefuses(t *testing.T) {
	opt := testOptions()
	opt.Genesis = newWorld(t, testOptions(), "ab", "cd").opt.Genesis
	register := opt.Genesis.InitialRegister(1)
	opt.Replica.Self, opt.Replica.Numbers = id("a"), shard.NewNumbers(1)
	stored := shard.Stored{Chain: chainOf(1, "ab"), Active: 1, Lineage: shard.Lineage{{Epoch: 1}}}
	if _, err := NewHost(opt, map[shard.ID]Recovered{1: {stored, register}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		genesis  *sequencer.Genesis
		replicas map[shard.ID]Recovered
	}{
		"a genesis that is none":      {&sequencer.Genesis{}, nil},
		"a shard outside of the ring": {opt.Genesis, map[shard.ID]Recovered{9: {stored, register}}},
		"a replica without a chain":   {opt.Genesis, map[shard.ID]Recovered{1: {shard.Stored{}, register}}},
	} {
		t.Run(name, func(t *testing.T) {
			opt := opt
			opt.Genesis = c.genesis
			if h, err := NewHost(opt, c.replicas); err == nil {
				t.Errorf("made %+v", h)
			}
		})
	}
}

// TestPeers: heartbeats go to fellow members, to those a replica sequences, and to those that sequence it, and follow
// the configurations.
func TestPeers(t *testing.T) {
	w := quiet(t, "ab", "cd", "ef", "gh")
	peers := func(n string) string { return names(w.node(id(n)).host.Peers()) }
	for n, want := range map[string]string{"a": "bcdgh", "c": "abdef", "h": "abefg"} {
		if got := peers(n); got != want {
			t.Errorf("peers of %s: %s, want %s", n, got, want)
		}
	}
	w.crash(w.node(id("d")))
	for range 8 {
		w.tick()
	}
	// e neither sequences shard 2 nor is in it: it is told by a hint.
	w.node(id("e")).host.Learn(chainOf(2, "cd", "c"))
	w.tick()
	for n, want := range map[string]string{"a": "bcgh", "c": "abef", "e": "cfgh", "h": "abefg"} {
		if got := peers(n); got != want {
			t.Errorf("after the loss of d, peers of %s: %s, want %s", n, got, want)
		}
	}
	// A removed node has nobody to watch.
	w.start(w.node(id("d")))
	w.node(id("d")).host.Learn(chainOf(2, "cd", "c"))
	w.tick()
	if got := peers("d"); got != "" {
		t.Errorf("peers of the removed d: %s, want none", got)
	}
}

// TestDurableFindsItsReplica: records of several shards become durable in the order of the log, a few at a time.
func TestDurableFindsItsReplica(t *testing.T) {
	w := quiet(t, "ab", "ab")
	h := w.node(id("a")).host
	var order []shard.ID
	for i := range 6 {
		s := shard.ID(i%2 + 1)
		h.Request(shard.Request{Shard: s, Kind: shard.Put, Key: []byte("k")})
		for _, rec := range h.Ready().Write {
			order = append(order, rec.Shard)
		}
	}
	if !slices.Equal(order, []shard.ID{1, 2, 1, 2, 1, 2}) {
		t.Fatalf("records of shards %v", order)
	}
	durable := func() (d [2]shard.Seqno) {
		for i, s := range h.Standings() {
			d[i] = s.Durable
		}
		return d
	}
	for _, c := range []struct {
		n    int
		want [2]shard.Seqno
	}{{1, [2]shard.Seqno{1, 0}}, {3, [2]shard.Seqno{2, 2}}, {0, [2]shard.Seqno{2, 2}}, {2, [2]shard.Seqno{3, 3}}} {
		h.Durable(c.n)
		if got := durable(); got != c.want {
			t.Errorf("%d more: durable up to %v, want %v", c.n, got, c.want)
		}
	}
}

// TestRemovedReplicaLearns: what is applied at a replica that is no member counts all the same. As a member again it would watch, and
// suspect, nodes that are none any more.
func TestRemovedReplicaLearns(t *testing.T) {
	w := newWorld(t, testOptions(), "ab", "cd")
	a := w.node(id("a")).host
	a.Learn(shard.Chain{{Shard: 1, Epoch: 1, Members: ids("ab")}, {Shard: 1, Epoch: 2, Members: ids("b")}})
	decided := shard.Chain{{Shard: 2, Epoch: 1, Members: ids("cd")}, {Shard: 2, Epoch: 2, Members: ids("c")}}
	a.Applied(1, 1, &sequencer.Register{Chain: decided, Activated: 1})
	if e := a.Known(2).Newest().Epoch; e != 2 {
		t.Errorf("it goes by epoch %d of shard 2, want 2", e)
	}
}

// TestServedIsNotedOnce: however often, and by whom, a first write is told of before it is applied, the history gets one entry for it.
func TestServedIsNotedOnce(t *testing.T) {
	w := quiet(t, "ab", "cd")
	w.crash(w.node(id("b")))
	for range 8 {
		w.tick()
	}
	h := w.node(id("c")).host
	entries := func() (n int) {
		for _, rec := range h.Ready().Write {
			if rec.Kind == shard.RecordEntry {
				n++
			}
		}
		return n
	}
	h.Ready()
	told := shard.Message{Kind: shard.MsgServed, Shard: 1, From: id("a"), To: id("c"), Epoch: 2, Took: []uint64{7}}
	for what, change := range map[string]func(m *shard.Message){
		"another node":  func(m *shard.Message) { m.From = id("b") },
		"an old epoch":  func(m *shard.Message) { m.Epoch = 1 },
		"a later epoch": func(m *shard.Message) { m.Epoch = 3 },
		"no time":       func(m *shard.Message) { m.Took = []uint64{0} },
		"nothing":       func(m *shard.Message) { m.Took = nil },
		"too much":      func(m *shard.Message) { m.Took = []uint64{1, 2} },
	} {
		m := told
		change(&m)
		if h.Step(m); entries() != 0 {
			t.Errorf("%s makes an entry", what)
		}
	}
	for range 3 {
		h.Step(told)
	}
	if n := entries(); n != 1 {
		t.Errorf("told three times it makes %d entries", n)
	}
}

// TestServedIsToldInOneLife: a head that restarted in its configuration does not know since when it is ACTIVE, and tells nothing of its first write.
func TestServedIsToldInOneLife(t *testing.T) {
	w := quiet(t, "ab", "cd")
	a := w.node(id("a"))
	serve := func() pace {
		a.host.Request(shard.Request{Shard: 1, Kind: shard.Put, Key: []byte("k"), Value: []byte("v")})
		for range 8 {
			w.tick()
		}
		return a.host.engines[1].pace
	}
	w.crash(w.node(id("b")))
	for range 8 {
		w.tick()
	}
	if p := serve(); p.chosen == 0 || p.served == 0 {
		t.Errorf("a new head has served, and knows %+v", p)
	}
	w.crash(a)
	w.start(a)
	if p := serve(); p.active == 0 || p.served != 0 {
		t.Errorf("after a restart it knows %+v", p)
	}
}
