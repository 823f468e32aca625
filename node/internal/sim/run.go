package sim

import (
	"bytes"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/node/internal/sim/check"
	"github.com/ringward/ringward/shard"
)

// Options are what a run is told.
type Options struct {
	Seed uint64
	// Trace gets a line for whatever happens; nil: nobody reads along.
	Trace io.Writer
	// Swarm names the only families of faults there are, see ParseFamilies; nil: the seed decides.
	Swarm []Family
	// Skip are the occurrences of faults that do not take place. A run numbers them from 0 as they come.
	Skip Occurrences
}

// command is what lives through the same run again, given how the program is called.
func (o *Options) command(program string) string {
	c := fmt.Sprintf("%s sim --seed %d", program, o.Seed)
	if o.Swarm != nil {
		c += " --swarm " + FamilyList(o.Swarm)
	}
	if len(o.Skip) > 0 {
		c += " --skip " + o.Skip.String()
	}
	return c
}

// Tick is how long the tick of a simulated node is, where it is told in hours: as long as that of a real one at most.
const Tick = 50 * time.Millisecond

// Report is what a run that went well did.
type Report struct {
	Hash    uint64                      // of the whole trace: the same options give the same one
	Steps   int                         // events of the simulation
	Calls   [history.NotApplied + 1]int // of clients, by outcome
	Epochs  int                         // decided, beyond the first of each shard
	Entries int                         // persistent
	Crashes int
	Lost    int     // nodes that never came back
	Beyond  bool    // the lost nodes were more than the ring can do without, so the end was not judged
	Moments int64   // simulated, a thousand for each tick
	Calm    float64 // ticks it took, after the last repair, until everything had ended
	// Occurrences of faults, those that were skipped or not possible included; Faults are those that took place.
	Occurrences int
	Faults      [Families]int
	Rare        [Rares]int // how often each state was reached
}

// Fault is one that took place.
type Fault struct {
	Number int // among the occurrences of its run
	Kind   Family
	Moment string
	What   []string // in words
}

func (f Fault) String() string {
	line := fmt.Sprintf("%4d  tick %s  %v", f.Number, f.Moment, f.Kind)
	if len(f.What) > 0 {
		line += ": " + strings.Join(f.What, "; ")
	}
	return line
}

// Failure is how a run went wrong.
type Failure struct {
	Options
	Invariant int // as numbered in package check; 0: a node stopped, panicked or sent nonsense
	Shard     shard.ID
	Step      int
	Moment    string
	Reason    string
	Stack     string   // of a panic
	Recent    []string // the last happenings of the shard
	// Occurrences of faults until then, as Report counts them, and those of them that took place.
	Occurrences int
	Faults      []Fault
}

func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, step %d, at tick %s, shard %d: %s\n", f.Seed, f.Step, f.Moment, f.Shard, f.Reason)
	fmt.Fprintf(&b, "broken is invariant %d: %s\n", f.Invariant, check.Sentence(f.Invariant))
	if f.Stack != "" {
		fmt.Fprintf(&b, "%s\n", f.Stack)
	}
	fmt.Fprintf(&b, "the last happenings:\n")
	for _, line := range f.Recent {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "replay it: %s\n", f.command("ringward"))
	fmt.Fprintf(&b, "or:        %s", f.command("go run ./node/cmd/ringward"))
	return b.String()
}

// sameAs reports whether two failures look like the work of one bug: the same invariant, and where that is what nodes check
// themselves, the same words but for the numbers in them. The words of the others depend on who saw it first.
func (f *Failure) sameAs(g *Failure) bool {
	return f.Invariant == g.Invariant && (f.Invariant > 0 || withoutNumbers(f.Reason) == withoutNumbers(g.Reason))
}

func withoutNumbers(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("0123456789 ,[]()", r) }), " ")
}

// recentLines is how much of the trace a failure shows.
const recentLines = 60

// Run lives through one seed. The error is a *Failure where the cluster broke its word.
func Run(o Options) (*Report, error) {
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	return w.report(o)
}

// report lives through the world and says what happened.
func (w *world) report(o Options) (*Report, error) {
	w.live()
	if f := w.failure; f != nil {
		o.Trace = nil
		f.Options = o
		f.Recent = w.trace.recent(f.Shard, w.genesis.Ring.Sequencer(f.Shard), recentLines)
		f.Occurrences, f.Faults = w.faults.occurrences, w.faults.happened
		return nil, f
	}
	r := &Report{
		Hash: w.trace.hash, Steps: w.steps, Moments: int64(w.now), Calm: (w.now - w.calmAt).ticks(), Beyond: w.beyond,
		Occurrences: w.faults.occurrences, Faults: w.faults.counts,
	}
	r.Rare = w.rare.counts
	r.Rare[persistentLate] = w.check.Late()
	if w.beyond {
		r.Rare[beyondRepair]++
	}
	for _, c := range w.genesis.Initial {
		epochs, entries := w.check.Epochs(c.Shard)
		r.Epochs += epochs - 1
		r.Entries += entries
	}
	for _, n := range w.nodes {
		r.Crashes += int(max(n.boots, 1)) - 1
		if n.lost {
			r.Lost++
		}
	}
	for _, k := range w.clients.record {
		r.Calls[k.op.Outcome]++
	}
	return r, nil
}

// live runs the world. What panics in it, the core above all, fails the seed, and not the program.
func (w *world) live() {
	defer func() {
		if p := recover(); p != nil {
			w.fail(0, 0, "panic: %v", p)
			w.failure.Stack = string(bytes.TrimSpace(debug.Stack()))
		}
	}()
	w.run()
}

// add counts another run in.
func (r *Report) add(o *Report) {
	r.Hash += o.Hash // whatever the order
	r.Steps += o.Steps
	for i, n := range o.Calls {
		r.Calls[i] += n
	}
	r.Epochs += o.Epochs
	r.Entries += o.Entries
	r.Crashes += o.Crashes
	r.Lost += o.Lost
	r.Moments += o.Moments
	r.Occurrences += o.Occurrences
	for i, n := range o.Faults {
		r.Faults[i] += n
	}
	for i, n := range o.Rare {
		r.Rare[i] += n
	}
}
