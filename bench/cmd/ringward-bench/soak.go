package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/bench/internal/soak"
	"github.com/ringward/ringward/bench/internal/volume"
)

func (p *program) soakVerb() *cobra.Command {
	var names []string
	o := soak.Options{}
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Let faults happen to clusters of real processes, and check what their clients saw",
		Long: `Runs one round after the other: a fresh cluster on this machine, clients that work on it, a few faults, and a verdict. The seed
says what happens when; each round has the next one.

Faults are kill (-9, and a start from the node's data), kill-all, stop (SIGTERM, and a start), stop-all, pause (SIGSTOP), partition, mute and deaf (one direction
only), link (between two nodes), reset (of connections), delay, and disk-full. A fault is for a head, a tail, the
sequencer of a shard, or any node.

After each round the history of all calls must be linearizable, every acknowledged write there, counters exact, every
shard ACTIVE and every call answered within a stated time, and no node have ended or complained. The first round that
fails ends the run: its logs and history are kept and named, and so is the command that does the same again. It is the
same plan, not the same interleaving: processes, disks and network are real.`,
		Args: cli.Exactly(),
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.DurationVar(&o.Duration, "duration", 2*time.Minute, "no round begins after it")
	f.IntVar(&o.Rounds, "rounds", 0, "how many rounds at most; 0: as many as fit into the duration")
	f.Uint64Var(&o.Seed, "seed", 1, "what the first round follows from")
	f.StringSliceVar(&names, "faults", nil, "kinds of faults to draw from, separated by commas (default: all that this machine allows)")
	f.StringVar(&o.Ringward, "ringward", "", "the ringward executable (default: beside this one, else on PATH)")
	f.StringVar(&o.Mutant, "sabotage", "", "a deliberate bug for the nodes, whose executable was built with -tags mutants: the run should fail")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		switch {
		case o.Duration <= 0:
			return cli.Usagef("--duration %v: want more than 0s", o.Duration)
		case o.Rounds < 0:
			return cli.Usagef("--rounds %d: want 0 or more", o.Rounds)
		}
		if o.Kinds, err = p.kinds(names); err != nil {
			return err
		}
		o.Replay = "ringward-bench soak"
		if len(names) > 0 {
			o.Replay += " --faults " + strings.Join(names, ",")
		}
		if o.Mutant != "" {
			o.Replay += " --sabotage " + o.Mutant
		}
		if o.Ringward != "" {
			o.Replay += " --ringward " + o.Ringward
		}
		if o.Ringward, err = findRingward(o.Ringward); err != nil {
			return err
		}
		return p.soak(cmd.Context(), o)
	}
	return cmd
}

// soak carries out the rounds until the program is told to stop.
func (p *program) soak(ctx context.Context, o soak.Options) error {
	o.Out = p.stdout
	var summary *soak.Summary
	err := p.unlessStopped(ctx, func(ctx context.Context) (err error) {
		summary, err = soak.Run(ctx, o)
		return err
	})
	fmt.Fprintln(p.stdout, summary)
	return err
}

// kinds are those that were named, all of them that can be had where none was.
func (p *program) kinds(names []string) ([]faults.Kind, error) {
	var kinds []faults.Kind
	for _, name := range names {
		k, err := faults.ParseKind(name)
		if err != nil {
			return nil, cli.Usagef("--faults %w", err)
		}
		kinds = append(kinds, k)
	}
	all := len(names) == 0
	if all {
		kinds = faults.Kinds()
	}
	disk := func(k faults.Kind) bool { return k == faults.DiskFull }
	if !slices.ContainsFunc(kinds, disk) {
		return kinds, nil
	}
	switch err := volume.Available(); {
	case err == nil:
		return kinds, nil
	case !all:
		return nil, fmt.Errorf("--faults %s: a disk of its own for each node cannot be had here: %w", faults.DiskFull, err)
	default:
		fmt.Fprintf(p.stdout, "left out: %s, since a disk of its own for each node cannot be had here: %v\n", faults.DiskFull, err)
		return slices.DeleteFunc(kinds, disk), nil
	}
}
