package engine

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// The node's part in an operator's ruling: why it is safe, package sequencer, recover.go tells.

// FreezeMicros is how long a sequencing replica stays frozen for an attempt that does not go on.
const FreezeMicros = 30_000_000

// frozen is that a replica waits for a ruling about the next shard.
type frozen struct {
	at     uint64      // names the attempt; 0: it does not wait
	until  int         // in ticks
	closed shard.Epoch // up to which it takes nothing more, while it waits or holds an open ruling
}

// Testify tells what an operator has to know before he rules. The error says why that cannot be told just now.
func (h *Host) Testify() (sequencer.Witness, error) {
	w := sequencer.Witness{Node: h.opt.Replica.Self}
	for _, s := range h.opt.Genesis.Ring {
		w.Known = append(w.Known, h.known[s.Shard])
		for _, m := range h.known[s.Shard].Members() {
			if m != w.Node && h.detector.Hears(m, 0) && !slices.Contains(w.Heard, m) {
				w.Heard = append(w.Heard, m)
			}
		}
	}
	for _, e := range h.hosted {
		at := e.replica.Standing()
		foreseen, err := e.foreseen()
		if err != nil {
			return w, err
		}
		t := sequencer.Testimony{
			Node: w.Node, Chain: e.replica.Chain(), Active: at.Active, Last: at.Durable, Lineage: at.Lineage,
			Decided: e.register.Chain, Foreseen: foreseen.Chain,
		}
		if g, _ := e.replica.Ruling(); g.Open() {
			t.Ruling = g
		}
		w.Replicas = append(w.Replicas, t)
	}
	return w, nil
}

// foreseen is the register as if the whole history were persistent.
func (e *engine) foreseen() (*sequencer.Register, error) {
	commit, entries := e.replica.Uncommitted()
	if e.appliedTo < commit {
		return nil, fmt.Errorf("shard %d is applied up to %d, and committed up to %d: try again", e.id, e.appliedTo, commit)
	}
	reg := e.register
	for _, x := range entries {
		c, err := shard.DecodeCommand(x.Command())
		if err != nil {
			return nil, err
		}
		if c.Kind != shard.CommandRegister {
			continue
		}
		next, err := reg.Apply(c.Value)
		if err != nil {
			return nil, err
		}
		reg = next.(*sequencer.Register)
	}
	return reg, nil
}

// Freeze makes the replica that sequences a shard wait for the ruling of an attempt, and take nothing in meanwhile. A later
// attempt supersedes an earlier one.
func (h *Host) Freeze(of shard.ID, at uint64) error {
	e := h.engine(h.opt.Genesis.Ring.Sequencer(of))
	if e == nil {
		return nil
	}
	if g, _ := e.replica.Ruling(); at <= g.At || at < e.frozen.at {
		return fmt.Errorf("attempt %d to rule on shard %d comes after attempt %d", at, of, max(g.At, e.frozen.at))
	}
	e.frozen.at, e.frozen.until = at, e.ticks+int(FreezeMicros/max(h.opt.TickMicros, 1))
	e.frozen.closed = max(e.frozen.closed, e.replica.Configuration().Epoch)
	return nil
}

// Rule makes the replica that sequences a shard hold a ruling, if it is frozen by that attempt.
func (h *Host) Rule(g shard.Ruling) error {
	if err := whole(g); err != nil {
		return err
	}
	of := g.Chain.Newest().Shard
	e := h.engine(h.opt.Genesis.Ring.Sequencer(of))
	if e == nil {
		return nil
	}
	if e.frozen.at == 0 || e.frozen.at != g.At {
		return fmt.Errorf("the replica of shard %d does not wait for the ruling of attempt %d: it restarted, or waited too long, or another attempt was begun", e.id, g.At)
	}
	e.replica.Rule(g)
	e.frozen.at = 0
	return nil
}

// whole reports what an operator's ruling lacks.
func whole(g shard.Ruling) error {
	if !g.Open() {
		return fmt.Errorf("ruling of attempt %d without a chain of configurations", g.At)
	}
	return g.Valid()
}

// Holds reports whether the ruling of an attempt about a shard is durable at this node, if it sequences the shard.
func (h *Host) Holds(of shard.ID, at uint64) bool {
	e := h.engine(h.opt.Genesis.Ring.Sequencer(of))
	if e == nil {
		return true
	}
	g, durable := e.replica.Ruling()
	return durable && g.At >= at
}

// Enforce takes a ruling that is in force.
func (h *Host) Enforce(g shard.Ruling) error {
	if err := whole(g); err != nil {
		return err
	}
	newest := g.Chain.Newest()
	known := h.Known(newest.Shard)
	if len(known) == 0 {
		return fmt.Errorf("shard %d is not in the ring", newest.Shard)
	}
	if _, err := known.Merge(g.Chain); err != nil {
		return fmt.Errorf("the ruling contradicts what this node knows: %w", err)
	}
	h.learn(g.Chain)
	return nil
}

// waits reports whether the replica writes nothing about the next shard of its own, because an operator rules on it.
func (e *engine) waits() bool {
	g, _ := e.replica.Ruling()
	return e.frozen.at > 0 || g.Open() && !mutant.On(mutant.RulingNotHeld)
}

// closed reports whether a message belongs to an epoch in which the replica takes nothing more.
func (e *engine) closed(m shard.Message) bool {
	switch m.Kind {
	case shard.MsgConnect, shard.MsgConnected, shard.MsgInherit, shard.MsgHandBack, shard.MsgAppend, shard.MsgAck, shard.MsgFed:
		return m.Epoch <= e.frozen.closed && e.waits()
	}
	return false
}

// hold takes a ruling that came along with a history of this shard, before anything is done with that.
func (e *engine) hold(g shard.Ruling) {
	if g.Open() && g.Chain[0].Shard == e.next && !e.register.Adopted(g) {
		if old, _ := e.replica.Ruling(); g.At > old.At {
			e.adopted = 0 // a later attempt's may come when the earlier one's is proposed already
		}
		e.replica.Rule(g)
	}
}

// adopt brings the register to where a ruling wants it, if this is the head, and lets go of the ruling once that is so.
func (e *engine) adopt() {
	if e.frozen.at > 0 && e.ticks > e.frozen.until {
		e.frozen.at = 0
	}
	g, _ := e.replica.Ruling()
	switch epoch := e.replica.Configuration().Epoch; {
	case !g.Open():
	case e.register.Adopted(g):
		e.replica.CarriedOut()
	case e.adopted < epoch && epoch > e.frozen.closed && e.replica.Leads() && e.replica.Propose(sequencer.Adopt(g)):
		e.adopted = epoch
	}
}
