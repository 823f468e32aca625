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
	c := &cluster{t: t, opt: opt, chain: Chain{{Shard: 1, Epoch: 1, Members: members}}}
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
	n.contents = n.flushed.clone()
	var err error
	if n.machine, err = OpenMachine(n.contents, testRegister(""), decodeTestRegister); err != nil {
		c.t.Fatalf("contents of %s: %v", name(n.id), err)
	}
	var stored Stored
	for _, b := range n.log {
		rec, err := DecodeRecord(b)
		if err == nil {
			err = stored.Replay(rec)
		}
		if err != nil {
			c.t.Fatalf("log of %s: %v", name(n.id), err)
		}
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
		for _, r := range out.Replies {
			c.logf("%s answers %v: %s", name(n.id), r.Token, describeResult(r.Result))
		}
		for _, e := range out.Events {
			c.logf("%s %s", name(n.id), describeEvent(e))
		}
		if err := n.replica.Err(); err != nil && failed == nil {
			c.logf("%s stops: %v", name(n.id), err)
		}
	}
}

func (c *cluster) work(n *node, w Work) {
	var r Result
	var err error
	if w.Entry == nil {
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

// The descriptions below show what matters of each kind, and numbers as boot.count.

func describeNumber(n Number) string {
	return fmt.Sprintf("#%d.%d", n>>(64-BootBits), n&(1<<(64-BootBits)-1))
}

// describeLineage shows each epoch with its base.
func describeLineage(l Lineage) string {
	var parts []string
	for _, v := range l {
		parts = append(parts, fmt.Sprintf("%d@%d", v.Epoch, v.Seqno))
	}
	return strings.Join(parts, ",")
}

func describe(m Message) string {
	s := fmt.Sprintf("%v(%d)", m.Kind, m.Epoch)
	add := func(format string, args ...any) { s += fmt.Sprintf(" "+format, args...) }
	link := func() { add("link=%s%s", describeNumber(m.Link.Ask), describeNumber(m.Link.Answer)) }
	switch m.Kind {
	case MsgConnect:
		add("%v last=%d base=%d", describeNumber(m.Number), m.Last, m.Base)
		if m.Synced {
			s += " synced"
		}
	case MsgConnected:
		link()
		add("%v last=%d", m.State, m.Last)
	case MsgInherit:
		link()
		add("cut=%d last=%d lineage=%s", m.Cut, m.Last, describeLineage(m.Lineage))
	case MsgAppend:
		link()
		add("last=%d commit=%d", m.Last, m.Commit)
	case MsgAck:
		link()
		add("last=%d", m.Last)
	case MsgHandBack:
		link()
	case MsgRefuse:
		if m.Link != (Link{}) {
			link()
		}
	case MsgFence:
		add("%v", describeNumber(m.Number))
	case MsgFenced:
		add("%v commit=%d", describeNumber(m.Number), m.Commit)
	case MsgWedge:
		add("%v", describeNumber(m.Number))
	case MsgWedged:
		add("%v %v active=%d last=%d lineage=%s", describeNumber(m.Number), m.State, m.Active, m.Last, describeLineage(m.Lineage))
	case MsgFetch:
		add("%v cut=%d", describeNumber(m.Number), m.Cut)
	case MsgFetched:
		add("%v cut=%d last=%d", describeNumber(m.Number), m.Cut, m.Last)
	}
	if len(m.Chain) > 0 {
		add("chain=%s", describeChain(m.Chain))
	}
	if len(m.Entries) > 0 {
		add("entries=%s", describeEntries(m.Entries))
	}
	for _, t := range m.Traces {
		add("trace of %d=%s", t.Seqno, t.Parent)
	}
	return s
}

func describeChain(ch Chain) string {
	var parts []string
	for _, c := range ch {
		parts = append(parts, fmt.Sprintf("%d(%s)", c.Epoch, names(c.Members)))
	}
	return strings.Join(parts, ",")
}

func describeEntries(entries []Entry) string {
	var parts []string
	for _, e := range entries {
		parts = append(parts, fmt.Sprintf("%d/%d", e.Epoch(), e.Seqno()))
	}
	return strings.Join(parts, ",")
}

// describeEntry shows an entry as epoch/seqno and what it does.
func describeEntry(e Entry) string {
	s := fmt.Sprintf("%d/%d", e.Epoch(), e.Seqno())
	c, err := DecodeCommand(e.Command())
	switch {
	case err != nil:
		return s + " " + err.Error()
	case c.Kind == CommandPut:
		return fmt.Sprintf("%s put %s=%s", s, c.Key, c.Value)
	case c.Kind == CommandDelete:
		return fmt.Sprintf("%s delete %s", s, c.Key)
	case c.Kind == CommandRegister:
		return fmt.Sprintf("%s register %s", s, c.Value)
	case c.Kind == CommandOpenSession:
		return s + " open session"
	}
	return fmt.Sprintf("%s expire %v", s, c.Expired)
}

func describeRecord(r Record) string {
	switch r.Kind {
	case RecordEntry:
		return "entry " + describeEntry(r.Entry)
	case RecordPromise:
		return "promise " + describeChain(r.Chain)
	case RecordActivate:
		return fmt.Sprintf("activate %d cut=%d lineage=%s entries=%s", r.Epoch, r.Cut, describeLineage(r.Lineage), describeEntries(r.Entries))
	}
	return fmt.Sprintf("state %s", describeChain(r.Chain))
}

func describeResult(r Result) string {
	s := r.Status.String()
	if r.Version > 0 {
		s += fmt.Sprintf(" version=%d", r.Version)
	}
	if r.Value != nil {
		s += fmt.Sprintf(" value=%s", r.Value)
	}
	if r.Reason != "" {
		s += fmt.Sprintf(" (%s)", r.Reason)
	}
	if len(r.Chain) > 0 {
		s += " chain=" + describeChain(r.Chain)
	}
	return s
}

func describeEvent(e Event) string {
	switch e.Kind {
	case EventWedged:
		return fmt.Sprintf("is wedged at %v by %d(%s)", e.From, e.Configuration.Epoch, names(e.Configuration.Members))
	case EventViewChange:
		return fmt.Sprintf("changes view from %v to %v", e.From, e.To)
	case EventSynced:
		return fmt.Sprintf("is synced at %v", e.To)
	case EventIncomparable:
		return fmt.Sprintf("finds %s incomparable", name(e.Node))
	case EventEntered:
		return fmt.Sprintf("takes %v of trace %s", e.To, e.Trace)
	case EventSettled:
		return fmt.Sprintf("settles %v of trace %s", e.To, e.Trace)
	}
	return e.Kind.String()
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
