package gossip

import (
	"bytes"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/ringward/ringward/shard"
)

// brisk makes what lan does within seconds happen within milliseconds.
func brisk() pace {
	c := memberlist.DefaultLANConfig()
	c.GossipInterval = 2 * time.Millisecond
	c.ProbeInterval, c.ProbeTimeout = 40*time.Millisecond, 20*time.Millisecond
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = 1, 1
	c.PushPullInterval = 50 * time.Millisecond
	c.TCPTimeout = time.Second
	c.GossipToTheDeadTime = 100 * time.Millisecond
	c.EnableCompression = false
	return pace{seek: 5 * time.Millisecond, reseek: 40 * time.Millisecond, leave: time.Second, list: c}
}

// testNode is a Gossip with what it has said.
type testNode struct {
	*Gossip
	logs  *recorder
	mu    sync.Mutex
	hints []shard.Chain
}

func start(t *testing.T, o Options, p pace) *testNode {
	t.Helper()
	n := &testNode{logs: newRecorder()}
	o.Logger = slog.New(slog.NewTextHandler(n.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.OnHint = func(ch shard.Chain) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.hints = append(n.hints, ch)
	}
	if o.Boot == 0 {
		o.Boot = 1
	}
	if o.Address == "" {
		o.Address = o.Node.String() + ":1"
	}
	if o.Bind == "" {
		o.Bind = "127.0.0.1:0"
	}
	var err error
	if n.Gossip, err = open(o, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// kill ends a node without a farewell.
func (n *testNode) kill(t *testing.T) {
	n.cancel()
	n.joining.Wait()
	if err := n.list.Shutdown(); err != nil {
		t.Fatal(err)
	}
	n.closeOnce.Do(func() {})
}

func (n *testNode) heard() []shard.Chain {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.hints)
}

func (n *testNode) told(ch shard.Chain) bool {
	hints := n.heard()
	return len(hints) > 0 && reflect.DeepEqual(hints[len(hints)-1], ch)
}

func (n *testNode) knows(id shard.NodeID) bool {
	_, ok := n.Address(id)
	return ok
}

func (n *testNode) sees(id shard.NodeID) bool {
	known, _ := n.table.node(id)
	return known.Alive
}

func (n *testNode) removed() []shard.NodeID { return n.table.state().removed }

// await waits until cond holds, and looks whenever n has news.
func await(t *testing.T, n *testNode, what string, cond func() bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		news, lines := n.Changed(), n.logs.changed()
		if cond() {
			return
		}
		select {
		case <-news:
		case <-lines:
		case <-late:
			t.Fatalf("%v has waited in vain until %s; it knows %+v and has logged\n%s", n.Self().ID, what, n.Nodes(), n.logs)
		}
	}
}

// recorder keeps log lines, and says when there are more.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{})} }

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.more)
	r.more = make(chan struct{})
	return r.text.Write(b)
}

func (r *recorder) changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.more
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *recorder) has(s string) bool { return strings.Contains(r.String(), s) }

func TestAddressesSpread(t *testing.T) {
	a := start(t, Options{Node: 1, Name: "one", Address: "a:1"}, brisk())
	b := start(t, Options{Node: 2, Name: "same", Zone: "rack-2", Address: "b:1", Join: []string{a.Self().Gossip}}, brisk())
	c := start(t, Options{Node: 3, Name: "same", Address: "c:1", Join: []string{a.Self().Gossip}}, brisk())
	for _, n := range []*testNode{a, b, c} {
		await(t, n, "all are known", func() bool { return n.sees(1) && n.sees(2) && n.sees(3) })
	}
	if got, _ := b.Address(3); got != "c:1" {
		t.Errorf("the address of 3 is %q", got)
	}
	if _, ok := b.Address(4); ok {
		t.Error("an unknown node has an address")
	}
	if n := c.Nodes()[1]; n.Zone != "rack-2" {
		t.Errorf("node 2 is known as %+v", n)
	}
	if n := c.Nodes()[0]; n.Name != "one" || n.Zone != "" || n.Gossip != a.Self().Gossip || n.Boot != 1 {
		t.Errorf("node 1 is known as %+v", n)
	}
}

