package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringward/ringward/node/internal/engine"
	"github.com/ringward/ringward/shard"
)

// spot is one who waits, or is waited for: a node's replica of a shard, or, in office, the node as one of those who
// sequence it.
type spot struct {
	node   shard.NodeID
	shard  shard.ID
	office bool
}

func (s spot) String() string {
	if s.office {
		return fmt.Sprintf("node %d, which sequences shard %d,", uint64(s.node), s.shard)
	}
	return fmt.Sprintf("node %d of shard %d", uint64(s.node), s.shard)
}

// unsettled describes what has not come to its end, empty if everything has, and names the first shard of that: who waits for
// whom, until that ends with somebody who waits for nobody, or closes a cycle.
func (w *world) unsettled() (first shard.ID, words string) {
	var b strings.Builder
	told := map[spot]bool{}
	for _, c := range w.genesis.Initial {
		if w.settled(c.Shard) {
			continue
		}
		first = cmp.Or(first, c.Shard)
		epoch, members := w.check.Newest(c.Shard)
		fmt.Fprintf(&b, "shard %d, of which epoch %d with %v is decided:\n", c.Shard, epoch, numbers(members))
		for _, s := range w.blocked(c.Shard) {
			w.follow(&b, s, nil, told)
		}
		for _, n := range w.nodes {
			if s := w.standing(n, c.Shard); s != nil {
				fmt.Fprintf(&b, "    node %d: %v in epoch %d of %v, synced %v, active in %d, last %d, durable %d, commit %d, held %v; sequences shard %d: epoch %d, activated %d\n",
					n.id, s.State, s.Configuration.Epoch, numbers(s.Configuration.Members), s.Synced, s.Active, s.Last, s.Durable, s.Commit, s.Held,
					s.Next, s.Register.Chain.Newest().Epoch, s.Register.Activated)
			}
		}
	}
	w.clients.unfinished(&b)
	return first, b.String()
}

// blocked are those of a shard from whom one sees why it is not settled: members that are not ready, or else those who
// sequence it.
func (w *world) blocked(id shard.ID) (spots []spot) {
	_, members := w.check.Newest(id)
	for _, m := range members {
		if !w.ready(m, id) {
			spots = append(spots, spot{node: m, shard: id})
		}
	}
	if len(spots) == 0 {
		spots = append(spots, w.office(id))
	}
	return spots
}

// office is the head of those who sequence a shard.
func (w *world) office(id shard.ID) spot {
	_, sequencers := w.check.Newest(w.genesis.Ring.Sequencer(id))
	return spot{node: sequencers[0], shard: id, office: true}
}

// settled reports whether all members of a shard's newest configuration are ACTIVE and at one, and the head of
// its sequencer knows that.
func (w *world) settled(id shard.ID) bool {
	epoch, members := w.check.Newest(id)
	s := w.standing(w.node(w.office(id).node), w.genesis.Ring.Sequencer(id))
	if w.node(w.office(id).node).lost || s == nil || s.Register.Activated != epoch {
		return false
	}
	return !slices.ContainsFunc(members, func(m shard.NodeID) bool { return !w.ready(m, id) })
}

// ready reports whether a member of a shard's newest configuration is ACTIVE in it, and at one with those before.
func (w *world) ready(m shard.NodeID, id shard.ID) bool {
	epoch, members := w.check.Newest(id)
	s := w.standing(w.node(m), id)
	// The others learn of the last commit with the next entry or read.
	return s != nil && !w.node(m).lost && s.State == shard.Active && s.Configuration.Epoch == epoch && s.Synced && (m != members[0] || s.Commit == s.Last)
}

// standing is that of a node's replica, nil where there is none.
func (w *world) standing(n *node, id shard.ID) *engine.Standing {
	if n.host != nil {
		for _, s := range n.host.Standings() {
			if s.Configuration.Shard == id {
				return &s
			}
		}
	}
	return nil
}

// follow writes for whom s waits, and they in turn. path leads to s.
func (w *world) follow(b *strings.Builder, s spot, path []spot, told map[spot]bool) {
	fmt.Fprintf(b, "  %s%v ", strings.Repeat("  ", len(path)), s)
	switch {
	case slices.Contains(path, s):
		b.WriteString("closes the cycle\n")
		return
	case told[s]:
		b.WriteString("waits as said above\n")
		return
	}
	told[s] = true
	words, on := w.waits(s)
	b.WriteString(words)
	for _, o := range on {
		for t := range shard.Traffics {
			if w.network.cut[route{o.node, s.node, t}]+w.network.cut[route{s.node, o.node, t}] > 0 {
				fmt.Fprintf(b, "; they are cut off from each other")
				break
			}
		}
	}
	b.WriteString("\n")
	for _, o := range on {
		w.follow(b, o, append(slices.Clip(path), s), told)
	}
}

