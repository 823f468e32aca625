package sequencer

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// Nodes are letters; a configuration is one word, head first.

func id(name string) shard.NodeID { return shard.NodeID(name[0]-'a') + 1 }

func name(n shard.NodeID) string { return string(rune('a' + n - 1)) }

func ids(word string) (ids []shard.NodeID) {
	for _, n := range word {
		ids = append(ids, id(string(n)))
	}
	return ids
}

func names(ids []shard.NodeID) string {
	var b strings.Builder
	for _, n := range ids {
		b.WriteString(name(n))
	}
	return b.String()
}

func configuration(e shard.Epoch, members string) shard.Configuration {
	return shard.Configuration{Shard: 2, Epoch: e, Members: ids(members)}
}

// chainOf makes consecutive epochs of shard 2 from first.
func chainOf(first shard.Epoch, members ...string) shard.Chain {
	var ch shard.Chain
	for i, m := range members {
		ch = append(ch, configuration(first+shard.Epoch(i), m))
	}
	return ch
}

func describe(r *Register) string {
	var parts []string
	for _, c := range r.Chain {
		parts = append(parts, fmt.Sprintf("%d(%s)", c.Epoch, names(c.Members)))
	}
	learner := ""
	if r.Learner != 0 {
		learner = " learner " + name(r.Learner)
	}
	return fmt.Sprintf("%s activated %d%s", strings.Join(parts, ","), r.Activated, learner)
}

// remembered shows the decisions of a register.
func remembered(r *Register) string {
	var b strings.Builder
	for _, d := range r.Decisions {
		fmt.Fprintf(&b, "%d(%s) by %s at %d", d.Configuration.Epoch, names(d.Configuration.Members), name(d.By), d.At)
		if len(d.Suspicions) == 0 {
			fmt.Fprintf(&b, ", grown by %s", name(d.Configuration.Tail()))
		} else {
			fmt.Fprintf(&b, ", stood %d", d.Stood)
		}
		for _, s := range d.Suspicions {
			fmt.Fprintf(&b, ", %s suspects %s", name(s.By), name(s.Of))
			if s.Silent > 0 {
				fmt.Fprintf(&b, " silent for %d", s.Silent)
			}
		}
		if d.Active {
			fmt.Fprintf(&b, "; ACTIVE")
		}
		if d.HasBase {
			fmt.Fprintf(&b, ", base %d", d.Base)
		}
		if d.Wedge+d.Inherit > 0 {
			fmt.Fprintf(&b, ", wedge %d, inherit %d", d.Wedge, d.Inherit)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// apply carries out a command as the applier would.
func apply(t *testing.T, r *Register, c shard.Command) *Register {
	t.Helper()
	next, err := r.Apply(c.Value)
	if err != nil {
		t.Fatal(err)
	}
	return next.(*Register)
}

// stage is what the commands of one transcript act on: the office of one replica of the sequencer shard.
type stage struct {
	register *Register
	proposer *Proposer
	enforcer *Enforcer
	heard    string // of whom the proposer itself hears
	since    string // of whom it has heard since they were accused
	ticks    int
	now      uint64 // microseconds
}

// word is the i-th word after the command.
func word(t *testing.T, td *datadriven.TestData, i int) string {
	if i >= len(td.CmdArgs) {
		t.Fatalf("%s: want %d words", td.Pos, i+1)
	}
	return td.CmdArgs[i].Key
}

// count is the i-th word as a number, one where it is left out.
func count(t *testing.T, td *datadriven.TestData, i int) int {
	if i >= len(td.CmdArgs) {
		return 1
	}
	n, err := strconv.Atoi(word(t, td, i))
	if err != nil {
		t.Fatalf("%s: %v", td.Pos, err)
	}
	return n
}

// epoch is the argument of that name, the newest decided one where it is left out.
func (s *stage) epoch(t *testing.T, td *datadriven.TestData) shard.Epoch {
	e := uint64(s.register.Chain.Newest().Epoch)
	td.MaybeScanArgs(t, "epoch", &e)
	return shard.Epoch(e)
}