func TestOrderOfStartDoesNotMatter(t *testing.T) {
	b := start(t, Options{Node: 2}, brisk())
	seed := b.Self().Gossip
	b.kill(t)
	a := start(t, Options{Node: 1, Join: []string{seed, "nowhere.invalid:1"}}, brisk())
	await(t, a, "the seed does not answer", func() bool { return a.logs.has("another node does not answer") })
	b = start(t, Options{Node: 2, Boot: 2, Bind: seed}, brisk())
	await(t, a, "the seed is found", func() bool { return a.sees(2) })
	await(t, b, "it is found by the seed", func() bool { return b.sees(1) })
}

func TestHintsSpread(t *testing.T) {
	a := start(t, Options{Node: 1, Cluster: "x"}, brisk())
	b := start(t, Options{Node: 2, Cluster: "x", Join: []string{a.Self().Gossip}}, brisk())
	await(t, a, "b is there", func() bool { return a.sees(2) })
	await(t, b, "a is there", func() bool { return b.sees(1) })

	first := shard.Chain{configuration(1, 1, 1, 2)}
	newer := shard.Chain{configuration(1, 1, 1, 2), configuration(1, 2, 2)}
	if err := a.Hint(first); err != nil {
		t.Fatal(err)
	}
	await(t, b, "the hint is told", func() bool { return b.told(first) })
	if err := a.Hint(newer); err != nil {
		t.Fatal(err)
	}
	await(t, b, "the newer hint is told", func() bool { return b.told(newer) })
	if err := b.Hint(first); err != nil { // older: goes nowhere
		t.Fatal(err)
	}
	if own := a.heard(); len(own) > 0 {
		t.Errorf("a is told its own hints: %v", own)
	}

	// One that fits no packet, and one who comes late and by another door.
	long := shard.Chain{configuration(2, 1, 1)}
	for e := range shard.Epoch(1000) {
		long = append(long, configuration(2, e+2, 1, 2, 3))
	}
	if err := a.Hint(long); err != nil {
		t.Fatal(err)
	}
	await(t, b, "the long hint is told", func() bool { return b.told(long) })
	c := start(t, Options{Node: 3, Cluster: "x", Join: []string{b.Self().Gossip}}, brisk())
	await(t, c, "all hints are told", func() bool { return len(c.heard()) == 2 })
	if err := a.Hint(nil); err == nil {
		t.Error("an empty chain is accepted")
	}
	if err := a.Hint(shard.Chain{configuration(1, 2, 1)}); err == nil {
		t.Error("a hint against an earlier one is accepted")
	}
}

// Packets alone must do: the exchange of full states would hide a broadcast that never goes out.
func TestBroadcastAlone(t *testing.T) {
	p := func() pace {
		p := brisk()
		p.list.PushPullInterval = time.Hour
		return p
	}
	a := start(t, Options{Node: 1, Cluster: "x"}, p())
	b := start(t, Options{Node: 2, Cluster: "x", Join: []string{a.Self().Gossip}}, p())
	await(t, a, "b is there", func() bool { return a.sees(2) })
	await(t, b, "a is there", func() bool { return b.sees(1) })
	hint := shard.Chain{configuration(1, 7, 1)}
	if err := a.Hint(hint); err != nil {
		t.Fatal(err)
	}
	await(t, b, "the hint is told", func() bool { return b.told(hint) })
}

