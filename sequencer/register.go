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
)

// Reconfigure encodes the command that decides c as the successor of epoch c.Epoch-1: a
// compare-and-set on that epoch.
func Reconfigure(c shard.Configuration) shard.Command {
	return shard.Command{Kind: shard.CommandRegister, Value: shard.AppendConfiguration([]byte{cmdReconfigure}, c)}
}

// Activated encodes the command that records c as ACTIVE at all its members.
func Activated(c shard.Configuration) shard.Command {
	return shard.Command{Kind: shard.CommandRegister, Value: shard.AppendConfiguration([]byte{cmdActivated}, c)}
}

// Apply carries out one register command. One that comes too late changes nothing.
func (r *Register) Apply(command []byte) (shard.Register, error) {
	d := shard.NewDecoder(command)
	kind, c := d.Byte(), d.Configuration()
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
			return &Register{Chain: append(slices.Clone(r.Chain[:len(r.Chain)-1]), c), Activated: r.Activated}, nil
		}
		if c.Epoch != newest.Epoch+1 {
			return r, nil
		}
		return &Register{Chain: append(slices.Clone(r.Chain), c), Activated: r.Activated}, nil
	case cmdActivated:
		if d, ok := r.Chain.At(c.Epoch); !ok || !d.Equal(c) || c.Epoch <= r.Activated {
			return r, nil
		}
		return &Register{Chain: slices.Clone(r.Chain.From(c.Epoch)), Activated: c.Epoch}, nil
	}
	return nil, fmt.Errorf("register command of unknown kind %d", kind)
}

// Append encodes r.
func (r *Register) Append(b []byte) []byte {
	return binary.AppendUvarint(shard.AppendChain(b, r.Chain), uint64(r.Activated))
}

// DecodeRegister reads what Append wrote.
func DecodeRegister(b []byte) (shard.Register, error) {
	d := shard.NewDecoder(b)
	r := &Register{Chain: d.Chain()}
	r.Activated = shard.Epoch(d.Uvarint())
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if newest := r.Chain.Newest().Epoch; r.Activated == 0 || r.Activated > newest {
		return nil, fmt.Errorf("register: epoch %d recorded as activated: want 1 to %d", r.Activated, newest)
	}
	return r, nil
}
