package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what is done to a node.
type Kind string

// The kinds of faults, and how each is undone.
const (
	Kill      Kind = "kill"      // SIGKILL; it is started again from its data
	KillAll   Kind = "kill-all"  // SIGKILL to all nodes at once; all are started again, one after the other
	Stop      Kind = "stop"      // SIGTERM: it hands over; it is started again
	StopAll   Kind = "stop-all"  // SIGINT to all nodes at once; all are started again, one after the other
	Pause     Kind = "pause"     // SIGSTOP; SIGCONT
	Partition Kind = "partition" // it hears no other node, and no other node hears it
	Mute      Kind = "mute"      // no other node hears it
	Deaf      Kind = "deaf"      // it hears no other node
	Link      Kind = "link"      // it and one other do not hear each other
	Reset     Kind = "reset"     // its connections with all others break; they may be made again at once
	Delay     Kind = "delay"     // all that it says, and all that is said to it, comes late
	DiskFull  Kind = "disk-full" // something else fills its disk; it is freed, and the node started again, whether or not it gave up
)

// SlowDisk makes each sync of a node's disk late; then they are as fast as before. Plans have none: it is for a Hand.
const SlowDisk Kind = "slow-disk"

var kinds = []Kind{Kill, KillAll, Stop, StopAll, Pause, Partition, Mute, Deaf, Link, Reset, Delay, DiskFull}

// Kinds lists all kinds.
func Kinds() []Kind { return slices.Clone(kinds) }

// ParseKind reads the name of a kind.
func ParseKind(name string) (Kind, error) {
	if !slices.Contains(kinds, Kind(name)) {
		return "", fmt.Errorf("%q: want some of %s", name, joined(kinds))
	}
	return Kind(name), nil
}

func joined(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// hitsAll reports whether all nodes are hit, so that there is no target.
func (k Kind) hitsAll() bool { return k == KillAll || k == StopAll }

// Role says which node a fault is for.
type Role string

// The roles. A sequencer is the head of the shard that sequences the one that a target names.
const (
	Head      Role = "head"
	Middle    Role = "middle" // where there is none, the tail
	Tail      Role = "tail"
	Sequencer Role = "sequencer"
	Any       Role = "any"
)

// Target says which node a fault is for, by its part in the ring at that moment.
type Target struct {
	Role  Role
	Shard int // its place in the ring; not with Any
	Node  int // with Any: its place in the cluster
}

func (t Target) String() string {
	if t.Role == Any {
		return fmt.Sprintf("node-%d", t.Node+1)
	}
	return fmt.Sprintf("%s of shard %d", t.Role, t.Shard+1)
}

// Fault is something that happens to a node.
type Fault struct {
	At     time.Duration // since the beginning of the plan
	For    time.Duration // until it is undone
	Kind   Kind
	Target Target
	// Other is, for a Link, how many places behind the target in the cluster its other end is. Where all nodes were ended it is how many come up
	// before the first.
	Other int
	// Late is, for a Delay and a SlowDisk, by how much; where all nodes were ended, how much later each comes up than the one before.
	Late time.Duration
}

func (f Fault) String() string { return fmt.Sprintf("at %v: %s", f.At, f.what()) }

func (f Fault) what() string {
	s := string(f.Kind)
	if !f.Kind.hitsAll() {
		s += " " + f.Target.String()
	}
	if f.Kind == Delay {
		s += fmt.Sprintf(" by %v", f.Late)
	}
	if f.Kind != Reset {
		s += fmt.Sprintf(" for %v", f.For)
	}
	if f.Kind.hitsAll() && f.Late > 0 {
		s += fmt.Sprintf(", and back %v apart", f.Late)
	}
	return s
}

// Plan is faults in the order of their times.
type Plan []Fault

// Has reports whether the plan has a fault of that kind.
func (p Plan) Has(k Kind) bool {
	return slices.ContainsFunc(p, func(f Fault) bool { return f.Kind == k })
}
