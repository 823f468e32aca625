package engine

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// TestTranscripts runs the files of testdata/transcripts. Each is one run of a small cluster;
// `go test ./node/internal/engine -run Transcripts -rewrite` writes them anew, and the diff is the review.
//
//	cluster shards=(ab,cd) [regrow=TICKS] [spares=ef]   the members of each shard, in the order of the ring; quiet after the
//	                            first ticks. Spares are nodes that hold nothing
//	write a shard=1 k v [session=S op=N], read a shard=1 k [stale], open a shard=1
//	run n                       n ticks, with all that follows from them
//	crash a, restart a
//	cut a b, heal a b           messages and heartbeats in both directions; `oneway` for those from a to b only
//	lose Kind, find Kind        messages of that kind, of all nodes
//	stall a, go a               the disk of a does not answer
//	hint a shard=1 members=b    it hears that epoch 2 of a shard was decided
//	late a                      its next tick comes late
//	leave a                     it hands over; `left a` tells whether it has
//	lost a bc                   a has evidence that b and c have failed
//	sessions a shard=1          a is told of its sessions
//	recover lost=cd [shard=1] [at=N] [from=rule] [until=freeze|rule] [only=a]   the operator's ruling, from a step up to a step, which only some nodes
//	                            have to hold; at names the attempt, 1 where it is left out
//	messages on|off             every message is shown
//	state [a]
//	history a shard=1           the decisions that a remembers; a tick takes 10000 µs there, and what follows from it nothing
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			if td.Cmd == "cluster" {
				arg, _ := td.Arg("shards")
				opt, spares := testOptions(), ""
				td.MaybeScanArgs(t, "regrow", &opt.RegrowTicks)
				td.MaybeScanArgs(t, "spares", &spares)
				w = newWorld(t, opt, arg.Vals...)
				w.join(spares)
				for range 3 {
					w.tick()
				}
				w.out.Reset()
			} else {
				w.t = t
				w.command(td)
			}
			out := w.out.String()
			w.out.Reset()
			if out == "" {
				return "ok"
			}
			return out
		})
	})
}

func (w *world) command(td *datadriven.TestData) {
	args := td.CmdArgs
	var n *node
	if len(args) > 0 && len(args[0].Key) == 1 && args[0].Key[0] >= 'a' {
		n = w.node(id(args[0].Key))
	}
	var s uint64
	td.MaybeScanArgs(w.t, "shard", &s)
	switch td.Cmd {
	case "write", "read", "open":
		w.request(n, td, shard.ID(s))
	case "run":
		k, err := strconv.Atoi(args[0].Key)
		if err != nil {
			td.Fatalf(w.t, "%v", err)
		}
		for range k {
			w.tick()
		}
	case "crash":
		w.crash(n)
	case "restart":
		w.start(n)
	case "cut", "heal":
		other := id(args[1].Key)
		w.cuts[[2]shard.NodeID{n.id, other}] = td.Cmd == "cut"
		if !td.HasArg("oneway") {
			w.cuts[[2]shard.NodeID{other, n.id}] = td.Cmd == "cut"
		}
		if td.Cmd == "heal" {
			n.host.Reconnect(other)
			w.node(other).host.Reconnect(n.id)
		}
	case "lose", "find":
		for k := shard.MsgConnect; k <= shard.MsgServed; k++ {
			if k.String() == args[0].Key {
				w.drop[k] = td.Cmd == "lose"
			}
		}
	case "stall":
		n.stalled = 0
	case "go":
		n.stalled = -1
		w.fsync(n)
	case "lost":
		n.host.Lost(ids(args[1].Key))
	case "leave":
		n.host.HandOver()
	case "left":
		w.logf("%v", n.host.HandedOver())
	case "late":
		n.late = true
	case "hint":
		members, _ := td.Arg("members")
		first, _ := w.opt.Genesis.Configuration(shard.ID(s))
		n.host.Learn(shard.Chain{first, {Shard: shard.ID(s), Epoch: 2, Members: ids(members.Vals[0])}})
	case "sessions":
		n.host.Sessions(shard.ID(s), n.machines[shard.ID(s)].Sessions())
	case "history":
		w.history(n, shard.ID(s))
	case "recover":
		w.recover(td, shard.ID(s))
	case "messages":
		w.verbose = args[0].Key == "on"
	case "state":
		for _, x := range w.nodes {
			if n == nil || n == x {
				w.standing(x)
			}
		}
	default:
		td.Fatalf(w.t, "unknown command %s", td.Cmd)
	}
	w.settle()
}

func (w *world) request(n *node, td *datadriven.TestData, s shard.ID) {
	w.asked++
	q := shard.Request{Shard: s, Kind: shard.OpenSession, Token: fmt.Sprintf("%s%d", td.Cmd[:1], w.asked)}
	var words []string
	for _, arg := range td.CmdArgs[1:] {
		if len(arg.Vals) == 0 {
			words = append(words, arg.Key)
		}
	}
	switch td.Cmd {
	case "write":
		q.Kind, q.Key, q.Value = shard.Put, []byte(words[0]), []byte(words[1])
		td.MaybeScanArgs(w.t, "session", (*uint64)(&q.Identity.Session))
		td.MaybeScanArgs(w.t, "op", &q.Identity.Op)
		q.Identity.Oldest = 1
	case "read":
		q.Kind, q.Key, q.Stale = shard.Get, []byte(words[0]), td.HasArg("stale")
	}
	if !n.host.Request(q) {
		w.logf("%s hosts no such shard", name(n.id))
	}
}
