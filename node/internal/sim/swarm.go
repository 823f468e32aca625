package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Family names a kind of fault. A seed first draws which families there are, then how often each comes: what happens
// always hides what happens only without it. The package's doc says what each does.
type Family uint8

// The families. Those named At wait for a moment at which a fault tells most, see aim.go.
const (
	Crash Family = iota
	CrashLoop
	CrashAll
	CrashPoint
	CrashAtTurn
	Pause
	SlowNode
	ClockRate
	ClockJump
	Partition
	OneWay
	OneLink
	CutSequencer
	LeaveBehind
	Clog
	SlowWay
	Reset
	Replay
	StallDisk
	SlowDisk
	DiskError
	Torn
	DiskFull
	BitFlip
	Wipe
	FalseReport
	AccuseAll
	Deaf
	TwoProposers
	Amnesia
	Divergence
	AtActivated
	AtWedged
	AtPending
	AtUnsynced
	AtFetched
	AtProposed
	AtDecided
	AtAcked
	AtAnswered
	AtHandBack
	AtFenced
	Lose
	Evidence
	HandOver
	Drain
	Ruin
	Families // how many there are
)

// families says of each what it is called and how often it comes at most: per thousand ticks, or, of those that wait
// for a moment, as the share of these moments.
var families = [Families]struct {
	name string
	most float64
}{
	Crash:        {"crash", 60},
	CrashLoop:    {"crash-loop", 10},
	CrashAll:     {"crash-all", 8},
	CrashPoint:   {"crash-point", 0.02},
	CrashAtTurn:  {"crash-at-turn", 0.2},
	Pause:        {"pause", 60},
	SlowNode:     {"slow-node", 20},
	ClockRate:    {"clock-rate", 1},
	ClockJump:    {"clock-jump", 40},
	Partition:    {"partition", 25},
	OneWay:       {"one-way", 25},
	OneLink:      {"one-link", 25},
	CutSequencer: {"cut-sequencer", 20},
	LeaveBehind:  {"leave-behind", 60},
	Clog:         {"clog", 40},
	SlowWay:      {"slow-way", 50},
	Reset:        {"reset", 200},
	Replay:       {"replay", 100},
	StallDisk:    {"stall-disk", 30},
	SlowDisk:     {"slow-disk", 30},
	DiskError:    {"disk-error", 20},
	Torn:         {"torn", 60},
	DiskFull:     {"disk-full", 15},
	BitFlip:      {"bit-flip", 5},
	Wipe:         {"wipe", 3},
	FalseReport:  {"false-report", 80},
	AccuseAll:    {"accuse-all", 10},
	Deaf:         {"deaf", 15},
	TwoProposers: {"two-proposers", 20},
	Amnesia:      {"amnesia", 30},
	Divergence:   {"divergence", 30},
	AtActivated:  {"at-activated", 0.5},
	AtWedged:     {"at-wedged", 0.2},
	AtPending:    {"at-pending", 0.5},
	AtUnsynced:   {"at-unsynced", 0.25},
	AtFetched:    {"at-fetched", 1},
	AtProposed:   {"at-proposed", 0.3},
	AtDecided:    {"at-decided", 0.3},
	AtAcked:      {"at-acked", 0.02},
	AtAnswered:   {"at-answered", 0.05},
	AtHandBack:   {"at-hand-back", 0.3},
	AtFenced:     {"at-fenced", 0.05},
	Lose:         {"lose", 1},
	Evidence:     {"evidence", 1},
	HandOver:     {"hand-over", 30},
	Drain:        {"drain", 20},
	Ruin:         {"ruin", 1},
}

