package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench/internal/page"
)

func main() {
	signals, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		close(stop)
		<-signals
		cancel()
		// The third one ends the process at once.
		signal.Reset()
	}()
	os.Exit(run(ctx, stop, os.Args[1:]))
}

// usageError is a command that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is the whole program. It returns the exit code: 1 where it failed or a promise was broken, 2 for a command that makes no sense.
func run(ctx context.Context, stop <-chan struct{}, args []string) int {
	root := &cobra.Command{
		Use:           "others",
		Short:         "Measures other stores as ringward-bench measures Ringward",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s: no such verb: want compare or failover", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetArgs(args)
	root.AddCommand(compareVerb(stop), failoverVerb(stop))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "others: %v\n", err)
	if errors.As(err, new(usageError)) {
		fmt.Fprintln(os.Stderr, "Run with --help, or VERB --help.")
		return 2
	}
	return 1
}

// noArguments refuses what is no flag.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q: one argument too many: want none", args[0])
	}
	return nil
}

// tell is for people, while a measurement goes on.
func tell(line string) { fmt.Fprintln(os.Stderr, line) }

// command is how a report names this one.
func command() []string { return append([]string{"bench/others"}, os.Args[1:]...) }

// publish shows a report and writes it into a directory. An error is one that the measurement ended with, or that a check failed.
func publish(dir string, r page.Report, ok bool, err error) error {
	if err = errors.Join(err, r.WriteText(os.Stdout), page.Write(dir, r)); err == nil {
		fmt.Printf("\nreport in %s\n", dir)
	}
	if err == nil && !ok {
		err = errors.New("a check failed")
	}
	return err
}

// versionOf is what an executable says of itself in its first line.
func versionOf(path string) (string, error) {
	out, err := exec.Command(path, "--version").Output()
	first, _, _ := strings.Cut(string(out), "\n")
	return first, err
}
