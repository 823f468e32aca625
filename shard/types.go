package shard

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ringward/ringward/shard/mutant"
)

// NodeID names one data directory for ever: it is made with the directory and
// stored in it. Zero names no node.
type NodeID uint64

func (n NodeID) String() string { return fmt.Sprintf("%016x", uint64(n)) }

// ParseNodeID reads what String writes: 16 hexadecimal digits, not all zero.
func ParseNodeID(s string) (NodeID, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 || v == 0 {
		return 0, fmt.Errorf("node id %q: want 16 hexadecimal digits, not all zero", s)
	}
	return NodeID(v), nil
}

// ID numbers a shard. Shards of a ring are numbered from 1; zero names none.
type ID uint32

// Epoch numbers the configurations of one shard from 1. Zero means "none yet".
type Epoch uint64

// Seqno numbers the entries of one shard's history from 1, without gaps. Zero
// is the position before the first entry.
type Seqno uint64

// MaxSeqno bounds positions, so that arithmetic on what others say cannot wrap around.
const MaxSeqno Seqno = 1 << 62

// Number orders the askings (handshakes, fences, wedge rounds, fetches) of one
// replica. The boot count of its node stands in the high bits, so that a number
// is never used again, also not after a restart.
type Number uint64

// BootBits is how many bits of a Number the boot count takes; the rest count
// the askings since that boot.
const BootBits = 20

// FirstNumber is the number below all numbers of the given boot.
func FirstNumber(boot uint64) Number { return Number(boot << (64 - BootBits)) }

// Numbers gives out the numbers of a node's askings. All replicas of a node share one.
type Numbers struct{ last Number }

// NewNumbers counts on from the first number of the given boot.
func NewNumbers(boot uint64) *Numbers {
	if mutant.On(mutant.NumbersRestart) {
		boot = 1
	}
	return &Numbers{last: FirstNumber(boot)}
}

// Next returns a number above all before.
func (n *Numbers) Next() Number {
	n.last++
	return n.last
}

// View is a point in a shard's life: a position in its history, and the epoch in
// force there. A view change goes from the last position of one epoch to
// the base of the next.
type View struct {
	Epoch Epoch
	Seqno Seqno
}

func (v View) String() string { return fmt.Sprintf("(%d, %d)", v.Epoch, v.Seqno) }

// State is what a replica may do in the newest configuration it knows.
type State uint8

const (
	// Immutable: wedged. It promised an epoch above every one in which it was
	// active, and is no member of that epoch.
	Immutable State = iota
	// Pending: named in the newest configuration, history not yet inherited.
	Pending
	// Active: accepts entries of exactly its epoch.
	Active
)

