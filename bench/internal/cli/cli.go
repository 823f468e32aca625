package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes: done; it failed, or a promise was broken; the command makes no sense.
const (
	OK       = 0
	Failed   = 1
	BadUsage = 2
)

// UsageError is a command that makes no sense.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Usagef is one.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Reported is a failure that the report tells about: nothing more is to be said.
type Reported struct{ error }

// Report is one.
func Report(failure error) error { return Reported{failure} }

// Signals lets the first of Ctrl-C, SIGTERM and SIGHUP close stop, the second one end ctx, and the third one the process.
func Signals() (ctx context.Context, stop <-chan struct{}) {
	signals, first := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		close(first)
		<-signals
		cancel()
		signal.Reset()
	}()
	return ctx, first
}

// Root is a program of several verbs.
func Root(name, short, long string, verbs ...*cobra.Command) *cobra.Command {
	var names []string
	for _, v := range verbs {
		names = append(names, v.Name())
	}
	last := len(names) - 1
	want := strings.Join(names[:last], ", ") + " or " + names[last]
	root := &cobra.Command{
		Use:           name,
		Short:         short,
		Long:          long,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return Usagef("%s: no such verb: want %s", args[0], want)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return UsageError{flagError(err)} })
	root.AddCommand(verbs...)
	return root
}

// Run carries out a command, and returns the exit code.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return OK
	case errors.As(err, new(UsageError)):
		fmt.Fprintf(stderr, "%s: %v\nRun %s --help, or %s VERB --help.\n", root.Name(), err, root.Name(), root.Name())
		return BadUsage
	case errors.As(err, new(Reported)):
		return Failed
	}
	fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err)
	return Failed
}

// Exactly wants the named arguments, no more and no fewer. Those in brackets, such as [FILE], come last and may be missing.
func Exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			return Usagef("%q: one argument too many: want %s", args[len(names)], cmp.Or(strings.Join(names, " "), "flags only"))
		case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
			return Usagef("%s is missing", names[len(args)])
		}
		return nil
	}
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
