package exhaust

import (
	"flag"
	"fmt"
	"testing"
)

var (
	bounds = Bounds{Nodes: 3, Writes: 1, Reads: 1, Decisions: 1}
	limit  int
)

func init() {
	flag.IntVar(&bounds.Nodes, "exhaust.nodes", bounds.Nodes, "members of the first configuration")
	flag.IntVar(&bounds.Writes, "exhaust.writes", bounds.Writes, "writes that clients ask for")
	flag.IntVar(&bounds.Reads, "exhaust.reads", bounds.Reads, "reads that clients ask for")
	flag.IntVar(&bounds.Decisions, "exhaust.decisions", bounds.Decisions, "successors that are decided")
	flag.IntVar(&bounds.Crashes, "exhaust.crashes", bounds.Crashes, "crashes with loss of what was not durable")
	flag.IntVar(&bounds.Breaks, "exhaust.breaks", bounds.Breaks, "connections that break")
	flag.IntVar(&bounds.Ticks, "exhaust.ticks", bounds.Ticks, "times that time passes for a node")
	flag.IntVar(&bounds.Rewrites, "exhaust.rewrites", bounds.Rewrites, "times that a node puts its replica into the log once more")
	flag.BoolVar(&bounds.Free, "exhaust.free", bounds.Free, "successors may have any members in any order")
	flag.BoolVar(&bounds.Small, "exhaust.small", bounds.Small, "a message carries one entry")
	flag.IntVar(&limit, "exhaust.limit", 0, "states to visit at most; 0: all")
}

// TestExhaustive visits all states within the bounds that the flags give.
func TestExhaustive(t *testing.T) { visit(t, bounds) }

// TestTinyBounds visits all states within bounds that each bring in something that TestExhaustive leaves out.
func TestTinyBounds(t *testing.T) {
	for _, b := range []Bounds{
		{Nodes: 1, Writes: 2, Reads: 1, Crashes: 2},
		{Nodes: 2, Writes: 1, Reads: 1, Decisions: 1, Crashes: 1},
		{Nodes: 2, Writes: 2, Decisions: 1, Breaks: 1, Small: true},
		{Nodes: 2, Writes: 1, Reads: 1, Decisions: 1, Ticks: 1},
		{Nodes: 2, Writes: 1, Decisions: 1, Rewrites: 1},
		{Nodes: 2, Writes: 1, Decisions: 2, Free: true},
		{Nodes: 3, Writes: 1, Reads: 1, Decisions: 2},
		{Nodes: 3, Writes: 1, Decisions: 1, Crashes: 1},
	} {
		t.Run(b.String(), func(t *testing.T) { visit(t, b) })
	}
}

func visit(t *testing.T, b Bounds) {
	r, err := Run(b, limit, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if r.Violation != nil {
		for _, line := range r.Trace {
			t.Log(line)
		}
		t.Errorf("%v\nagain: %s", r.Violation, command(b))
	}
	if limit == 0 && r.Violation == nil && (!r.Fixed || r.States < 100 || r.Resting == 0) {
		t.Errorf("nothing was shown: %v", r)
	}
}

// command is how the bounds are visited once more.
func command(b Bounds) string {
	return fmt.Sprintf("go test ./node/internal/sim/exhaust -run TestExhaustive -v -timeout 30m -exhaust.nodes=%d -exhaust.writes=%d -exhaust.reads=%d "+
		"-exhaust.decisions=%d -exhaust.crashes=%d -exhaust.breaks=%d -exhaust.ticks=%d -exhaust.rewrites=%d -exhaust.free=%v -exhaust.small=%v",
		b.Nodes, b.Writes, b.Reads, b.Decisions, b.Crashes, b.Breaks, b.Ticks, b.Rewrites, b.Free, b.Small)
}

// TestSameStates: how many states there are does not depend on who comes first to which.
func TestSameStates(t *testing.T) {
	b := Bounds{Nodes: 2, Writes: 1, Reads: 1, Decisions: 1}
	first, err := Run(b, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := Run(b, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if again.States != first.States || again.Steps != first.Steps || again.Depth != first.Depth || again.Locals != first.Locals {
			t.Errorf("first %v\nthen %v", first, again)
		}
	}
}

func TestBoundsSayWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct {
		bounds Bounds
		want   string
	}{
		{Bounds{}, "0 nodes: want 1 to 4"},
		{Bounds{Nodes: 9}, "9 nodes: want 1 to 4"},
		{Bounds{Nodes: 3, Writes: 7}, "7 writes: want 0 to 6"},
		{Bounds{Nodes: 3, Crashes: -1}, "-1 crashes: want 0 to 3"},
	} {
		if _, err := Run(tc.bounds, 0, nil); err == nil || err.Error() != tc.want {
			t.Errorf("%+v: %v, want %s", tc.bounds, err, tc.want)
		}
	}
}
