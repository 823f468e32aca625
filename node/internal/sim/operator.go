package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// operator is who states that the lost nodes never return, and rules where the ring cannot decide. He takes the steps that ringward
// recover takes, each at its own moment, over hosts that go on meanwhile; nodes may restart between two steps, and he may
// break off anywhere and begin anew.
type operator struct {
	w        *world
	random   *rand.Rand
	attempts int
	// thawed is when all replicas that he froze write again, also where he broke off.
	thawed moment
	// last is what he found when nothing was left to rule on.
	last *sequencer.Examination
	// active are the shards that have been ACTIVE at all members of their newest configuration since then.
	active map[shard.ID]bool
}

const (
	// mostAttempts bounds those of one operator.
	mostAttempts = 40
	// disturbed is how many attempts are disturbed at most.
	disturbed = 4
	// holdsWithin is how long an operator waits for a ruling to be durable.
	holdsWithin = 40 * tick
)

// begin lets the operator act some time later.
func (o *operator) begin() {
	o.w.after(between{5 * tick, 60 * tick}.pick(o.random), o.attempt)
}

// works reports whether he may still bring about something.
func (o *operator) works() bool { return o != nil && o.last == nil && o.attempts < mostAttempts }

// calm is when nothing that he did keeps the ring from helping itself any more.
func (o *operator) calm() moment {
	if o == nil || o.last == nil {
		return 0
	}
	return o.thawed
}

// again begins another attempt, a while later.
func (o *operator) again(why string) {
	o.w.trace.note(nil, 0, "the operator breaks off: "+why)
	o.w.after(between{tick, 20 * tick}.pick(o.random), o.attempt)
}

func (o *operator) lost() (nodes []shard.NodeID) {
	for _, n := range o.w.nodes {
		if n.lost {
			nodes = append(nodes, n.id)
		}
	}
	return nodes
}

// each asks some nodes for something, one after the other at moments of their own, and goes on once all have done so. It
// breaks off where one refuses or is down, and now and then for no reason.
func (o *operator) each(nodes []shard.NodeID, ask func(n *node) error, then func()) {
	if len(nodes) == 0 {
		then()
		return
	}
	o.w.after(between{0, oneOf(o.random, 0, tick, 5*tick)}.pick(o.random), func() {
		n := o.w.node(nodes[0])
		o.disturb()
		switch {
		case !n.up:
			o.again(fmt.Sprintf("node %d is down", n.id))
		case o.attempts <= disturbed && chance(o.random, 0.05):
			o.again("he is interrupted")
		default:
			life := n.life
			n.take(func() {
				err := ask(n)
				o.w.after(0, func() {
					if err == nil && n.life == life {
						o.each(nodes[1:], ask, then)
						return
					}
					o.again(fmt.Sprintf("node %d: %v", n.id, err))
				})
			})
		}
	})
}

// disturb restarts a node, in some attempts.
func (o *operator) disturb() {
	if o.attempts > disturbed || !chance(o.random, 0.1) {
		return
	}
	if n := o.w.nodes[o.random.IntN(len(o.w.nodes))]; n.up && !n.lost {
		o.w.trace.note(n, 0, "restarts under the operator's hands")
		n.crash()
		o.w.after(between{0, 5 * tick}.pick(o.random), func() { o.w.faults.restart(n) })
	}
}

// living are the nodes that are there.
func (o *operator) living() (nodes []shard.NodeID) {
	for _, n := range o.w.nodes {
		if !n.lost {
			nodes = append(nodes, n.id)
		}
	}
	return nodes
}

// examine asks all nodes what they know.
func (o *operator) examine(then func(*sequencer.Examination)) {
	var witnesses []sequencer.Witness
	o.each(o.living(), func(n *node) error {
		w, err := n.host.Testify()
		witnesses = append(witnesses, w)
		return err
	}, func() {
		x, err := sequencer.Examine(o.w.genesis.Ring, o.lost(), witnesses)
		if err != nil {
			o.again(err.Error())
			return
		}
		then(x)
	})
}

