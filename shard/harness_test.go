package shard

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// cluster is the replicas of one shard with their disks, their machines and a network. Nothing moves by itself:
// a record becomes durable, and a message arrives, when the test says so. What replicas put out is
// written down, so that a test is the transcript of a run.
type cluster struct {
	t     *testing.T
	opt   Options // but for Self and Numbers
	chain Chain   // what was decided so far
	nodes []*node
	net   []Message // under way, in the order of sending
	kept  []Message // copies that may arrive once more
	asked int       // operations so far
	brief bool      // messages and writes are not written down
	part  int       // bytes in a part of a snapshot
	later []func()  // what replicas are told of snapshots next
	out   strings.Builder
}

// node is one data directory and, unless it has crashed, the replica over it.
type node struct {
	id       NodeID
	boot     uint64
	replica  *Replica
	log      [][]byte // durable
	pending  [][]byte // written, not fsynced
	machine  *Machine
	contents *contents
	flushed  *contents // what of the contents outlives a crash
	exports  map[Number]*contents
	// forgotten is up to where the log is read no more, as if its oldest segments had gone.
	forgotten Seqno
}

// id turns a letter into a node's id, name the other way round.
func id(name string) NodeID { return NodeID(name[0]-'a') + 1 }

func name(n NodeID) string { return string(rune('a' + n - 1)) }

func names(ids []NodeID) string {
	var b strings.Builder
	for _, n := range ids {
		b.WriteString(name(n))
	}
	return b.String()
}

func ids(names ...string) (ids []NodeID) {
	for _, n := range names {
		ids = append(ids, id(n))
	}
	return ids
}

// newCluster starts the members of epoch 1 with an empty history.
func newCluster(t *testing.T, opt Options, members ...NodeID) *cluster {
	c := &cluster{t: t, opt: opt, chain: Chain{{Shard: 1, Epoch: 1, Members: members}}, part: 1 << 20}
	for _, m := range members {
		n := &node{id: m, contents: newContents(), flushed: newContents()}
		n.log = [][]byte{AppendRecord(nil, Record{
			Shard: 1, Kind: RecordState, Chain: c.chain, Epoch: 1, Lineage: Lineage{{Epoch: 1}},
		})}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		c.start(n)
	}
	return c
}

func testOptions() Options {
	return Options{MessageBytes: 1 << 20, InFlightBytes: 1 << 20, WaitingReads: 100}
}

// settled is a chain at rest whose history has n entries.
func settled(t *testing.T, n int, members ...string) *cluster {
	c := newCluster(t, testOptions(), ids(members...)...)
	c.settle()
	for range n {
		c.nodes[0].replica.Write(Request{Shard: 1, Kind: Put, Key: []byte("k"), Value: []byte("v")})
		c.settle()
	}
	return c
}

// stray is a message that one replica could have sent to another, from the links as they are.
func (c *cluster) stray(kind MessageKind, from, to string) Message {
	m := Message{Kind: kind, Shard: 1, From: id(from), To: id(to), Epoch: c.chain.Newest().Epoch}
	switch r := c.node(m.To).replica; kind {
	case MsgAppend, MsgInherit:
		m.Link = r.up.link
	default:
		m.Link = r.down.link()
	}
	return m
}

func (c *cluster) decide(members ...string) {
	c.chain = append(c.chain[:len(c.chain):len(c.chain)], Configuration{Shard: 1, Epoch: c.chain.Newest().Epoch + 1, Members: ids(members...)})
}

func (c *cluster) node(n NodeID) *node {
	i := slices.IndexFunc(c.nodes, func(x *node) bool { return x.id == n })
	if i < 0 {
		return nil
	}
	return c.nodes[i]
}

func (c *cluster) logf(format string, args ...any) { fmt.Fprintf(&c.out, format+"\n", args...) }

