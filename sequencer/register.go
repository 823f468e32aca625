package sequencer

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Register is the configuration register of one shard, kept in the replicated
// state of the shard before it in the ring. It is a value: Apply returns another.
type Register struct {
	// Chain holds the decided configurations of the shard, from the last one
	// known to have been ACTIVE at all its members.
	Chain shard.Chain
	// Activated is the last epoch that was recorded as ACTIVE at all its
	// members; never above Chain's newest.
	Activated shard.Epoch
	// Learner is the node that learns the shard, to become a member; 0: none does. It is no member of the newest
	// configuration.
	Learner shard.NodeID
	// Decisions are the last of the shard, oldest first; none in the beginning.
	Decisions []Decision
}

// InitialRegister is the register of the shard that follows s in the genesis's ring.
func (g *Genesis) InitialRegister(s shard.ID) *Register {
	c, _ := g.Configuration(g.Ring.Next(s))
	return &Register{Chain: shard.Chain{c}, Activated: c.Epoch}
}

// The kinds of register command. The values are on disk.
const (
	cmdReconfigure = 1
	cmdActivated   = 2
	cmdRecruit     = 3
	cmdAdopt       = 4
	cmdServed      = 5
)

// Reconfigure encodes the command that decides c as the successor of epoch c.Epoch-1: a
// compare-and-set on that epoch.
func Reconfigure(c shard.Configuration, why Reason) shard.Command {
	return shard.Command{Kind: shard.CommandRegister, Value: why.append(shard.AppendConfiguration([]byte{cmdReconfigure}, c))}
}

// Activated encodes the command that records c as ACTIVE at all its members.
func Activated(c shard.Configuration, o Outcome) shard.Command {
	return shard.Command{Kind: shard.CommandRegister, Value: o.append(shard.AppendConfiguration([]byte{cmdActivated}, c))}
}

// Served encodes the command that remembers how long after the head of c was ACTIVE it acknowledged its first write.
func Served(c shard.Configuration, took uint64) shard.Command {
	value := shard.AppendConfiguration([]byte{cmdServed}, c)
	return shard.Command{Kind: shard.CommandRegister, Value: binary.AppendUvarint(value, took)}
}

// Recruit encodes the command that makes a node the learner of a shard, beside its newest configuration c; 0: nobody
// learns any more.
func Recruit(c shard.Configuration, learner shard.NodeID) shard.Command {
	value := shard.AppendConfiguration([]byte{cmdRecruit}, c)
	return shard.Command{Kind: shard.CommandRegister, Value: binary.BigEndian.AppendUint64(value, uint64(learner))}
}

// Apply carries out one register command. One that comes too late changes nothing.
func (r *Register) Apply(command []byte) (shard.Register, error) {
	d := shard.NewDecoder(command)
	kind, c := d.Byte(), d.Configuration()
	var learner shard.NodeID
	var why Reason
	var outcome Outcome
	var ruled shard.Chain
	var took uint64
	switch kind {
	case cmdReconfigure:
		why = decodeReason(d)
	case cmdActivated:
		outcome = decodeOutcome(d)
	case cmdRecruit:
		learner = shard.NodeID(d.Uint64())
	case cmdAdopt:
		why, ruled = decodeReason(d), d.Chain()
	case cmdServed:
		took = d.Uvarint()
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("register command: %w", err)
	}
	newest := r.Chain.Newest()
	if c.Shard != newest.Shard {
		return nil, fmt.Errorf("register command names shard %d in the register of shard %d", c.Shard, newest.Shard)
	}
	switch kind {
	case cmdReconfigure:
		if again := mutant.On(mutant.TwoSuccessors) || mutant.On(mutant.EpochReused); again && c.Epoch == newest.Epoch && c.Epoch > r.Activated {
			next := r.with(append(slices.Clone(r.Chain[:len(r.Chain)-1]), c), r.Activated, r.Learner)
			next.Decisions = remember(r.Decisions[:max(0, len(r.Decisions)-1)], Decision{Configuration: c, Reason: why})
			return next, nil
		}
		if c.Epoch != newest.Epoch+1 {
			return r, nil
		}
		return r.decide(c, why), nil
	case cmdAdopt:
		return r.adopt(ruled, why), nil
	case cmdActivated:
		if d, ok := r.Chain.At(c.Epoch); !ok || !d.Equal(c) || c.Epoch <= r.Activated {
			return r, nil
		}
		next := r.with(slices.Clone(r.Chain.From(c.Epoch)), c.Epoch, r.Learner)
		next.Decisions = activated(r.Decisions, c.Epoch, outcome)
		return next, nil
	case cmdRecruit:
		if !c.Equal(newest) || c.Has(learner) || learner == r.Learner {
			return r, nil
		}
		return r.with(r.Chain, r.Activated, learner), nil
	case cmdServed:
		return r.served(c, took), nil
	}
	return nil, fmt.Errorf("register command of unknown kind %d", kind)
}

// decide is the register with the next configuration.
func (r *Register) decide(c shard.Configuration, why Reason) *Register {
	next := r.with(append(slices.Clone(r.Chain), c), r.Activated, r.Learner)
	next.Decisions = remember(r.Decisions, Decision{Configuration: c, Reason: why})
	return next
}

// with is a register that holds this, and the same decisions. Who has become a member learns no more.
func (r *Register) with(chain shard.Chain, activated shard.Epoch, learner shard.NodeID) *Register {
	if chain.Newest().Has(learner) {
		learner = 0
	}
	return &Register{Chain: chain, Activated: activated, Learner: learner, Decisions: r.Decisions}
}

// Append encodes r.
func (r *Register) Append(b []byte) []byte {
	b = binary.AppendUvarint(shard.AppendChain(b, r.Chain), uint64(r.Activated))
	return appendDecisions(binary.BigEndian.AppendUint64(b, uint64(r.Learner)), r.Decisions)
}

// DecodeRegister reads what Append wrote.
func DecodeRegister(b []byte) (shard.Register, error) {
	d := shard.NewDecoder(b)
	r := &Register{Chain: d.Chain()}
	r.Activated, r.Learner = shard.Epoch(d.Uvarint()), shard.NodeID(d.Uint64())
	r.Decisions = decodeDecisions(d, r.Chain.Newest())
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if newest := r.Chain.Newest().Epoch; r.Activated == 0 || r.Activated > newest {
		return nil, fmt.Errorf("register: epoch %d recorded as activated: want 1 to %d", r.Activated, newest)
	}
	if r.Chain.Newest().Has(r.Learner) {
		return nil, fmt.Errorf("register: node %v is recorded as the learner of a shard that it is a member of", r.Learner)
	}
	return r, nil
}
