package wedge

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// Nodes are letters, epochs and positions numbers: `epoch@base` is a view of a lineage.

func id(name string) shard.NodeID { return shard.NodeID(name[0]-'a') + 1 }

func name(n shard.NodeID) string { return string(rune('a' + n - 1)) }

func names(ids []shard.NodeID) string {
	if len(ids) == 0 {
		return "nobody"
	}
	var b strings.Builder
	for _, n := range ids {
		b.WriteString(name(n))
	}
	return b.String()
}

// chainOf makes consecutive epochs from first, with the members of one word each.
func chainOf(first shard.Epoch, members ...string) shard.Chain {
	var ch shard.Chain
	for i, m := range members {
		c := shard.Configuration{Shard: 1, Epoch: first + shard.Epoch(i)}
		for _, n := range strings.Split(m, "") {
			c.Members = append(c.Members, id(n))
		}
		ch = append(ch, c)
	}
	return ch
}

func lineageOf(t *testing.T, views []string) shard.Lineage {
	var l shard.Lineage
	for _, v := range views {
		var view shard.View
		if _, err := fmt.Sscanf(v, "%d@%d", &view.Epoch, &view.Seqno); err != nil {
			t.Fatalf("view %q: %v", v, err)
		}
		l = append(l, view)
	}
	return l
}

// history makes n entries above a position.
func history(after shard.Seqno, n int) []shard.Entry {
	var entries []shard.Entry
	for i := range n {
		entries = append(entries, shard.NewEntry(1, after+shard.Seqno(i)+1, 0, []byte{3}))
	}
	return entries
}

// arguments are those of a command, or of a line of its input.
type arguments struct {
	t  *testing.T
	td *datadriven.TestData
}

func (a arguments) number(key string, missing int) int {
	a.td.MaybeScanArgs(a.t, key, &missing)
	return missing
}

func (a arguments) word(key, missing string) string {
	a.td.MaybeScanArgs(a.t, key, &missing)
	return missing
}

func (a arguments) words(key string) []string {
	arg, _ := a.td.Arg(key)
	return arg.Vals
}

func (a arguments) chain() shard.Chain {
	return chainOf(shard.Epoch(a.number("first", 1)), a.words("chain")...)
}

// first is the i-th word after the command.
func (a arguments) first(i int) string {
	if i >= len(a.td.CmdArgs) {
		a.t.Fatalf("%s: want %d words", a.td.Pos, i+1)
	}
	return a.td.CmdArgs[i].Key
}

// count is the i-th word as a number, one where it is left out.
func (a arguments) count(i int) int {
	if i >= len(a.td.CmdArgs) {
		return 1
	}
	n, err := strconv.Atoi(a.first(i))
	if err != nil {
		a.t.Fatalf("%s: %v", a.td.Pos, err)
	}
	return n
}

func describeMessages(messages []shard.Message) string {
	var b strings.Builder
	for _, m := range messages {
		if err := m.Valid(); m.From != 0 && err != nil {
			fmt.Fprintf(&b, "not valid: %v\n", err)
		}
		fmt.Fprintf(&b, "-> %s %v(%d) #%d", name(m.To), m.Kind, m.Epoch, m.Number)
		if m.Kind == shard.MsgFetch {
			fmt.Fprintf(&b, " cut=%d", m.Cut)
		}
		b.WriteString("\n")
	}
	return b.String()
}
