package shard

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts runs the files of testdata/transcripts. Each is one run of a cluster, command by command, with what the
// replicas put out; `go test ./shard -run Transcripts -rewrite` writes them anew, and the diff is the review.
//
//	new members=(a,b) [message=BYTES] [inflight=BYTES] [reads=N] [keep=BYTES] [fill=BYTES] [part=BYTES]   epoch 1, empty history
//	write a k v [session=S op=N oldest=N] [if=VERSION] [trace=T]   put; `delete a k` and `open a` are the other writes
//	read a k [stale]
//	propose a v            a command of the ring's own
//	hold a [off]
//	durable a [n]          the next n records written are fsynced, all where n is left out
//	deliver [a->b] [n]     messages under way arrive: of one direction, or all
//	drop [a->b] [n]        are lost
//	keep a->b, again       copies are made of what is under way, and sent once more
//	settle                 all becomes durable and arrives until nothing is left; shows results and events only
//	tick a [n]
//	reconnect a b          what a sent to b may be lost; `appeared a b`: b has shown that it is there
//	crash a, restart a, flush a
//	forget a n             the entries up to n are in its log no more, as its oldest segments have gone
//	lose a n               the last n durable records are gone, as no disk may do
//	decide (b,c)           the next configuration; known to nobody yet
//	learn a                the decided configurations
//	wedge a by=x number=N, fetch a by=x number=N cut=S [epoch=E]
//	inherit a from=b       what a head of a new configuration does with the answers to its wedge
//	rewrite a
//	join a                 a node that holds nothing becomes a learner
//	recruit a              the sequencer wants it to learn
//	fill a from=b          it takes in a snapshot
//	state
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		c := &cluster{}
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			if td.Cmd == "new" {
				c = newCluster(t, options(t, td), members(t, td)...)
				td.MaybeScanArgs(t, "part", &c.part)
			} else {
				c.t = t
				c.command(td)
			}
			out := c.out.String()
			c.out.Reset()
			if out == "" {
				return "ok"
			}
			return out
		})
	})
}

func options(t *testing.T, td *datadriven.TestData) Options {
	opt := testOptions()
	td.MaybeScanArgs(t, "message", &opt.MessageBytes)
	td.MaybeScanArgs(t, "inflight", &opt.InFlightBytes)
	td.MaybeScanArgs(t, "reads", &opt.WaitingReads)
	td.MaybeScanArgs(t, "keep", &opt.KeepBytes)
	td.MaybeScanArgs(t, "fill", &opt.FillBytes)
	return opt
}

func members(t *testing.T, td *datadriven.TestData) []NodeID {
	arg, ok := td.Arg("members")
	if !ok {
		td.Fatalf(t, "want members=(a,b)")
	}
	return ids(arg.Vals...)
}

func (c *cluster) command(td *datadriven.TestData) {
	args := td.CmdArgs
	// Most commands begin with the replica they are about.
	var n *node
	if len(args) > 0 && len(args[0].Key) == 1 {
		n = c.node(id(args[0].Key))
	}
	number := func(i, missing int) int {
		if i >= len(args) {
			return missing
		}
		v, err := strconv.Atoi(args[i].Key)
		if err != nil {
			td.Fatalf(c.t, "%v", err)
		}
		return v
	}
	switch td.Cmd {
	case "write", "delete", "open":
		n.replica.Write(c.request(td))
	case "read":
		n.replica.Read(Request{Shard: 1, Kind: Get, Key: []byte(args[1].Key), Stale: td.HasArg("stale"), Token: c.token("r")})
	case "propose":
		c.logf("taken: %v", n.replica.Propose(Command{Kind: CommandRegister, Value: []byte(args[1].Key)}))
	case "hold":
		n.replica.Hold(!td.HasArg("off"))
	case "durable":
		c.durable(n, number(1, -1))
	case "deliver":
		limit, match := c.direction(td)
		c.deliver(limit, match)
	case "drop":
		limit, match := c.direction(td)
		c.net = deleteFirst(c.net, limit, match)
	case "keep":
		_, match := c.direction(td)
		for _, m := range c.net {
			if match(m) {
				c.kept = append(c.kept, m)
			}
		}
	case "again":
		c.net, c.kept = append(c.net, c.kept...), nil
	case "settle":
		c.settle()
	case "tick":
		for range number(1, 1) {
			n.replica.Tick()
			c.drain()
		}
	case "reconnect":
		n.replica.Reconnect(id(args[1].Key))
	case "appeared":
		n.replica.Appeared(id(args[1].Key))
	case "crash":
		c.crash(n)
	case "restart":
		c.start(n)
	case "lose":
		n.log = n.log[:len(n.log)-number(1, 0)]
	case "forget":
		n.forgotten = Seqno(number(1, 0))
	case "flush":
		n.flushed = n.contents.clone()
	case "decide":
		arg, _ := td.Arg("members")
		c.decide(arg.Vals...)
		c.logf("%s", describeChain(c.chain))
	case "learn":
		n.replica.Learn(c.chain)
	case "wedge", "fetch":
		n.replica.Step(c.asking(td, n))
	case "inherit":
		from, _ := td.Arg("from")
		c.inherit(n, c.node(id(from.Vals[0])))
	case "rewrite":
		n.replica.Rewrite()
	case "join":
		c.join(id(args[0].Key))
	case "recruit":
		n.replica.Recruit()
		c.logf("caught up: %v", n.replica.CaughtUp())
	case "fill":
		from, _ := td.Arg("from")
		n.replica.Fill(id(from.Vals[0]))
	case "state":
		for _, n := range c.nodes {
			c.logf("%s", c.standing(n))
		}
	default:
		td.Fatalf(c.t, "unknown command %s", td.Cmd)
	}
	c.drain()
}

