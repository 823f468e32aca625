package shard

import (
	"slices"
	"strings"
	"testing"
)

// chainOf makes the chain of consecutive epochs from first, each with the members of one string.
func chainOf(first Epoch, members ...string) Chain {
	var ch Chain
	for i, m := range members {
		ch = append(ch, Configuration{Shard: 1, Epoch: first + Epoch(i), Members: ids(strings.Split(m, "")...)})
	}
	return ch
}

func TestChainMerge(t *testing.T) {
	for _, c := range []struct {
		name       string
		a, b, want Chain // want nil: a disagreement
	}{
		{"nothing and something", nil, chainOf(3, "ab"), chainOf(3, "ab")},
		{"the same", chainOf(1, "ab", "b"), chainOf(1, "ab", "b"), chainOf(1, "ab", "b")},
		{"one knows more", chainOf(1, "abc"), chainOf(1, "abc", "bc", "c"), chainOf(1, "abc", "bc", "c")},
		{"the later beginning stands", chainOf(1, "abc", "bc"), chainOf(2, "bc", "c"), chainOf(2, "bc", "c")},
		{"the later beginning stands, also where the other goes further", chainOf(1, "abc", "bc", "c"), chainOf(2, "bc"), chainOf(2, "bc", "c")},
		{"a beginning beyond all that the other knows", chainOf(1, "abc", "bc"), chainOf(5, "c"), chainOf(5, "c")},
		{"right after it", chainOf(1, "abc", "bc"), chainOf(3, "c"), chainOf(3, "c")},
		{"disagreement", chainOf(1, "abc", "bc"), chainOf(1, "abc", "ac"), nil},
		{"disagreement on the order", chainOf(2, "bc"), chainOf(1, "abc", "cb", "b"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range [][2]Chain{{c.a, c.b}, {c.b, c.a}} {
				a, b := slices.Clone(in[0]), slices.Clone(in[1])
				got, err := a.Merge(b)
				if (err == nil) != (c.want != nil) || !slices.EqualFunc(got, c.want, Configuration.Equal) {
					t.Errorf("%s with %s: %s %v, want %s", describeChain(in[0]), describeChain(in[1]), describeChain(got), err, describeChain(c.want))
				}
				if len(got) > 0 {
					got[0].Epoch = 99
				}
				if !slices.EqualFunc(a, in[0], Configuration.Equal) || !slices.EqualFunc(b, in[1], Configuration.Equal) {
					t.Error("the result shares its memory with what went in")
				}
			}
		})
	}
}

func TestChain(t *testing.T) {
	ch := chainOf(3, "abc", "bc", "cd")
	if c, ok := ch.At(4); !ok || c.Epoch != 4 {
		t.Errorf("at 4: %v %v", c, ok)
	}
	for _, e := range []Epoch{0, 2, 6} {
		if c, ok := ch.At(e); ok {
			t.Errorf("at %d: %v", e, c)
		}
	}
	if got := ch.From(4); len(got) != 2 || got[0].Epoch != 4 {
		t.Errorf("from 4: %s", describeChain(got))
	}
	if got := ch.From(9); len(got) != 3 {
		t.Errorf("from an epoch outside: %s, want all", describeChain(got))
	}
	if got := names(ch.Members()); got != "abcd" {
		t.Errorf("members %s, want each once", got)
	}
	if c := (Chain{}).Newest(); c.Epoch != 0 {
		t.Errorf("newest of none: %v", c)
	}
}

func TestChainValid(t *testing.T) {
	other := chainOf(2, "b")
	other[0].Shard = 2
	for _, c := range []struct {
		name string
		ch   Chain
		want string // empty: valid
	}{
		{"one", chainOf(7, "a"), ""},
		{"three", chainOf(1, "abc", "bc", "c"), ""},
		{"none", nil, "chain of 0"},
		{"a gap", append(chainOf(1, "ab"), chainOf(3, "b")...), "jumps from epoch 1 to 3"},
		{"twice the same", append(chainOf(1, "ab"), chainOf(1, "ab")...), "jumps from epoch 1 to 1"},
		{"two shards", append(chainOf(1, "ab"), other...), "of shard 2"},
		{"shard 0", Chain{{Epoch: 1, Members: ids("a")}}, "shard 0"},
		{"epoch 0", Chain{{Shard: 1, Members: ids("a")}}, "epoch 0"},
		{"nobody", Chain{{Shard: 1, Epoch: 1}}, "0 members"},
		{"too many", Chain{{Shard: 1, Epoch: 1, Members: make([]NodeID, MaxMembers+1)}}, "65 members"},
		{"node 0", Chain{{Shard: 1, Epoch: 1, Members: []NodeID{1, 0}}}, "node 0"},
		{"a member twice", chainOf(1, "aba"), "twice"},
		{"epochs that wrap around", Chain{{Shard: 1, Epoch: ^Epoch(0), Members: ids("a")}, {Shard: 1, Members: ids("a")}}, "epoch 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch err := c.ch.Valid(); {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	c := chainOf(1, "abc")[0]
	if c.Head() != id("a") || c.Tail() != id("c") || !c.Has(id("b")) || c.Has(id("d")) {
		t.Errorf("%v: head %v, tail %v", c, c.Head(), c.Tail())
	}
	for _, x := range []struct{ of, predecessor, successor NodeID }{
		{id("a"), 0, id("b")}, {id("b"), id("a"), id("c")}, {id("c"), id("b"), 0}, {id("d"), 0, 0},
	} {
		if p, s := c.Predecessor(x.of), c.Successor(x.of); p != x.predecessor || s != x.successor {
			t.Errorf("neighbours of %v: %v and %v, want %v and %v", x.of, p, s, x.predecessor, x.successor)
		}
	}
}

func TestParseNodeID(t *testing.T) {
	if n, err := ParseNodeID("00000000000000ff"); n != 255 || err != nil {
		t.Errorf("%v %v", n, err)
	}
	if n, err := ParseNodeID(NodeID(12345).String()); n != 12345 || err != nil {
		t.Errorf("%v %v", n, err)
	}
	for _, s := range []string{"", "ff", "0000000000000000", "00000000000000fg", "+000000000000001", "00000000000000ff0"} {
		if n, err := ParseNodeID(s); err == nil {
			t.Errorf("%q gives %v", s, n)
		}
	}
}

// TestNumbers: no number is used again, also not after a restart.
func TestNumbers(t *testing.T) {
	n := NewNumbers(3)
	a, b := n.Next(), n.Next()
	if a <= FirstNumber(3) || b <= a || b >= FirstNumber(4) {
		t.Errorf("numbers of boot 3: %x %x", a, b)
	}
	if c := NewNumbers(4).Next(); c <= b {
		t.Errorf("boot 4 begins with %x, which is not above %x", c, b)
	}
}

func TestNames(t *testing.T) {
	for want, s := range map[string]interface{ String() string }{
		"IMMUTABLE": Immutable, "PENDING": Pending, "ACTIVE": Active, "State(3)": State(3),
		"Wedge": MsgWedge, "MessageKind(0)": MessageKind(0), "MessageKind(24)": MessageKind(24),
		"view change": EventViewChange, "EventKind(99)": EventKind(99), "ok": OK, "Status(0)": Status(0), "Status(99)": Status(99),
		"(2, 3)": View{2, 3},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