// attempt looks what there is to rule on, and does it.
func (o *operator) attempt() {
	if o.attempts++; o.attempts > mostAttempts || o.w.done || o.w.failure != nil {
		return
	}
	whole := o.w.faults.repairable()
	o.examine(func(x *sequencer.Examination) {
		of, err := x.Best()
		if err != nil {
			o.last, o.active, o.w.calmAt = x, map[shard.ID]bool{}, max(o.w.calmAt, o.w.now)
			o.w.trace.note(nil, 0, "the operator has nothing to do: "+err.Error())
			return
		}
		// What is persistent may be repairable, and yet a decision under way, which nobody can stop, leave a shard to lost members.
		if whole && !slices.ContainsFunc(x.Findings, func(f sequencer.Finding) bool { return f.Condition == sequencer.Gone }) {
			o.w.fail(0, of, "an operator may rule on shard %d, and the ring can help itself", of)
			return
		}
		o.rule(of)
	})
}

// owes reports whether some shard has not been ACTIVE since he has done his part, although the ring could repair it. Where nodes lose
// their patience soon, not all are at one moment.
func (o *operator) owes() (owes bool) {
	if o.last == nil {
		return true
	}
	for i, f := range o.last.Findings {
		id := o.last.Ring[i].Shard
		epoch, members := o.w.check.Newest(id)
		known := slices.ContainsFunc(o.living(), func(n shard.NodeID) bool { return o.w.check.Promised(n, id) == epoch })
		// A decision that nobody left knows of changes nothing.
		if !known || !slices.ContainsFunc(members, func(m shard.NodeID) bool { return !o.w.ready(m, id) }) {
			o.active[id] = true
		}
		owes = owes || f.Condition != sequencer.Gone && !f.Stuck && !o.active[id]
	}
	return owes
}

// rule takes the steps.
func (o *operator) rule(of shard.ID) {
	g := shard.Ruling{At: uint64(o.w.now) + 1}
	o.examine(func(x *sequencer.Examination) {
		holders := x.Holders(of)
		o.each(holders, func(n *node) error {
			// Clocks may be slow, and so are the ticks in which a node counts.
			o.thawed = o.w.now + moment(2*engine.FreezeMicros/momentMicros)
			return n.host.Freeze(of, g.At)
		}, func() {
			o.examine(func(x *sequencer.Examination) {
				if err := x.Rulable(of); err != nil {
					o.again(err.Error())
					return
				}
				f := x.Finding(of)
				g.Chain = f.Chain
				if f.Pending > 0 {
					o.w.rare.saw(ruledUponPending)
				}
				o.each(holders, func(n *node) error { return n.host.Rule(g) }, func() { o.hold(holders, of, g, o.w.now+holdsWithin) })
			})
		})
	})
}

// hold waits until the ruling is durable at all who must hold it. Then it is in force.
func (o *operator) hold(holders []shard.NodeID, of shard.ID, g shard.Ruling, until moment) {
	for _, id := range holders {
		if n := o.w.node(id); !n.up || !n.host.Holds(of, g.At) {
			if o.w.now > until {
				o.again(fmt.Sprintf("node %d does not hold the ruling", id))
				return
			}
			o.w.after(tick/2, func() { o.hold(holders, of, g, until) })
			return
		}
	}
	o.w.trace.note(nil, of, fmt.Sprintf("is ruled to go on as epoch %d with %v", g.Chain.Newest().Epoch, numbers(g.Chain.Newest().Members)))
	o.w.check.Rules(g.Chain)
	o.w.rare.saw(ruled)
	o.w.calmAt = max(o.w.calmAt, o.w.now)
	o.each(o.living(), func(n *node) error { return n.host.Enforce(g) }, func() { o.again("to look what is left to do") })
}