func (c *cluster) request(td *datadriven.TestData) Request {
	args := td.CmdArgs
	q := Request{Shard: 1, Kind: OpenSession, Token: c.token("w")}
	switch td.Cmd {
	case "write":
		q.Kind, q.Key, q.Value = Put, []byte(args[1].Key), []byte(args[2].Key)
	case "delete":
		q.Kind, q.Key = Delete, []byte(args[1].Key)
	}
	td.MaybeScanArgs(c.t, "session", (*uint64)(&q.Identity.Session))
	td.MaybeScanArgs(c.t, "op", &q.Identity.Op)
	td.MaybeScanArgs(c.t, "oldest", &q.Identity.Oldest)
	td.MaybeScanArgs(c.t, "trace", &q.Trace)
	q.If.Set = td.MaybeScanArgs(c.t, "if", (*uint64)(&q.If.Version))
	return q
}

// direction reads `a->b n`: both may be left out.
func (c *cluster) direction(td *datadriven.TestData) (limit int, match func(Message) bool) {
	limit, match = len(c.net), func(Message) bool { return true }
	for _, arg := range td.CmdArgs {
		if from, to, ok := strings.Cut(arg.Key, "->"); ok {
			match = func(m Message) bool { return m.From == id(from) && m.To == id(to) }
		} else if n, err := strconv.Atoi(arg.Key); err == nil {
			limit = n
		} else {
			td.Fatalf(c.t, "%s: want a->b or a number", arg.Key)
		}
	}
	return limit, match
}

func deleteFirst(messages []Message, limit int, match func(Message) bool) []Message {
	var rest []Message
	for _, m := range messages {
		if limit > 0 && match(m) {
			limit--
			continue
		}
		rest = append(rest, m)
	}
	return rest
}

// asking makes the wedge or fetch of a node that need not be one of the cluster.
func (c *cluster) asking(td *datadriven.TestData, n *node) Message {
	by := "x"
	epoch := uint64(c.chain.Newest().Epoch)
	var number, cut uint64
	td.MaybeScanArgs(c.t, "epoch", &epoch)
	td.MaybeScanArgs(c.t, "by", &by)
	td.MaybeScanArgs(c.t, "number", &number)
	td.MaybeScanArgs(c.t, "cut", &cut)
	m := Message{Kind: MsgFetch, Shard: 1, From: id(by), To: n.id, Epoch: Epoch(epoch), Number: Number(number), Cut: Seqno(cut)}
	if td.Cmd == "wedge" {
		m.Kind, m.Chain = MsgWedge, c.chain
	}
	if err := m.Valid(); err != nil {
		td.Fatalf(c.t, "%v", err)
	}
	return m
}

// join starts a learner on an empty disk.
func (c *cluster) join(id NodeID) {
	n := &node{id: id, boot: 1, contents: newContents(), flushed: newContents(), exports: map[Number]*contents{}}
	opt := c.opt
	opt.Self, opt.Numbers = n.id, NewNumbers(n.boot)
	var err error
	if n.machine, err = OpenMachine(n.contents, testRegister(""), decodeTestRegister); err == nil {
		n.replica, err = NewLearner(opt, c.chain)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes = append(c.nodes, n)
}

// inherit gives a head the durable history of the owner.
func (c *cluster) inherit(n, owner *node) {
	own, other := n.replica.Standing(), owner.replica.Standing()
	cut := own.Lineage.CommonPrefix(own.Durable, other.Lineage, other.Durable)
	in := Inheritance{Lineage: other.Lineage, Cut: cut}
	if cut < other.Durable {
		in.Entries = owner.replica.stored.Entries[cut-owner.replica.stored.Start : other.Durable-owner.replica.stored.Start]
	}
	n.replica.Inherit(in)
}
