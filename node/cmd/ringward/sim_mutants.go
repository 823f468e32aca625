//go:build mutants

package main

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/node/internal/sim"
)

// addMutants lets the verb sim hunt the deliberate bugs of this build.
func (c *command) addMutants(cmd *cobra.Command) {
	var hunt bool
	var only []string
	var limit uint64
	flags := cmd.Flags()
	flags.BoolVar(&hunt, "mutants", false, "switch on the deliberate bugs of this build, one after the other, and look who notices")
	flags.StringSliceVar(&only, "only", nil, "with --mutants: these alone")
	flags.Uint64Var(&limit, "limit", 2000, "with --mutants: how many seeds for each at most")
	plain := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !hunt {
			return plain(cmd, args)
		}
		workers, err := flags.GetInt("workers")
		if err != nil {
			return err
		}
		line := newProgressLine(c.stderr)
		h := sim.Hunt{Names: only, Seeds: limit, Workers: cmp.Or(workers, runtime.GOMAXPROCS(0)), Done: func(k sim.Kill) {
			line.clear()
			sim.WriteKill(c.stdout, k)
		}}
		if line.terminal != nil {
			h.Progress = line.show
		}
		fmt.Fprintf(c.stdout, "%-26s %-5s %8s %7s  %s\n", "MUTANT", "RULE", "SEEDS", "TIME", "KILLED BY")
		kills, err := h.Run(cmd.Context())
		line.clear()
		sim.WriteKills(c.stdout, kills)
		return err
	}
}
