package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Family names a kind of fault. A seed first draws which families there are, then how often each comes: what happens
// always hides what happens only without it.
type Family uint8

// The families.
const (
	Crash Family = iota
	CrashAll
	CrashAtTurn
	Pause
	Partition
	OneWay
	LeaveBehind
	SlowWay
	Reset
	StallDisk
	FalseReport
	Lose
	Families // how many there are
)

// families says of each what it is called and how often it comes at most, per thousand ticks or, where it waits for a
// moment of some kind, as the share of those moments.
var families = [Families]struct {
	name string
	most float64
}{
	Crash:       {"crash", 60},
	CrashAll:    {"crash-all", 8},
	CrashAtTurn: {"crash-at-turn", 0.2},
	Pause:       {"pause", 60},
	Partition:   {"partition", 25},
	OneWay:      {"one-way", 25},
	LeaveBehind: {"leave-behind", 60},
	SlowWay:     {"slow-way", 50},
	Reset:       {"reset", 200},
	StallDisk:   {"stall-disk", 30},
	FalseReport: {"false-report", 80},
	Lose:        {"lose", 0.5},
}

func (k Family) String() string {
	if k < Families {
		return families[k].name
	}
	return fmt.Sprintf("Family(%d)", uint8(k))
}

// familyChance is how likely a seed has a family.
const familyChance = 0.6

// Rates are how often each family comes, in the unit of its most; zero: never.
type rates [Families]float64

func newRates(r *rand.Rand) rates {
	var rs rates
	for k := range rs {
		if chance(r, familyChance) {
			rs[k] = families[k].most * r.Float64()
		}
	}
	// The end is not a rate: half of the runs lose nodes for good.
	rs[Lose] = families[Lose].most
	return rs
}

func (rs rates) String() string {
	var words []string
	for k, rate := range rs {
		if rate > 0 {
			words = append(words, fmt.Sprintf("%v %.2g", Family(k), rate))
		}
	}
	return strings.Join(words, ", ")
}

// happens numbers an occurrence of a fault, over the whole run and also where it is not possible just now or to be
// skipped, and tells whether it takes place. All that is random about it is drawn before, so that the others keep
// their numbers and their chances, as far as they do not follow from it.
func (f *faults) happens(kind Family, possible bool) bool {
	number := f.occurrences
	f.occurrences++
	if f.skip.Has(number) || !possible {
		return false
	}
	f.counts[kind]++
	f.happened = append(f.happened, Fault{Number: number, Kind: kind, Moment: f.w.now.String(), step: f.w.steps})
	return true
}
