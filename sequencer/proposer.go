package sequencer

import (
	"maps"
	"math/bits"
	"slices"

	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Proposer turns suspicion of a shard's members into the next configuration. It works at the head of the
// sequencer shard; what it proposes takes effect by the register's compare-and-set alone.
type Proposer struct {
	expiry  int // ticks a report is believed
	now     int
	reports map[shard.NodeID]report
	// accused holds when a member was last accused by somebody who had not accused it before, as a tick of
	// those that hears of Propose counts.
	accused map[shard.NodeID]int

	epoch shard.Epoch // the reports and what follows are about this one
	since int         // the tick at which a proposal was first due in it; 0: none is due
	// fruitless counts the successive decisions after which the shard did not
	// become ACTIVE; each doubles the ticks for which a suspicion must stand.
	fruitless int
	proposed  bool // in this epoch, by this head
}

type report struct {
	suspects []shard.NodeID
	silent   []uint64 // for how long, as in Message.Took
	first    uint64   // when this reporter's suspicion was first known here, in microseconds
	until    int
}

// NewProposer believes reports for expiry ticks.
func NewProposer(expiry int) *Proposer {
	return &Proposer{expiry: max(expiry, 2), reports: map[shard.NodeID]report{}, accused: map[shard.NodeID]int{}}
}

// maxFruitless bounds how often the delay doubles.
const maxFruitless = 8

// Report takes a MsgReport about the shard, which came at a tick of those that hears of Propose counts, and at a time
// in microseconds that is for Reason alone.
func (p *Proposer) Report(m shard.Message, tick int, now uint64) {
	if m.Epoch < p.epoch {
		return
	}
	p.enter(m.Epoch)
	was := p.reports[m.From]
	for _, s := range m.Suspects {
		if !slices.Contains(was.suspects, s) {
			p.accused[s] = tick
		}
	}
	if len(was.suspects) == 0 {
		was.first = now
	}
	p.reports[m.From] = report{suspects: m.Suspects, silent: m.Took, first: was.first, until: p.now + p.expiry}
}

// enter forgets what was said about an older epoch.
func (p *Proposer) enter(e shard.Epoch) {
	if e > p.epoch {
		p.epoch, p.since, p.proposed = e, 0, false
		clear(p.reports)
		clear(p.accused)
	}
}

// Reset forgets a proposal that may have been lost with the epoch it was made in.
func (p *Proposer) Reset() { p.proposed = false }

// Tick passes one unit of time.
func (p *Proposer) Tick() {
	p.now++
	maps.DeleteFunc(p.reports, func(_ shard.NodeID, r report) bool { return r.until < p.now })
}

// Propose returns the successor of the register's newest configuration, if suspicion calls for one
// now. hears says of whom the proposer itself has heard lately, and after some tick; 0: any.
func (p *Proposer) Propose(reg *Register, hears func(n shard.NodeID, after int) bool) (shard.Configuration, bool) {
	newest := reg.Chain.Newest()
	p.enter(newest.Epoch)
	if reg.Activated == newest.Epoch {
		p.fruitless = 0
	}
	if p.proposed || p.epoch != newest.Epoch {
		return shard.Configuration{}, false
	}
	members := p.largest(newest.Members, reg.Activated == newest.Epoch, hears)
	if len(members) == 0 || len(members) == len(newest.Members) {
		p.since = 0
		return shard.Configuration{}, false
	}
	if p.since == 0 {
		p.since = p.now
	}
	if p.now-p.since < p.patience() || !p.vouched(members, hears) {
		return shard.Configuration{}, false
	}
	p.proposed = !mutant.On(mutant.EpochReused)
	p.fruitless = min(p.fruitless+1, maxFruitless)
	next := newest.Epoch + 1
	if mutant.On(mutant.EpochReused) && newest.Epoch > reg.Activated {
		next = newest.Epoch
	}
	return shard.Configuration{Shard: newest.Shard, Epoch: next, Members: members}, true
}

// Reason completes why a successor of newest is proposed, with what its members report of each other.
func (p *Proposer) Reason(newest shard.Configuration, why Reason) Reason {
	for _, by := range newest.Members {
		r := p.reports[by]
		for i, of := range r.suspects {
			if !newest.Has(of) || len(why.Suspicions) == MaxSuspicions {
				continue
			}
			s := Suspicion{By: by, Of: of}
			if i < len(r.silent) {
				s.Silent = r.silent[i]
			}
			why.Suspicions = append(why.Suspicions, s)
			if r.first > 0 && why.At > r.first {
				why.Stood = max(why.Stood, why.At-r.first)
			}
		}
	}
	return why
}

// patience is for how many ticks a suspicion must stand: none at first, then as many as reports are
// believed, doubling.
func (p *Proposer) patience() int {
	if p.fruitless == 0 {
		return 0
	}
	return p.expiry << (p.fruitless - 1)
}

// vouched reports whether a set has a member that nobody accuses, or that was heard of after it was accused. Where two of
// three die together, the third may have its evidence and report both before the proposer has noticed anything: the
// dead see each other and were heard of lately, and are the larger set. They are heard of again, or
// before long not lately either.
//
// Where a member leaves by its own wish nothing hurries: it goes once all who stay were heard of after it had said so.
func (p *Proposer) vouched(set []shard.NodeID, hears func(n shard.NodeID, after int) bool) bool {
	for n, r := range p.reports {
		if !slices.Contains(r.suspects, n) {
			continue
		}
		if slices.ContainsFunc(set, func(m shard.NodeID) bool { return !hears(m, p.accused[n]) }) {
			return false
		}
	}
	return slices.ContainsFunc(set, func(m shard.NodeID) bool { return hears(m, p.accused[m]) })
}

// largest is the largest set of members that see each other: none of which reports another, or itself, as one that leaves does. Among equal
// ones it is that with most members heard of lately, then that whose members are accused by fewest, so that
// whom several miss goes rather than who misses several, then the more upstream. A set of which nobody was heard lately
// is none. Before all are ACTIVE nobody leaves by its own wish: it may be the only one that has the history.
func (p *Proposer) largest(members []shard.NodeID, active bool, hears func(n shard.NodeID, after int) bool) []shard.NodeID {
	n := len(members)
	blind := make([]uint64, n) // blind[i]: the members that i does not see, or that do not see i
	accusers := make([]int, n)
	var heard uint64
	for i, a := range members {
		// A report is believed for longer than a death takes to be noticed: it is no sign of life.
		if hears(a, 0) {
			heard |= 1 << i
		}
		for j, b := range members {
			if slices.Contains(p.reports[a].suspects, b) && (a != b || active) {
				blind[i] |= 1 << j
				blind[j] |= 1 << i
				accusers[j]++
			}
		}
	}
	best := search(blind, accusers, heard)
	var set []shard.NodeID
	for i, m := range members {
		if best&(1<<i) != 0 {
			set = append(set, m)
		}
	}
	return set
}

// maxExact is up to how many members all sets are compared; a larger configuration is thinned out greedily.
const maxExact = 12

func search(blind []uint64, accusers []int, heard uint64) uint64 {
	n := len(blind)
	all := uint64(1)<<n - 1
	if n == 64 {
		all = ^uint64(0)
	}
	if n > maxExact {
		return thin(blind, heard, all)
	}
	best := uint64(0)
	for set := uint64(1); set <= all; set++ {
		if set&heard == 0 || !sees(blind, set) {
			continue
		}
		if best == 0 || better(set, best, accusers, heard) {
			best = set
		}
	}
	return best
}

// sees reports whether all members of the set see each other.
func sees(blind []uint64, set uint64) bool {
	for rest := set; rest != 0; rest &= rest - 1 {
		if blind[bits.TrailingZeros64(rest)]&set != 0 {
			return false
		}
	}
	return true
}

func better(a, b uint64, accusers []int, heard uint64) bool {
	for _, counts := range []uint64{^uint64(0), heard} {
		if x, y := bits.OnesCount64(a&counts), bits.OnesCount64(b&counts); x != y {
			return x > y
		}
	}
	if x, y := sum(accusers, a), sum(accusers, b); x != y {
		return x < y
	}
	// The lowest member in which they differ decides: a has it.
	return a&^b != 0 && (b&^a == 0 || bits.TrailingZeros64(a&^b) < bits.TrailingZeros64(b&^a))
}

// sum is that of the counts of a set's members.
func sum(counts []int, set uint64) (n int) {
	for rest := set; rest != 0; rest &= rest - 1 {
		n += counts[bits.TrailingZeros64(rest)]
	}
	return n
}

// thin takes out, one by one, the member that fewest others see; among equals one not heard of, then the
// most downstream.
func thin(blind []uint64, heard, set uint64) uint64 {
	for !sees(blind, set) {
		worst, most := -1, -1
		for i := range blind {
			if set&(1<<i) == 0 {
				continue
			}
			weight := 2 * bits.OnesCount64(blind[i]&set)
			if heard&(1<<i) == 0 {
				weight++
			}
			if weight >= most {
				worst, most = i, weight
			}
		}
		set &^= 1 << worst
	}
	if set&heard == 0 {
		return 0
	}
	return set
}