func (s State) String() string {
	switch s {
	case Immutable:
		return "IMMUTABLE"
	case Pending:
		return "PENDING"
	case Active:
		return "ACTIVE"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MaxMembers bounds a configuration, so that a decoder can refuse nonsense.
const MaxMembers = 64

// Configuration is who replicates a shard during one epoch, in chain order:
// head first, tail last. It is a value: nobody changes Members once it is made.
type Configuration struct {
	Shard   ID
	Epoch   Epoch
	Members []NodeID
}

// Valid reports what is wrong with c, if anything.
func (c Configuration) Valid() error {
	switch {
	case c.Shard == 0:
		return fmt.Errorf("configuration names shard 0: shards are numbered from 1")
	case c.Epoch == 0:
		return fmt.Errorf("configuration of shard %d names epoch 0: epochs are numbered from 1", c.Shard)
	case len(c.Members) == 0 || len(c.Members) > MaxMembers:
		return fmt.Errorf("configuration of shard %d has %d members: want 1 to %d", c.Shard, len(c.Members), MaxMembers)
	}
	for i, m := range c.Members {
		if m == 0 {
			return fmt.Errorf("configuration of shard %d names node 0", c.Shard)
		}
		if slices.Contains(c.Members[:i], m) {
			return fmt.Errorf("configuration of shard %d names node %v twice", c.Shard, m)
		}
	}
	return nil
}

// Head gives out the sequence numbers.
func (c Configuration) Head() NodeID { return c.Members[0] }

// Tail is the last to make an entry durable.
func (c Configuration) Tail() NodeID { return c.Members[len(c.Members)-1] }

// Has reports whether n is a member.
func (c Configuration) Has(n NodeID) bool { return slices.Contains(c.Members, n) }

// Predecessor of n in the chain; zero for the head and for strangers.
func (c Configuration) Predecessor(n NodeID) NodeID {
	if i := slices.Index(c.Members, n); i > 0 {
		return c.Members[i-1]
	}
	return 0
}

// Successor of n in the chain; zero for the tail and for strangers.
func (c Configuration) Successor(n NodeID) NodeID {
	if i := slices.Index(c.Members, n); i >= 0 && i+1 < len(c.Members) {
		return c.Members[i+1]
	}
	return 0
}

// Equal reports whether c and d are the same decision.
func (c Configuration) Equal(d Configuration) bool {
	return c.Shard == d.Shard && c.Epoch == d.Epoch && slices.Equal(c.Members, d.Members)
}

func (c Configuration) String() string {
	return fmt.Sprintf("shard %d epoch %d %v", c.Shard, c.Epoch, c.Members)
}

// Chain is a run of decided configurations of one shard with consecutive
// epochs, oldest first. The oldest is known to have been ACTIVE at all its
// members, so nothing older can matter; the newest is the promise of whoever
// holds the chain.
type Chain []Configuration

// MaxChain bounds the decided configurations one message or record may carry.
const MaxChain = 1 << 16

// Valid reports what is wrong with ch, if anything.
func (ch Chain) Valid() error {
	if len(ch) == 0 || len(ch) > MaxChain {
		return fmt.Errorf("chain of %d configurations: want 1 to %d", len(ch), MaxChain)
	}
	for i, c := range ch {
		if err := c.Valid(); err != nil {
			return err
		}
		if c.Shard != ch[0].Shard {
			return fmt.Errorf("chain of shard %d holds a configuration of shard %d", ch[0].Shard, c.Shard)
		}
		if c.Epoch != ch[0].Epoch+Epoch(i) {
			return fmt.Errorf("chain of shard %d jumps from epoch %d to %d", c.Shard, ch[i-1].Epoch, c.Epoch)
		}
	}
	return nil
}

// Newest is the last decided configuration, the zero one of an empty chain.
func (ch Chain) Newest() Configuration {
	if len(ch) == 0 {
		return Configuration{}
	}
	return ch[len(ch)-1]
}

// At returns the configuration of epoch e.
func (ch Chain) At(e Epoch) (Configuration, bool) {
	if len(ch) == 0 || e < ch[0].Epoch || e > ch.Newest().Epoch {
		return Configuration{}, false
	}
	return ch[e-ch[0].Epoch], true
}

// From returns the part of the chain that starts with epoch e, or all of it.
func (ch Chain) From(e Epoch) Chain {
	if _, ok := ch.At(e); ok {
		return ch[e-ch[0].Epoch:]
	}
	return ch
}

// Merge joins what two parties know of the same shard. The later of the two
// beginnings stands: what begins a chain was ACTIVE at all its members.
// It fails where the two disagree on an epoch, which no correct ring decides.
func (ch Chain) Merge(other Chain) (Chain, error) {
	if len(ch) == 0 || len(other) == 0 {
		return append(slices.Clone(ch), other...), nil
	}
	a, b := ch, other
	if a[0].Epoch > b[0].Epoch {
		a, b = b, a
	}
	// From here on b begins no earlier than a.
	for _, c := range b {
		if d, ok := a.At(c.Epoch); ok && !c.Equal(d) {
			return nil, fmt.Errorf("two successors of one configuration: %v and %v", c, d)
		}
	}
	merged := slices.Clone(b)
	if e := b.Newest().Epoch + 1; e <= a.Newest().Epoch {
		if _, joined := a.At(e); joined {
			merged = append(merged, a.From(e)...)
		}
	}
	return merged, nil
}

// Members are the nodes of all the chain's configurations, each once, in order
// of first mention.
func (ch Chain) Members() []NodeID {
	var nodes []NodeID
	for _, c := range ch {
		for _, m := range c.Members {
			if !slices.Contains(nodes, m) {
				nodes = append(nodes, m)
			}
		}
	}
	return nodes
}
