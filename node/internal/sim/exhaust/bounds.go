package exhaust

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
)

// Bounds make the space of states finite.
type Bounds struct {
	Nodes     int  // members of the first configuration
	Writes    int  // of clients, each of its own value, all of one key
	Reads     int  // of clients, linearizable
	Decisions int  // successors that are decided
	Crashes   int  // of nodes, in all; each starts again
	Breaks    int  // of connections, in all
	Ticks     int  // times that time passes for some node, in all
	Rewrites  int  // times that a node puts its replica into the log once more, in all
	Free      bool // a successor may have any members in any order; else those before without some
	Small     bool // each message carries one entry
}

const (
	maxNodes  = 4
	maxWrites = 6
	maxReads  = 4
)

// Valid reports what is wrong with b, if anything.
func (b Bounds) Valid() error {
	for _, x := range []struct {
		name        string
		value       int
		least, most int
	}{
		{"nodes", b.Nodes, 1, maxNodes}, {"writes", b.Writes, 0, maxWrites}, {"reads", b.Reads, 0, maxReads},
		{"decisions", b.Decisions, 0, 3}, {"crashes", b.Crashes, 0, 3}, {"breaks", b.Breaks, 0, 2}, {"ticks", b.Ticks, 0, 4},
		{"rewrites", b.Rewrites, 0, 2},
	} {
		if x.value < x.least || x.value > x.most {
			return fmt.Errorf("%d %s: want %d to %d", x.value, x.name, x.least, x.most)
		}
	}
	return nil
}

func (b Bounds) String() string {
	s := fmt.Sprintf("%d nodes, %d writes, %d reads, %d decisions, %d crashes, %d breaks, %d ticks, %d rewrites",
		b.Nodes, b.Writes, b.Reads, b.Decisions, b.Crashes, b.Breaks, b.Ticks, b.Rewrites)
	if b.Free {
		s += ", any successors"
	}
	if b.Small {
		s += ", small messages"
	}
	return s
}

// register is the abstract configuration register: what was decided so far. It stands for a sequencer shard that never fails.
type register struct {
	chain shard.Chain // all configurations, from the first on
	// begins[i] is the epoch with which the chain begins that the decision of chain[i] is told with.
	begins []shard.Epoch
	// told are the numbers of those chains.
	told []uint32
	// next are the registers that one more decision leads to.
	next []successor
}

type successor struct {
	register uint32
	// trims: the newest configuration was recorded as ACTIVE at all its members, so what is older is forgotten.
	trims bool
}

// grow adds the registers that follow from number at, to the depth of the bounds.
func (m *model) grow(at uint32) {
	r := m.registers[at]
	if len(r.chain) > m.bounds.Decisions {
		return
	}
	newest := r.chain.Newest()
	for _, members := range m.successors(newest) {
		for _, trims := range []bool{false, true} {
			begin := r.begins[len(r.begins)-1]
			if trims {
				if begin == newest.Epoch {
					continue
				}
				begin = newest.Epoch
			}
			c := shard.Configuration{Shard: 1, Epoch: newest.Epoch + 1, Members: members}
			next := register{
				chain:  append(slices.Clone(r.chain), c),
				begins: append(slices.Clone(r.begins), begin),
			}
			next.told = append(slices.Clone(r.told), uint32(len(m.chains)))
			m.chains = append(m.chains, next.chain.From(begin))
			id := uint32(len(m.registers))
			m.registers = append(m.registers, next)
			m.registers[at].next = append(m.registers[at].next, successor{register: id, trims: trims})
			m.grow(id)
		}
	}
}

// successors are the members that may follow those of c.
func (m *model) successors(c shard.Configuration) (all [][]shard.NodeID) {
	if m.bounds.Free {
		return slices.DeleteFunc(arrangements(m.genesis.Initial[0].Members), func(members []shard.NodeID) bool {
			return slices.Equal(members, c.Members)
		})
	}
	for set := 1<<len(c.Members) - 2; set > 0; set-- {
		var members []shard.NodeID
		for i, n := range c.Members {
			if set&(1<<i) != 0 {
				members = append(members, n)
			}
		}
		all = append(all, members)
	}
	return all
}

// arrangements are all chains that can be made of some of the nodes.
func arrangements(of []shard.NodeID) (all [][]shard.NodeID) {
	for i, n := range of {
		all = append(all, []shard.NodeID{n})
		for _, rest := range arrangements(slices.Delete(slices.Clone(of), i, i+1)) {
			all = append(all, append([]shard.NodeID{n}, rest...))
		}
	}
	return all
}