// start brings the replica up from what is on its disk.
func (c *cluster) start(n *node) {
	n.boot++
	n.exports = map[Number]*contents{}
	stored, err := n.stored()
	if err != nil {
		c.t.Fatalf("log of %s: %v", name(n.id), err)
	}
	if stored.Void() {
		n.flushed = newContents()
	}
	n.contents = n.flushed.clone()
	if n.machine, err = OpenMachine(n.contents, testRegister(""), decodeTestRegister); err != nil {
		c.t.Fatalf("contents of %s: %v", name(n.id), err)
	}
	if err := stored.Forget(n.machine.Applied()); err != nil {
		c.t.Fatalf("log and contents of %s: %v", name(n.id), err)
	}
	opt := c.opt
	opt.Self, opt.Numbers = n.id, NewNumbers(n.boot)
	if n.replica, err = NewReplica(opt, stored); err != nil {
		c.t.Fatalf("replica %s: %v", name(n.id), err)
	}
	c.drain()
}

// stored is what the log of a node holds.
func (n *node) stored() (stored Stored, err error) {
	for _, b := range n.log {
		rec, err := DecodeRecord(b)
		if err == nil {
			err = stored.Replay(rec)
		}
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// crash loses what was not fsynced and what was not flushed.
func (c *cluster) crash(n *node) { n.replica, n.pending = nil, nil }

// durable fsyncs the first k pending records, all of them where k is negative.
func (c *cluster) durable(n *node, k int) {
	if k < 0 {
		k = len(n.pending)
	}
	n.log = append(n.log, n.pending[:k]...)
	n.pending = n.pending[k:]
	n.replica.Durable(k)
	c.drain()
}

// deliver lets messages that match arrive, at most limit of those under way now.
func (c *cluster) deliver(limit int, match func(Message) bool) int {
	var arriving []Message
	c.net = slices.DeleteFunc(c.net, func(m Message) bool {
		if len(arriving) == limit || !match(m) {
			return false
		}
		arriving = append(arriving, m)
		return true
	})
	for _, m := range arriving {
		n := c.node(m.To)
		if n == nil || n.replica == nil {
			continue
		}
		if !c.brief {
			c.logf("%s <- %s", name(m.To), describe(m))
		}
		n.replica.Step(m)
		c.drain()
	}
	return len(arriving)
}

// settle lets everything become durable and arrive until nothing is left.
func (c *cluster) settle() {
	c.brief = true
	c.drain()
	for range 100 {
		busy := c.deliver(len(c.net), func(Message) bool { return true }) > 0
		for _, n := range c.nodes {
			if n.replica != nil && len(n.pending) > 0 {
				c.durable(n, -1)
				busy = true
			}
		}
		if !busy {
			c.brief = false
			return
		}
	}
	c.t.Fatal("the replicas do not come to rest")
}

// drain does what the replicas want done.
func (c *cluster) drain() {
	for _, n := range c.nodes {
		if n.replica == nil {
			continue
		}
		failed := n.replica.Err()
		out := n.replica.Output()
		for _, rec := range out.Write {
			n.pending = append(n.pending, AppendRecord(nil, rec))
			if !c.brief {
				c.logf("%s writes %s", name(n.id), describeRecord(rec))
			}
		}
		for _, m := range out.Send {
			if err := m.Valid(); err != nil {
				c.t.Fatalf("%s sends what no correct replica sends: %v", name(n.id), err)
			}
			c.net = append(c.net, m)
			if !c.brief {
				c.logf("%s -> %s %s", name(n.id), name(m.To), describe(m))
			}
		}
		for _, w := range out.Work {
			c.work(n, w)
		}
		applied, _ := n.machine.Applied()
		n.replica.Applied(applied)
		for _, x := range out.Exports {
			c.later = append(c.later, func() { n.replica.Exported(x, c.export(n, x)) })
		}
		for _, x := range out.Recalls {
			c.later = append(c.later, func() { n.replica.Recalled(x, c.recall(n, x)) })
		}
		for _, r := range out.Replies {
			c.logf("%s answers %v: %s", name(n.id), r.Token, describeResult(r.Result))
		}
		for _, e := range out.Events {
			c.logf("%s %s", name(n.id), describeEvent(e))
		}
		if err := n.replica.Err(); err != nil && failed == nil {
			c.logf("%s stops: %v", name(n.id), err)
		}
		// Nothing that could be said is left for the next time: there may be none for long.
		if more := n.replica.Output(); len(more.Write)+len(more.Send)+len(more.Work)+len(more.Replies)+len(more.Events) > 0 {
			c.t.Fatalf("%s puts out more when it is asked again: %+v", name(n.id), more)
		}
	}
	if later := c.later; len(later) > 0 {
		c.later = nil
		for _, tell := range later {
			tell()
		}
		c.drain()
	}
}

func (c *cluster) work(n *node, w Work) {
	var r Result
	var err error
	if w.Clear {
		err = n.machine.Clear()
	} else if w.Part != nil {
		if err = n.machine.Fill(w.Part); err == nil && w.Part.Done {
			n.flushed = n.contents.clone()
		}
		c.later = append(c.later, func() { n.replica.Filled(w.Part.Number) })
	} else if w.Entry == nil {
		r, err = n.machine.Read(w.Key)
	} else if r, err = n.machine.Apply(w.Entry); err == nil {
		err = n.machine.Commit()
		c.logf("%s applies %s", name(n.id), describeEntry(w.Entry))
	}
	if err != nil {
		c.t.Fatalf("applier of %s: %v", name(n.id), err)
	}
	if w.Token != nil {
		c.logf("%s answers %v: %s", name(n.id), w.Token, describeResult(r))
	}
}

// export reads a part of a snapshot, which a crash of its node takes away.
func (c *cluster) export(n *node, x Export) *Part {
	if len(x.After) == 0 {
		n.exports[x.Number] = n.contents.clone()
	}
	s := n.exports[x.Number]
	if s == nil {
		return nil
	}
	p, err := ReadPart(s, x, c.part)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// recall reads entries from the log of a node, of which a test may have forgotten the oldest.
func (c *cluster) recall(n *node, x Recall) (entries []Entry) {
	stored, err := n.stored()
	if err != nil {
		c.t.Fatal(err)
	}
	first := x.After + 1
	if !c.brief {
		c.logf("%s reads its log above %d, up to %d", name(n.id), x.After, x.Last)
	}
	if first <= max(stored.Start, n.forgotten) {
		return nil
	}
	entries = stored.Entries[first-stored.Start-1 : x.Last-stored.Start]
	return entries[:fitting(entries, x.Bytes)]
}

func (c *cluster) token(what string) Token {
	c.asked++
	return fmt.Sprintf("%s%d", what, c.asked)
}

func (c *cluster) standing(n *node) string {
	if n.replica == nil {
		return fmt.Sprintf("%s crashed", name(n.id))
	}
	s := n.replica.Standing()
	flags := ""
	if s.Synced {
		flags += " synced"
	}
	if s.Held {
		flags += " held"
	}
	if s.Err != nil {
		flags += " stopped"
	}
	applied, _ := n.machine.Applied()
	return fmt.Sprintf("%s %v %d(%s) active=%d last=%d durable=%d commit=%d applied=%d lineage=%s%s", name(n.id), s.State,
		s.Configuration.Epoch, names(s.Configuration.Members), s.Active, s.Last, s.Durable, s.Commit, applied, describeLineage(s.Lineage), flags)
}

// contents keeps a shard's applied state in memory.
type contents struct{ kv map[string][]byte }

func newContents() *contents { return &contents{kv: map[string][]byte{}} }

func (c *contents) clone() *contents { return &contents{kv: maps.Clone(c.kv)} }

func (c *contents) Get(key []byte) ([]byte, bool, error) {
	v, ok := c.kv[string(key)]
	return slices.Clone(v), ok, nil
}

func (c *contents) Set(key, value []byte) error {
	c.kv[string(key)] = slices.Clone(value)
	return nil
}

func (c *contents) Delete(key []byte) error {
	delete(c.kv, string(key))
	return nil
}

func (c *contents) Scan(prefix []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(c.kv)) {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), c.kv[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contents) From(after []byte, f func(key, value []byte) bool) error {
	for _, k := range slices.Sorted(maps.Keys(c.kv)) {
		if k > string(after) && !f([]byte(k), c.kv[k]) {
			break
		}
	}
	return nil
}

func (c *contents) Clear() error {
	clear(c.kv)
	return nil
}

func (c *contents) Commit() error { return nil }

// testRegister records its commands; "bad" is one it cannot carry out.
type testRegister string

func (r testRegister) Apply(command []byte) (Register, error) {
	if string(command) == "bad" {
		return nil, fmt.Errorf("command %q", command)
	}
	return r + testRegister(command), nil
}

func (r testRegister) Append(b []byte) []byte { return append(b, r...) }

func decodeTestRegister(b []byte) (Register, error) { return testRegister(b), nil }
