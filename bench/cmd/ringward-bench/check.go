package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/history"
	"github.com/ringward/ringward/bench/internal/cli"
)

func (p *program) checkVerb() *cobra.Command {
	var timeout time.Duration
	output := outputFormat("text")
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Judge a history that an earlier run kept",
		Long: `Reads a history that run --history kept, or that a failed check left, and decides whether it is linearizable: whether
every call can be given one moment between its beginning and its end, such that the calls, done in the order of those moments, give
the answers that were given.`,
		Args: cli.Exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if timeout <= 0 {
				return cli.Usagef("--timeout %v: want more than 0s", timeout)
			}
			h, err := history.ReadFile(args[0])
			if err != nil {
				return err
			}
			verdict := h.Check(timeout)
			if output == "text" {
				_, err = fmt.Fprintln(p.stdout, verdict)
			} else {
				check := bench.NewCheck(verdict)
				check.History = args[0]
				err = json.NewEncoder(p.stdout).Encode(check)
			}
			if err == nil && !verdict.OK() {
				// The verdict is on standard output, and need not be said twice.
				err = cli.Report(judgement(verdict))
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "patience: without a verdict by then the check has failed")
	cmd.Flags().VarP(&output, "output", "o", "form of the verdict: text or json")
	return cmd
}

// judgement is what a verdict means for the exit code: nil, or why the history is not accepted.
func judgement(r *history.Report) error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("history %v", r)
}
