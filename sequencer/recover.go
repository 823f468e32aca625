package sequencer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
	"github.com/ringward/ringward/wedge"
)

// When every shard of the ring has lost a member for good none can write, so none can decide for the next one. Then an
// operator, who states that the lost nodes never return, rules on one shard X: its successor is what is left of it. The rest
// heals as usual, at last the shard P that sequences X. The danger is P: its survivors have un-persistent entries, among them
// perhaps another successor of X, and its next head may propose one. Why there are no two successors of one configuration:
//
//  1. Frozen. Every survivor of P first stops: it takes no entry any more in its epoch of P, and proposes nothing about X.
//  2. Foreseen. Then each tells the register as it would be if its whole history were persistent. What X's register shows in
//     a history that P may inherit is in one of these chains; one that contradicts a history of a higher last ACTIVE epoch is void
//     for good, because a head writes to a register only after all members of its epoch were ACTIVE. The ruling continues the
//     longest of them, so it agrees with whatever of it becomes persistent.
//  3. Held. Every survivor of P makes the ruling durable, if it is still frozen by the same attempt: a restart or the
//     end of the freeze in between voids the attempt. Only when all hold it, X's survivors are told: it is in force.
//  4. Given along. Who holds an open ruling says so in each answer to a wedge of P and in what a successor inherits, and the receiver
//     holds it before it is ACTIVE. So no head of P is without: each history of P that is ever continued comes from a holder.
//  5. Adopted. A head that holds an open ruling writes nothing else about X. It adopts the ruling into the register by a
//     command, which changes nothing where the register went another way: then not all survivors held it, and it never came into force.
//
// An attempt that broke off leaves rulings that were not in force. The next attempt takes those into its chain that agree
// with what is foreseen, and a later one counts where two are held. The lost nodes matter to none of this but by what
// they never do: acknowledge for P, or tell of a decision of which no survivor of P has an entry.

// Adopt encodes the command that brings the register to where a ruling wants it.
func Adopt(g shard.Ruling) shard.Command {
	value := Reason{At: g.At}.append(shard.AppendConfiguration([]byte{cmdAdopt}, g.Chain.Newest()))
	return shard.Command{Kind: shard.CommandRegister, Value: shard.AppendChain(value, g.Chain)}
}

// adopt is the register at the end of the chain, if that continues it. Where it has got there by itself, by what was pending, it remembers
// that an operator decided so.
func (r *Register) adopt(chain shard.Chain, why Reason) *Register {
	next := r
	if ruled := chain.Newest(); ruled.Equal(r.Chain.Newest()) && len(r.Decisions) > 0 {
		if r.Adopted(shard.Ruling{At: why.At, Chain: chain}) {
			return r
		}
		next = r.with(r.Chain, r.Activated, r.Learner)
		next.Decisions = slices.Clone(r.Decisions)
		last := &next.Decisions[len(next.Decisions)-1].Reason
		last.At, last.By = why.At, 0
		return next
	}
	for _, c := range chain {
		if d, ok := r.Chain.At(c.Epoch); ok && !d.Equal(c) {
			return r
		}
		switch newest := next.Chain.Newest().Epoch; {
		case c.Epoch == newest+1:
			next = next.decide(c, why)
		case c.Epoch > newest:
			return r
		}
	}
	return next
}

// Adopted reports whether nothing is left to do about a ruling: the register shows it, or is beyond it, or went another way.
func (r *Register) Adopted(g shard.Ruling) bool {
	ruled, newest := g.Chain.Newest(), r.Chain.Newest()
	if newest.Epoch != ruled.Epoch {
		return newest.Epoch > ruled.Epoch
	}
	n := len(r.Decisions)
	return !newest.Equal(ruled) || n == 0 || r.Decisions[n-1].By == 0 && r.Decisions[n-1].At == g.At
}

// Testimony is what one replica knows that matters to a ruling.
type Testimony struct {
	Node    shard.NodeID
	Chain   shard.Chain // of its own shard
	Active  shard.Epoch // the last epoch in which it was ACTIVE
	Last    shard.Seqno
	Lineage shard.Lineage
	// Decided is what the register shows of the next shard, Foreseen what it would if all of the replica's history were persistent.
	Decided, Foreseen shard.Chain
	Ruling            shard.Ruling // the open one that it holds about the next shard
}

// Shard is the one that the replica is of.
func (t *Testimony) Shard() shard.ID { return t.Chain.Newest().Shard }

// Witness is what one node knows.
type Witness struct {
	Node     shard.NodeID
	Known    []shard.Chain // the newest of each shard that it has heard of
	Replicas []Testimony
	Heard    []shard.NodeID // other nodes that it has heard of lately
}

// Condition says what the loss of nodes did to a shard.
type Condition uint8

