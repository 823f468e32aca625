//go:build mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/node/internal/sim/exhaust"
	"github.com/ringward/ringward/shard/mutant"
)

// Hunt switches on the deliberate bugs of package mutant, one after the other, and looks who notices.
type Hunt struct {
	Names   []string // of mutants; nil: all
	Seeds   uint64   // at most so many for each
	Workers int
	// Progress is told which mutant is hunted, and Done what came of it; nil: nobody looks.
	Progress func(string)
	Done     func(Kill)
}

// Kill is how one mutant ended.
type Kill struct {
	mutant.Description
	// By is what noticed: an invariant of the simulator, or a test; empty: nothing did.
	By, How string
	Seed    uint64 // the first that failed; 0: the killer is no seed
	Swarm   string // the families that the seeds were limited to; empty: the mix that a seed draws
	Elapsed time.Duration
}

// trap is where a mutant is caught that the plain mix does not catch soon: one of these.
type trap struct {
	swarm  string          // the families of faults that bring it out
	bounds *exhaust.Bounds // within which the exhaustive check finds it
	// Or the test that it fails, and the package that the test is in.
	test, pkg string
}

// traps are set for the mutants that need one. As long as the sequencer only ever takes members out, the head of a new configuration was a
// member of all before, so that its own history is one to inherit: what is misread of sections 5.1 and 5.2 shows only where any
// nodes may follow, as in the exhaustive check. And a wedge that leaves older configurations out costs no more than a refusal later. That what a head gets back is
// taken for a fence shows where the head was replaced without knowing before it gets it: not in 5,000 seeds of the plain mix. A move
// that wedges first, and a node in every shard, break no promise: they cost what they should not.
// That a log is asked for what it holds in void versions too is so seldom that seeds take a minute to notice; the store's test is at once.
var traps = map[mutant.Mutant]trap{
	mutant.RecoveredFences:        {test: "TestTranscripts/read_recovered", pkg: "shard"},
	mutant.MoveWedgesFirst:        {test: "TestRecruiter", pkg: "sequencer"},
	mutant.PlacedEverywhere:       {test: "TestSpare", pkg: "sequencer"},
	mutant.WedgeTwoConfigurations: {test: "TestTranscripts/asking", pkg: "wedge"},
	mutant.LongestHistory:         {bounds: &exhaust.Bounds{Nodes: 2, Writes: 2, Decisions: 2, Free: true}},
	mutant.WalkBackStopsAtPending: {bounds: &exhaust.Bounds{Nodes: 2, Writes: 1, Decisions: 3, Free: true}},
	mutant.NoWalkBack:             {bounds: &exhaust.Bounds{Nodes: 2, Writes: 2, Decisions: 2, Free: true}},
	mutant.CutAtLength:            {bounds: &exhaust.Bounds{Nodes: 2, Writes: 2, Decisions: 2, Free: true}},

	mutant.RulingIgnoresPending: onRuins,
	mutant.RulingNotHeld:        {test: "TestTranscripts/recover_pending", pkg: "node/internal/engine"},
	mutant.RulingForgotten:      {test: "TestTranscripts/recover_given_along", pkg: "node/internal/engine"},

	mutant.FailedSyncRetried:   onDisk,
	mutant.SegmentNotSynced:    onDisk,
	mutant.NamesNotSynced:      onDisk,
	mutant.TornTailKept:        onDisk,
	mutant.UnsyncedTailTrusted: onDisk,
	mutant.TrimBeforeFlush:     onDisk,
	mutant.RecallByPosition:    {test: "TestConformanceInMemory/Recall", pkg: "node/internal/store"},
}

// onDisk brings out what only production's store can do wrong.
var onDisk = trap{swarm: "disks,crash,crash-all,crash-at-turn"}

// onRuins brings out what goes wrong where an operator rules. That a ruling does not go along with a history matters only where somebody comes to
// have that history, and to lead, before the register shows the ruling, who had no part in it.
var onRuins = trap{swarm: "ruin,crash,reset,at-proposed,at-decided,false-report"}

