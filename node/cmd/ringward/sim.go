package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringward/ringward/node/internal/sim"
)

// simulation is what the verb sim is told.
type simulation struct {
	seed, first, seeds uint64
	duration           time.Duration
	workers            int
	minimize, repair   bool
	skip, swarm        string
}

// maxSimWorkers bounds the goroutines, each with a whole simulated cluster in memory.
const maxSimWorkers = 1024

// twiceEvery is every how many seeds one is lived through twice, to compare the traces.
const twiceEvery = 100

func (c *command) simVerb() *cobra.Command {
	var s simulation
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Live through simulated clusters with everything that can go wrong, and check them",
		Long: `Runs the same core that a node runs in a simulated world: network, disks, clocks, clients and all faults come from a seed, and
after each step it is checked from outside what must always hold. Many seeds by default; the first that fails ends the
campaign with the command that lives through it again. It needs no cluster and touches none.

With --seed it lives through one and prints all that happened in it: who sent what to whom, what went to disk, which faults
there were. With --minimize it looks for the fewest faults with which that seed still fails.

With --repair it measures, in simulated time, how long rings of up to 1,000 shards on up to 300 nodes take to go on after nodes
died: one, or as many as may be lost. A message takes 0.5ms there, an fsync 1ms, and the others know of the deaths after
one message; computing takes no time. Each figure is of five choices of nodes.`,
		Example: `  ringward sim --seeds 10000
  ringward sim --duration 30m
  ringward sim --seed 4711
  ringward sim --seed 4711 --minimize`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			one := cmd.Flags().Changed("seed")
			for _, name := range []string{"seeds", "first", "duration", "workers"} {
				if one && cmd.Flags().Changed(name) {
					return usagef("--%s does not go with --seed, which lives through that one alone", name)
				}
			}
			switch {
			case !one && s.minimize:
				return usagef("--minimize wants the --seed that fails")
			case !one && s.skip != "":
				return usagef("--skip wants the --seed whose faults are numbered")
			case s.seeds == 0:
				return usagef("--seeds 0: want at least 1")
			case s.duration < 0:
				return usagef("--duration %v: want more than 0", s.duration)
			case s.workers < 1 || s.workers > maxSimWorkers:
				return usagef("--workers %d: want 1 to %d", s.workers, maxSimWorkers)
			}
			o := sim.Options{Seed: s.seed}
			var err error
			if o.Swarm, err = sim.ParseFamilies(s.swarm); err != nil {
				return usagef("--swarm: %w", err)
			}
			if s.skip != "" {
				if o.Skip, err = sim.ParseOccurrences(s.skip); err != nil {
					return usagef("--skip: %w", err)
				}
			}
			switch {
			case s.repair:
				return c.repair(cmd.Context())
			case s.minimize:
				return c.minimize(cmd.Context(), o)
			case one:
				return c.replay(o)
			}
			if s.duration > 0 && !cmd.Flags().Changed("seeds") {
				s.seeds = 0
			}
			return c.campaign(cmd.Context(), s, o)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&s.seeds, "seeds", 1000, "how many seeds to live through")
	flags.Uint64Var(&s.first, "first", 1, "the first of them")
	flags.DurationVar(&s.duration, "duration", 0, "live through seeds for this long instead; with --seeds, whichever ends first")
	flags.IntVar(&s.workers, "workers", runtime.GOMAXPROCS(0), "seeds to live through at the same time")
	flags.Uint64Var(&s.seed, "seed", 0, "live through this seed alone, and print all that happens")
	flags.StringVar(&s.skip, "skip", "", "with --seed: faults that do not happen, by their numbers, as in 3,5-8,12-")
	flags.StringVar(&s.swarm, "swarm", "", "only these families of faults, by name, as in crash,at-pending, or all; otherwise each seed draws its own")
	flags.BoolVar(&s.minimize, "minimize", false, "with --seed: look for the fewest faults with which it still fails")
	flags.BoolVar(&s.repair, "repair", false, "measure how repairs go in rings of any size; nothing else matters then")
	c.addMutants(cmd)
	return cmd
}

// campaign lives through many seeds.
func (c *command) campaign(ctx context.Context, s simulation, o sim.Options) error {
	line := newProgressLine(c.stderr)
	figures, err := sim.Campaign{
		First: s.first, Seeds: s.seeds, Duration: s.duration, Workers: s.workers, Twice: twiceEvery, Options: o,
		Progress: func(f sim.Figures) { line.show(f.String()) }, Every: line.every(),
	}.Run(ctx)
	line.clear()
	if printed := c.print(figures, figures.Write); err == nil {
		err = printed
	}
	if err == nil && ctx.Err() != nil {
		return fmt.Errorf("ended early, after %d seeds, none of which failed", figures.Seeds)
	}
	return err
}

// replay lives through one seed and tells all of it, unless only the figures are wanted.
func (c *command) replay(o sim.Options) error {
	out := bufio.NewWriter(c.stdout)
	if c.output == "text" {
		o.Trace = out
	}
	report, err := sim.Run(o)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return err
	}
	figures := sim.FiguresOf(o.Seed, report)
	return c.print(figures, figures.Write)
}

// progressLine shows how far a long work has come: on a terminal the last line, written anew each time; else a line now and then.
type progressLine struct {
	out      io.Writer
	terminal *os.File // nil: out is none
}

func newProgressLine(w io.Writer) progressLine {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return progressLine{w, f}
	}
	return progressLine{out: w}
}

func (l progressLine) every() time.Duration {
	if l.terminal == nil {
		return 10 * time.Second
	}
	return time.Second / 2
}

func (l progressLine) show(text string) {
	if l.terminal == nil {
		fmt.Fprintln(l.out, text)
		return
	}
	// A line that wraps cannot be written over.
	if width, _, err := term.GetSize(int(l.terminal.Fd())); err == nil && len(text) >= width {
		text = text[:max(0, width-1)]
	}
	fmt.Fprintf(l.terminal, "\r\x1b[K%s", text)
}

func (l progressLine) clear() {
	if l.terminal != nil {
		fmt.Fprint(l.terminal, "\r\x1b[K")
	}
}