// tempers are families by common theme, for ParseFamilies.
var tempers = []struct {
	name string
	of   []Family
}{
	{"crashes", []Family{Crash, CrashLoop, CrashAll, CrashPoint, CrashAtTurn}},
	{"clocks", []Family{Pause, SlowNode, ClockRate, ClockJump}},
	{"network", []Family{Partition, OneWay, OneLink, CutSequencer, LeaveBehind, Clog, SlowWay, Reset, Replay}},
	{"disks", []Family{StallDisk, SlowDisk, DiskError, Torn, DiskFull, BitFlip, Wipe}},
	{"suspicion", []Family{FalseReport, AccuseAll, Deaf, TwoProposers, Evidence}},
	{"operators", []Family{HandOver, Drain}},
	{"plots", []Family{LeaveBehind, TwoProposers, Amnesia, Divergence}},
	{"moments", []Family{AtActivated, AtWedged, AtPending, AtUnsynced, AtFetched, AtProposed, AtDecided, AtAcked, AtAnswered, AtHandBack, AtFenced}},
}

func (k Family) String() string {
	if k < Families {
		return families[k].name
	}
	return fmt.Sprintf("Family(%d)", uint8(k))
}

// ParseFamilies reads a list of families, by name, with commas between. It takes the names of themes too, which
// stand for several families: crashes, clocks, network, disks, suspicion, operators, plots, moments; and all. An
// empty list is nil, as for a seed that decides for itself.
func ParseFamilies(s string) ([]Family, error) {
	var list []Family
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		found, ok := familiesNamed(strings.TrimSpace(word))
		if !ok {
			return nil, fmt.Errorf("family of faults %q: want any of %s", strings.TrimSpace(word), strings.Join(familyNames(), ", "))
		}
		list = append(list, found...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// FamilyList writes families as ParseFamilies reads them.
func FamilyList(list []Family) string {
	words := make([]string, len(list))
	for i, k := range list {
		words[i] = k.String()
	}
	return strings.Join(words, ",")
}

func familiesNamed(word string) (list []Family, ok bool) {
	for k := range Families {
		if word == families[k].name || word == "all" {
			list = append(list, k)
		}
	}
	for _, t := range tempers {
		if word == t.name {
			list = t.of
		}
	}
	return list, len(list) > 0
}

func familyNames() []string {
	names := []string{"all"}
	for _, t := range tempers {
		names = append(names, t.name)
	}
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

// rates are how often each family comes, in the unit of its most; zero: never.
type rates [Families]float64

// newRates draws which families there are, and then how often each comes. Where only is not nil it says which.
func newRates(r *rand.Rand, only []Family) rates {
	var rs rates
	// Some seeds know few kinds of faults, so that what these do is not drowned by others.
	share := oneOf(r, 0.1, 0.25, 0.5)
	for k := range rs {
		there, rate := chance(r, share), r.Float64()
		// A history on its way is so rare that every seed aims at it.
		there = there || Family(k) == AtFetched
		if only != nil {
			there = slices.Contains(only, Family(k))
		}
		if there {
			rs[k] = families[k].most * rate
		}
	}
	return rs
}

func (rs rates) String() string {
	var words []string
	for k, rate := range rs {
		if rate > 0 {
			words = append(words, fmt.Sprintf("%v %.2g", Family(k), rate))
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// happens numbers an occurrence of a fault, over the whole run and also where it is not possible just now or to be
// skipped, and tells whether it takes place.
func (f *faults) happens(kind Family, possible bool) bool {
	number := f.occurrences
	f.occurrences++
	if f.skip.Has(number) || !possible {
		return false
	}
	f.counts[kind]++
	f.happened = append(f.happened, Fault{Number: number, Kind: kind, Moment: f.w.now.String()})
	f.tell(len(f.happened) - 1)
	return true
}

// tell says that what happens in this step is the doing of a fault.
func (f *faults) tell(fault int) { f.telling, f.tellingAt = fault, f.w.steps }

// told is the fault whose doing this step is, nil where it is of none.
func (f *faults) told() *Fault {
	if f.tellingAt != f.w.steps || len(f.happened) == 0 {
		return nil
	}
	return &f.happened[f.telling]
}

// apart gives an occurrence a source of chance of its own: whatever it draws, and also when it is skipped, the others
// draw the same.
func (f *faults) apart() *rand.Rand {
	f.random = rand.New(rand.NewPCG(f.w.random.faults.Uint64(), 0))
	return f.random
}