// Run hunts them all. The error says which survived, or why the hunt ended.
func (h Hunt) Run(ctx context.Context) ([]Kill, error) {
	defer mutant.Set(mutant.None)
	prey := mutant.All
	if h.Names != nil {
		prey = nil
		for _, name := range h.Names {
			m, err := mutant.Named(name)
			if err != nil {
				return nil, err
			}
			prey = append(prey, mutant.All[m-1])
		}
	}
	var kills []Kill
	var survivors []string
	for _, d := range prey {
		begun := time.Now()
		k, err := h.one(ctx, d)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return kills, fmt.Errorf("mutant %s: %w", d.Name, err)
		}
		k.Elapsed = time.Since(begun)
		if k.By == "" {
			survivors = append(survivors, d.Name)
		}
		kills = append(kills, k)
		if h.Done != nil {
			h.Done(k)
		}
	}
	if len(survivors) > 0 {
		return kills, fmt.Errorf("%d of %d mutants survive: %s", len(survivors), len(prey), strings.Join(survivors, ", "))
	}
	return kills, nil
}

func (h Hunt) one(ctx context.Context, d mutant.Description) (Kill, error) {
	k := Kill{Description: d}
	at := traps[d.Mutant]
	if at.test != "" {
		failed, err := failsTest(ctx, d.Name, at)
		if failed {
			k.By, k.How = at.test, "in "+at.pkg
		}
		return k, err
	}
	mutant.Set(d.Mutant)
	defer mutant.Set(mutant.None)
	if at.bounds != nil {
		r, err := exhaust.Run(*at.bounds, 0, nil)
		if err == nil && r.Violation != nil {
			k.By, k.How = "exhaustive check", firstLine(r.Violation.Error())
		}
		return k, err
	}
	return h.seeds(ctx, k, at.swarm)
}

// seeds lives through seeds until one fails.
func (h Hunt) seeds(ctx context.Context, k Kill, swarm string) (Kill, error) {
	families, err := ParseFamilies(swarm)
	if err != nil {
		return k, err
	}
	k.Swarm = swarm
	c := Campaign{First: 1, Seeds: h.Seeds, Workers: h.Workers, Every: time.Second, Options: Options{Swarm: families}}
	if h.Progress != nil {
		c.Progress = func(f Figures) { h.Progress(fmt.Sprintf("%s: %v", k.Name, f)) }
	}
	_, err = c.Run(ctx)
	if f := new(Failure); errors.As(err, &f) {
		k.By, k.How, k.Seed = fmt.Sprintf("invariant %d", f.Invariant), check.Sentence(f.Invariant), f.Seed
		if f.Invariant == 0 {
			k.How = firstLine(f.Reason)
		}
	}
	return k, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// failsTest runs a test in a process of its own that begins with the mutant. It needs the Go toolchain and the source tree.
func failsTest(ctx context.Context, name string, at trap) (bool, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-tags", "mutants", "-run", at.test, module+at.pkg)
	cmd.Env = append(os.Environ(), mutant.Environment+"="+name)
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return false, nil
	case strings.Contains(string(out), "--- FAIL") || strings.Contains(string(out), "panic:"):
		return true, nil
	}
	return false, fmt.Errorf("%v: %w\n%s", cmd, err, out)
}

const module = "github.com/ringward/ringward/"

// WriteKill writes a mutant's row, and WriteKills what they come to together.
func WriteKill(w io.Writer, k Kill) {
	killer, seed := k.By, "-"
	switch {
	case killer == "":
		killer = "SURVIVES"
	case k.Seed > 0:
		seed = fmt.Sprint(k.Seed)
	}
	fmt.Fprintf(w, "%-26s %-5s %8s %6.1fs  %s", k.Name, k.Rule, seed, k.Elapsed.Seconds(), killer)
	if k.How != "" {
		fmt.Fprintf(w, ": %s", k.How)
	}
	if k.Swarm != "" {
		fmt.Fprintf(w, " (--swarm %s)", k.Swarm)
	}
	fmt.Fprintln(w)
}

// WriteKills sums them up.
func WriteKills(w io.Writer, kills []Kill) {
	var seeds []uint64
	dead, within := 0, 0
	for _, k := range kills {
		if k.By == "" {
			continue
		}
		dead++
		if k.Seed > 0 {
			seeds = append(seeds, k.Seed)
		}
		if k.Seed <= fewSeeds {
			within++
		}
	}
	fmt.Fprintf(w, "%d of %d mutants killed", dead, len(kills))
	if slices.Sort(seeds); len(seeds) > 0 {
		fmt.Fprintf(w, ", %d of them by seeds: the median takes %d, the last %d; %d of %d within %d",
			len(seeds), seeds[len(seeds)/2], seeds[len(seeds)-1], within, len(kills), fewSeeds)
	}
	fmt.Fprintln(w)
}

// fewSeeds is within how many seeds nine in ten mutants are to be killed.
const fewSeeds = 2000