const (
	// Whole: no lost node is a member of its newest configuration, and a member knows that, or is told by those who sequence it.
	Whole Condition = iota
	// Damaged: it lost members, and the others have all that was acknowledged.
	Damaged
	// Gone: nobody is left who surely has all that was acknowledged. It refuses service for ever.
	Gone
)

func (c Condition) String() string {
	return [...]string{Whole: "whole", Damaged: "damaged", Gone: "gone"}[c]
}

// Finding is what is left of one shard.
type Finding struct {
	Condition Condition
	Newest    shard.Configuration // decided, as far as the witnesses know
	Lost      []shard.NodeID      // members of it
	// Chain is what would be ruled: all that is decided or foreseen, and the survivors after it; empty where nobody survives.
	Chain shard.Chain
	// Pending is how many configurations of Chain are foreseen only.
	Pending int
	// Stuck: nobody in the ring can decide its successor any more.
	Stuck bool
	held  bool // somebody holds a ruling about it
}

// Examination is what the loss of some nodes did to a ring.
type Examination struct {
	Ring     Ring
	Lost     []shard.NodeID
	Findings []Finding // in the order of the ring
	replicas map[shard.ID][]Testimony
}

// Examine looks at what the witnesses say. The error says why that is not enough to judge, or contradicts the statement that the lost
// nodes are gone for good.
func Examine(ring Ring, lost []shard.NodeID, witnesses []Witness) (*Examination, error) {
	x := &Examination{Ring: ring, Lost: lost, replicas: map[shard.ID][]Testimony{}}
	if len(lost) == 0 {
		return nil, fmt.Errorf("no node is named as lost")
	}
	there := map[shard.NodeID]bool{}
	decided := map[shard.ID]shard.Chain{}
	var err error
	learn := func(chain shard.Chain) {
		if len(chain) == 0 || err != nil {
			return
		}
		id := chain.Newest().Shard
		decided[id], err = decided[id].Merge(chain)
	}
	for _, w := range witnesses {
		if slices.Contains(lost, w.Node) {
			return nil, fmt.Errorf("node %v is named as lost, and answers", w.Node)
		}
		for _, n := range w.Heard {
			if slices.Contains(lost, n) {
				return nil, fmt.Errorf("node %v is named as lost, and node %v hears of it", n, w.Node)
			}
		}
		there[w.Node] = true
		for _, chain := range w.Known {
			learn(chain)
		}
		for _, t := range w.Replicas {
			learn(t.Chain)
			learn(t.Decided)
			x.replicas[t.Shard()] = append(x.replicas[t.Shard()], t)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, s := range ring {
		f, err := x.find(s.Shard, decided[s.Shard])
		if err != nil {
			return nil, err
		}
		for _, n := range f.Chain.Members() {
			if !there[n] && !slices.Contains(lost, n) {
				return nil, fmt.Errorf("node %v of shard %d neither answers nor is named as lost: what it knows may matter", n, s.Shard)
			}
		}
		x.Findings = append(x.Findings, f)
	}
	for i := range x.Findings {
		x.Findings[i].Stuck = x.stuck(i)
	}
	return x, nil
}

// find looks at one shard, of which this chain is decided.
func (x *Examination) find(id shard.ID, decided shard.Chain) (Finding, error) {
	if len(decided) == 0 {
		return Finding{}, fmt.Errorf("no node knows of shard %d", id)
	}
	f := Finding{Newest: decided.Newest(), Chain: decided}
	isLost := func(n shard.NodeID) bool { return slices.Contains(x.Lost, n) }
	for _, m := range f.Newest.Members {
		if isLost(m) {
			f.Lost = append(f.Lost, m)
		}
	}
	answers := map[shard.NodeID]wedge.Answer{}
	for _, t := range x.replicas[id] {
		answers[t.Node] = wedge.Answer{Active: t.Active, Last: t.Last, Lineage: t.Lineage}
	}
	if len(f.Lost) == 0 && inheritable(decided, answers) && x.told(id, f.Newest) {
		return f, nil
	}
	if err := x.foresee(id, &f); err != nil {
		return f, err
	}
	f.Pending = int(f.Chain.Newest().Epoch - f.Newest.Epoch)
	newest := f.Chain.Newest()
	left := slices.DeleteFunc(slices.Clone(newest.Members), isLost)
	if len(left) < len(newest.Members) && len(left) > 0 {
		f.Chain = append(f.Chain, shard.Configuration{Shard: id, Epoch: newest.Epoch + 1, Members: left})
	}
	if f.Condition = Damaged; len(left) == 0 || !inheritable(f.Chain, answers) {
		f.Condition = Gone
	}
	return f, nil
}

// foresee continues a shard's chain by what the histories of those who sequence it hold, and by the rulings that they hold.
func (x *Examination) foresee(id shard.ID, f *Finding) error {
	offices := slices.Clone(x.replicas[x.Ring.Sequencer(id)])
	slices.SortStableFunc(offices, func(a, b Testimony) int { return cmp.Or(cmp.Compare(b.Active, a.Active), cmp.Compare(b.Last, a.Last)) })
	for _, t := range offices {
		if mutant.On(mutant.RulingIgnoresPending) {
			break
		}
		merged, err := f.Chain.Merge(t.Foreseen)
		switch {
		case err == nil:
			f.Chain = merged
		case t.Active == offices[0].Active:
			return fmt.Errorf("node %v: %w", t.Node, err)
		}
	}
	slices.SortStableFunc(offices, func(a, b Testimony) int { return cmp.Compare(b.Ruling.At, a.Ruling.At) })
	for _, t := range offices {
		if merged, err := f.Chain.Merge(t.Ruling.Chain); err == nil && t.Ruling.Open() {
			f.Chain, f.held = merged, true
		}
	}
	return nil
}

// told reports whether a member of a shard's newest configuration knows of it, or somebody who sequences the shard and will tell. Others
// may have heard of it from a node that is lost, and keep that to themselves.
func (x *Examination) told(id shard.ID, newest shard.Configuration) bool {
	return slices.ContainsFunc(x.replicas[id], func(t Testimony) bool {
		return newest.Has(t.Node) && t.Chain.Newest().Epoch >= newest.Epoch
	}) || slices.ContainsFunc(x.replicas[x.Ring.Sequencer(id)], func(t Testimony) bool {
		return t.Chain.Newest().Has(t.Node) && t.Decided.Newest().Epoch >= newest.Epoch
	})
}

// inheritable reports whether the members of the newest configuration have all that was persistent, or can get it.
func inheritable(chain shard.Chain, answers map[shard.NodeID]wedge.Answer) bool {
	newest := chain.Newest()
	for _, m := range newest.Members {
		if a, ok := answers[m]; ok && a.Active >= newest.Epoch {
			return true
		}
	}
	_, ok := wedge.Choose(chain, answers, 0)
	return ok
}

// stuck reports whether the i-th shard waits for a repair that never comes: going back from it, one comes to a shard that is gone, or
// back to it, and not to one that is whole.
func (x *Examination) stuck(i int) bool {
	if x.Findings[i].Condition != Damaged {
		return false
	}
	for k := range x.Findings {
		switch x.before(i, k+1).Condition {
		case Whole:
			return false
		case Gone:
			return true
		}
	}
	return true
}

// before is the finding of the shard k places before the i-th.
func (x *Examination) before(i, k int) *Finding {
	n := len(x.Findings)
	return &x.Findings[(i-k+n)%n]
}

// Rulable reports whether an operator may decide the successor of a shard, or why not.
func (x *Examination) Rulable(id shard.ID) error {
	i := slices.IndexFunc(x.Ring, func(s Slice) bool { return s.Shard == id })
	if i < 0 {
		return fmt.Errorf("shard %d is not in the ring", id)
	}
	switch f := x.Findings[i]; {
	case f.Condition == Whole:
		return fmt.Errorf("shard %d has all its members: there is nothing to decide", id)
	case f.Condition == Gone:
		return fmt.Errorf("shard %d is gone: nobody is left who surely has all that was acknowledged", id)
	case !f.Stuck:
		return fmt.Errorf("shard %d will be repaired by the ring itself, which has a shard that lost no member", id)
	case x.before(i, 1).Condition == Gone:
		return fmt.Errorf("shard %d cannot be decided: shard %d, which kept its register, is gone, and may have decided what nobody left knows of", id, x.Ring.Sequencer(id))
	}
	return nil
}

// Best is the shard whose successor an operator should decide: one that a ruling is held about already, or that with the most
// shards behind it that its repair brings back. The error says why there is none.
func (x *Examination) Best() (shard.ID, error) {
	best, most := shard.ID(0), 0
	var whys []string
	for i, s := range x.Ring {
		if err := x.Rulable(s.Shard); err != nil {
			whys = append(whys, err.Error())
			continue
		}
		run := 1
		for run < len(x.Ring) && x.Findings[(i+run)%len(x.Ring)].Condition == Damaged {
			run++
		}
		if x.Findings[i].held {
			run += len(x.Ring)
		}
		if run > most {
			best, most = s.Shard, run
		}
	}
	if best == 0 {
		return 0, fmt.Errorf("there is nothing to recover: %s", strings.Join(whys, "; "))
	}
	return best, nil
}

// Finding is that of one shard in the ring.
func (x *Examination) Finding(id shard.ID) *Finding {
	return &x.Findings[slices.IndexFunc(x.Ring, func(s Slice) bool { return s.Shard == id })]
}

// Holders are the nodes that have to hold a ruling about a shard before it is in force: all that are left of those who sequence it.
func (x *Examination) Holders(id shard.ID) []shard.NodeID {
	var nodes []shard.NodeID
	for _, t := range x.replicas[x.Ring.Sequencer(id)] {
		nodes = append(nodes, t.Node)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}
