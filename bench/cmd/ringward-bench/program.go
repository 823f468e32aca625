package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cluster"
)

// Exit codes; the package doc says what they tell.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// program is one run of the command, with what it needs of the world.
type program struct {
	stdout, stderr io.Writer
	stop           <-chan struct{} // closed when the measurement is to end
	open           func(ctx context.Context, endpoints []string, timeout time.Duration) (bench.Store, error)
	start          func(context.Context, cluster.Options) (*cluster.Cluster, error)
	command        []string // as it was typed
}

// usageError is a command that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// reported is a failure that the report tells about: nothing more is to be said.
type reported struct{ error }

// run is the whole program. It returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := &cobra.Command{
		Use:   "ringward-bench",
		Short: "Measures a Ringward cluster, and checks that it kept its promises",
		Long: `Measures a Ringward cluster, and checks that it kept its promises.

To set it beside etcd and redis: cd bench/others && go run . compare`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s: no such verb: want run, check, soak, failover, scale or draw", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagError(err)} })
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.AddCommand(p.runVerb(), p.checkVerb(), p.soakVerb(), p.failoverVerb(), p.scaleVerb(), p.drawVerb())

	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintf(p.stderr, "ringward-bench: %v\nRun ringward-bench --help, or ringward-bench VERB --help.\n", err)
		return exitUsage
	case errors.As(err, new(reported)):
		return exitError
	}
	fmt.Fprintf(p.stderr, "ringward-bench: %v\n", err)
	return exitError
}

// flagError names the flag, what it was given and what is allowed.
func flagError(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	f := invalid.GetFlag()
	allowed := map[string]string{
		"int":           "a whole number",
		"uint64":        "a whole number of 0 or more",
		"float64":       "a number",
		"duration":      "a duration, such as 10s or 50ms",
		"bool":          "true or false",
		"stringSlice":   "a list, separated by commas",
		"intSlice":      "whole numbers, separated by commas, such as 3,5",
		"durationSlice": "durations, separated by commas, such as 5ms,20ms",
	}[f.Value.Type()]
	if allowed == "" {
		return err
	}
	return fmt.Errorf("--%s %q: want %s", f.Name, invalid.GetValue(), allowed)
}

// outputFormat is the form of a report.
type outputFormat string

func (o *outputFormat) String() string { return string(*o) }

func (o *outputFormat) Type() string { return "text|json" }

func (o *outputFormat) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("want text or json")
	}
	*o = outputFormat(s)
	return nil
}

// exactly wants the named arguments, no more and no fewer.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			return usagef("%q: one argument too many: want %s", args[len(names)], cmp.Or(strings.Join(names, " "), "flags only"))
		case len(args) < len(names):
			return usagef("%s is missing", names[len(args)])
		}
		return nil
	}
}