// waits says for what and for whom s waits.
func (w *world) waits(s spot) (words string, on []spot) {
	n := w.node(s.node)
	epoch, members := w.check.Newest(s.shard)
	switch {
	case n.lost:
		of := s.shard
		if s.office {
			of = w.genesis.Ring.Sequencer(of)
		}
		return fmt.Sprintf("is lost for good: it has to be replaced in shard %d", of), []spot{w.office(of)}
	case !n.up:
		return "is down", nil
	case n.paused():
		return fmt.Sprintf("is paused until %v", n.pausedTo), nil
	case s.office:
		return w.officeWaits(s, epoch, members)
	}
	at := w.standing(n, s.shard)
	switch {
	case at == nil:
		return "hosts no replica", nil
	case at.Configuration.Epoch < epoch:
		return fmt.Sprintf("goes by epoch %d, and waits for word that epoch %d is decided", at.Configuration.Epoch, epoch), []spot{w.office(s.shard)}
	case at.State == shard.Immutable:
		return "has no part in the newest epoch", nil
	case at.State == shard.Pending:
		return w.pendingWaits(s, at)
	}
	next := at.Configuration.Successor(s.node)
	switch {
	case !at.Synced:
		return "is ACTIVE, and waits for its successor to hand back what it may have lost", []spot{{node: next, shard: s.shard}}
	case at.Durable < at.Last:
		return fmt.Sprintf("has entries up to %d, and %s", at.Last, w.diskWaits(n, fmt.Sprintf("those above %d", at.Durable))), nil
	case at.Commit < at.Last && next != 0:
		return fmt.Sprintf("has committed %d of %d, and waits for its successor to acknowledge the rest", at.Commit, at.Last), []spot{{node: next, shard: s.shard}}
	case at.Held:
		return fmt.Sprintf("holds requests, since it suspects %v, and waits for a decision", numbers(n.host.Suspected())), []spot{w.office(s.shard)}
	}
	return "is ACTIVE, with all it has durable", nil
}

// pendingWaits says it of a replica that is PENDING in the newest epoch.
func (w *world) pendingWaits(s spot, at *engine.Standing) (words string, on []spot) {
	n, epoch := w.node(s.node), at.Configuration.Epoch
	log := w.check.Log(s.node, s.shard)
	switch {
	case log.Promised < epoch:
		return w.diskWaits(n, fmt.Sprintf("its promise of epoch %d", epoch)), nil
	case log.Activating == epoch:
		return w.diskWaits(n, fmt.Sprintf("its activation of epoch %d", epoch)), nil
	case at.Configuration.Head() != s.node:
		return "is PENDING, and waits for its predecessor to offer what it inherits", []spot{{node: at.Configuration.Predecessor(s.node), shard: s.shard}}
	}
	var silent []shard.NodeID
	for _, m := range n.host.Known(s.shard).Members() {
		if w.check.Log(m, s.shard).Promised < epoch || !w.node(m).up {
			silent = append(silent, m)
			on = append(on, spot{node: m, shard: s.shard})
		}
	}
	if len(silent) == 0 {
		return fmt.Sprintf("is PENDING as the head: all have promised epoch %d, and it waits for their answers or their history", epoch), nil
	}
	return fmt.Sprintf("is PENDING as the head, and waits for the wedge answers of %v", numbers(silent)), on
}

// officeWaits says it of one who sequences a shard whose newest configuration is of epoch, with these members.
func (w *world) officeWaits(s spot, epoch shard.Epoch, members []shard.NodeID) (words string, on []spot) {
	own := spot{node: s.node, shard: w.genesis.Ring.Sequencer(s.shard)}
	at := w.standing(w.node(s.node), own.shard)
	switch {
	case at == nil:
		return "hosts no replica of the shard that does", nil
	case at.Register.Chain.Newest().Epoch < epoch || !w.ready(s.node, own.shard):
		return fmt.Sprintf("waits for its own replica of shard %d", own.shard), []spot{own}
	case at.Register.Activated == epoch:
		return "has recorded that the newest epoch is ACTIVE, and waits for reports that call for another", nil
	}
	for _, m := range members {
		if w.check.Log(m, s.shard).Active < epoch {
			on = append(on, spot{node: m, shard: s.shard})
		}
	}
	if len(on) == 0 {
		return fmt.Sprintf("has not recorded yet that epoch %d is ACTIVE at all its members", epoch), nil
	}
	return fmt.Sprintf("repeats the wedge until all members are ACTIVE in epoch %d", epoch), on
}

func (w *world) diskWaits(n *node, what string) string {
	if n.disk.since == 0 {
		return fmt.Sprintf("waits for its disk to take %s", what)
	}
	return fmt.Sprintf("waits for its disk to make durable %s; what it writes is under way since %v", what, n.disk.since)
}