func TestNewerHintReplacesQueued(t *testing.T) {
	g := &Gossip{table: newTable(Node{ID: 1, Boot: 1, Cluster: "x"})}
	g.queue.NumNodes, g.queue.RetransmitMult = g.table.count, 4
	for e := shard.Epoch(1); e <= 3; e++ {
		for id := shard.ID(1); id <= 2; id++ {
			if err := g.Hint(shard.Chain{configuration(id, e, 1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	queued := delegate{g}.GetBroadcasts(0, 1400)
	if len(queued) != 2 {
		t.Fatalf("%d broadcasts are queued for 2 shards", len(queued))
	}
	for _, b := range queued {
		if _, ch, err := decodeHint(b); err != nil || ch.Newest().Epoch != 3 {
			t.Errorf("queued is %v, %v", ch, err)
		}
	}
}

func TestAddressOutlivesItsNode(t *testing.T) {
	a := start(t, Options{Node: 1}, brisk())
	b := start(t, Options{Node: 2, Address: "b:1", Join: []string{a.Self().Gossip}}, brisk())
	await(t, a, "b is there", func() bool { return a.sees(2) })
	gossip := b.Self().Gossip
	b.kill(t)
	await(t, a, "b is thought dead", func() bool { return !a.sees(2) })
	if got, ok := a.Address(2); !ok || got != "b:1" {
		t.Errorf("its address is %q, %v", got, ok)
	}
	// It is told even to those who come later.
	c := start(t, Options{Node: 3, Join: []string{a.Self().Gossip}}, brisk())
	await(t, c, "the dead node is known", func() bool { return c.knows(2) })

	// It comes back elsewhere and knows nobody: they find it where it was.
	b = start(t, Options{Node: 2, Boot: 2, Address: "moved:1", Bind: gossip}, brisk())
	for _, n := range []*testNode{a, c} {
		await(t, n, "b is back", func() bool {
			address, _ := n.Address(2)
			return n.sees(2) && address == "moved:1"
		})
	}
	await(t, b, "it knows all", func() bool { return b.sees(1) && b.sees(3) })
}

func TestFarewell(t *testing.T) {
	// So slow that nobody notices a death in time.
	slow := func() pace {
		p := brisk()
		p.list.ProbeInterval = time.Hour
		return p
	}
	a := start(t, Options{Node: 1}, slow())
	b := start(t, Options{Node: 2, Join: []string{a.Self().Gossip}}, slow())
	await(t, a, "b is there", func() bool { return a.sees(2) })
	await(t, b, "a is there", func() bool { return b.sees(1) })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, a, "b has said farewell", func() bool { return !a.sees(2) })
	if err := b.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	delegate{b.Gossip}.received(shard.Chain{configuration(1, 1, 1)})
	if len(b.heard()) > 0 {
		t.Error("a hint is told after Close")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	a := start(t, Options{Node: 1, Cluster: "x"}, brisk())
	b := start(t, Options{Node: 2, Cluster: "y", Join: []string{a.Self().Gossip}}, brisk())
	await(t, b, "the refusal is logged", func() bool { return b.logs.has(`is of cluster \"x\", this one is of \"y\"`) })
	await(t, a, "the refusal is logged", func() bool { return a.logs.has(`is of cluster \"y\", this one is of \"x\"`) })
	if a.knows(2) || b.knows(1) {
		t.Errorf("strangers know each other: %+v, %+v", a.Nodes(), b.Nodes())
	}
	// What a stranger says is not listened to.
	d := delegate{a.Gossip}
	hint := shard.Chain{configuration(1, 1, 2)}
	d.NotifyMsg(appendHint(nil, "y", hint))
	d.NotifyMsg(appendHint(nil, "", hint))
	d.NotifyMsg([]byte("nonsense"))
	stranger := Node{ID: 5, Boot: 1, Address: "s:1", Gossip: "s:1"}
	d.MergeRemoteState(state{cluster: "y", nodes: []Node{stranger}, chains: []shard.Chain{hint}}.append(nil), true)
	d.MergeRemoteState([]byte("nonsense"), true)
	if len(a.heard()) > 0 || a.knows(5) {
		t.Errorf("a stranger is believed: %v, %+v", a.heard(), a.Nodes())
	}
	// Nor is one who claims to be another.
	m := &memberlist.Node{Name: memberName(6, 1), Meta: appendMeta(nil, stranger)}
	if err := d.NotifyAlive(m); err == nil {
		t.Error("a member with the meta of another is let in")
	}
}

// TestDrainSpreads: the word of the node itself counts, also where it takes it back.
func TestDrainSpreads(t *testing.T) {
	a := start(t, Options{Node: 1, Cluster: "x", Drains: true}, brisk())
	b := start(t, Options{Node: 2, Cluster: "x", Join: []string{a.Self().Gossip}}, brisk())
	await(t, b, "a drains", func() bool { return b.Nodes()[0].Drains })
	a.SetDrains(false)
	await(t, b, "a drains no more", func() bool { return !b.Nodes()[0].Drains })
	a.SetDrains(true)
	await(t, b, "a drains again", func() bool { return b.Nodes()[0].Drains })
	hearsay := a.Self()
	hearsay.Drains, hearsay.Alive = false, false
	delegate{b.Gossip}.MergeRemoteState(state{cluster: "x", nodes: []Node{hearsay}}.append(nil), false)
	if !b.Nodes()[0].Drains {
		t.Error("hearsay of the same boot counts")
	}
}

// TestRemovedNeverReturns: who was removed is refused by all who know, and learns so itself.
func TestRemovedNeverReturns(t *testing.T) {
	a := start(t, Options{Node: 1, Cluster: "x"}, brisk())
	b := start(t, Options{Node: 2, Cluster: "x", Join: []string{a.Self().Gossip}}, brisk())
	gone := start(t, Options{Node: 3, Cluster: "x", Join: []string{a.Self().Gossip}}, brisk())
	await(t, a, "all are there", func() bool { return a.sees(2) && a.sees(3) })
	gone.kill(t)
	a.Remove(3)
	if a.knows(3) {
		t.Error("a still knows it")
	}
	await(t, b, "b learns", func() bool { return !b.knows(3) && slices.Contains(b.removed(), 3) })

	told := make(chan []shard.NodeID, 1)
	back := start(t, Options{Node: 3, Boot: 2, Cluster: "x", Join: []string{a.Self().Gossip}, OnRemoved: func(ids []shard.NodeID) { told <- ids }}, brisk())
	await(t, back, "it learns of itself", func() bool { return back.logs.has("others know of removed nodes") })
	if ids := <-told; !slices.Equal(ids, []shard.NodeID{3}) {
		t.Errorf("it is told of %v", ids)
	}
	if a.knows(3) || b.knows(3) {
		t.Error("it is let in")
	}
	m := &memberlist.Node{Name: memberName(3, 2), Meta: appendMeta(nil, back.Self())}
	if err := (delegate{a.Gossip}).NotifyAlive(m); err == nil || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("it is alive: %v", err)
	}
	start(t, Options{Node: 4, Cluster: "x", Removed: []shard.NodeID{1}, Join: []string{b.Self().Gossip}}, brisk())
	await(t, b, "one that knew it before tells others", func() bool { return slices.Contains(b.removed(), 1) && !b.knows(1) && b.sees(4) })
}

func TestClusterComesLater(t *testing.T) {
	a := start(t, Options{Node: 1}, brisk())
	b := start(t, Options{Node: 2, Join: []string{a.Self().Gossip}}, brisk())
	await(t, b, "a is there", func() bool { return b.sees(1) })
	hint := shard.Chain{configuration(1, 1, 1)}

	if err := a.SetCluster("x"); err != nil {
		t.Fatal(err)
	}
	await(t, b, "a's cluster is known", func() bool { return b.Nodes()[0].Cluster == "x" })
	if err := a.Hint(hint); err != nil {
		t.Fatal(err)
	}
	if err := b.SetCluster("x"); err != nil {
		t.Fatal(err)
	}
	await(t, b, "the earlier hint is told", func() bool { return b.told(hint) })
	await(t, a, "b's cluster is known", func() bool { return a.Nodes()[1].Cluster == "x" })
	if err := b.SetCluster("y"); err == nil {
		t.Error("a node changes its cluster")
	}
}

func TestKey(t *testing.T) {
	key, wrong := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	a := start(t, Options{Node: 1, Key: key}, brisk())
	b := start(t, Options{Node: 2, Key: wrong, Join: []string{a.Self().Gossip}}, brisk())
	await(t, b, "it is refused", func() bool { return b.logs.has("another node does not answer") })
	c := start(t, Options{Node: 3, Key: key, Join: []string{a.Self().Gossip}}, brisk())
	await(t, c, "it is let in", func() bool { return c.sees(1) })
	if a.knows(2) || b.knows(1) {
		t.Error("the wrong key opens")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"node":        {func(o *Options) { o.Node = 0 }, "node id is 0"},
		"boot":        {func(o *Options) { o.Boot = 0 }, "boot 0: want 1 to"},
		"address":     {func(o *Options) { o.Address = "here" }, `address "here": want host:port`},
		"bind":        {func(o *Options) { o.Bind = "127.0.0.1" }, `address "127.0.0.1"`},
		"port":        {func(o *Options) { o.Bind = "127.0.0.1:99999" }, `address "127.0.0.1:99999"`},
		"key":         {func(o *Options) { o.Key = []byte("short") }, "key of 5 bytes: want 16, 24 or 32"},
		"no loopback": {func(o *Options) { o.Bind = "0.0.0.0:0" }, `"0.0.0.0:0" is reached from beyond loopback`},
		"all":         {func(o *Options) { o.Bind, o.Insecure = ":0", true }, "to advertise"},
		"no port":     {func(o *Options) { o.Bind, o.Advertise = "127.0.0.1:0", "127.0.0.1:1" }, "want a port"},
		"advertise":   {func(o *Options) { o.Advertise = "0.0.0.0:1" }, `advertised address "0.0.0.0:1": want`},
		"taken":       {func(o *Options) {}, "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			holder := start(t, Options{Node: 9}, brisk())
			o := Options{Node: 1, Boot: 1, Address: "a:1", Bind: holder.Self().Gossip, Logger: slog.New(slog.DiscardHandler)}
			test.change(&o)
			g, err := Open(o)
			if err == nil {
				g.Close()
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v\ndoes not say %s", err, test.want)
			}
		})
	}
}

func TestAdvertise(t *testing.T) {
	o := Options{Node: 1, Boot: 1, Bind: "0.0.0.0:7101", Insecure: true, Advertise: "127.0.0.2:1234"}
	c, err := o.memberlist(lan().list)
	if err != nil {
		t.Fatal(err)
	}
	if c.BindAddr != "0.0.0.0" || c.BindPort != 7101 || c.AdvertiseAddr != "127.0.0.2" || c.AdvertisePort != 1234 {
		t.Errorf("bound to %s port %d, advertised is %s port %d", c.BindAddr, c.BindPort, c.AdvertiseAddr, c.AdvertisePort)
	}
}

func TestListLog(t *testing.T) {
	var b bytes.Buffer
	w := listLog{slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	for line, want := range map[string]string{
		"[ERR] memberlist: lost\n":  "level=WARN msg=lost",
		"[WARN] memberlist: odd\n":  "level=INFO msg=odd",
		"[INFO] memberlist: fine\n": "",
		"[DEBUG] memberlist: x\n":   "",
		"[odd] memberlist: y\n":     `level=INFO msg="[odd] memberlist: y"`,
		"plain":                     "level=INFO msg=plain",
	} {
		b.Reset()
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%q: %d, %v", line, n, err)
		}
		if got := b.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q is logged as %q, want %q", line, got, want)
		}
	}
}
