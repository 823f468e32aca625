package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/rpc/client"
)

// Exit codes; the package doc says what they tell.
const (
	exitOK              = 0
	exitError           = 1
	exitUsage           = 2
	exitNotFound        = 3
	exitConditionFailed = 4
	exitOutcomeUnknown  = 5
)

// usageError is a command that makes no sense, whatever the state of the cluster.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode sorts errors into the codes. An unknown outcome outweighs the rest: it
// is the only one that asks something of the caller.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)), errors.Is(err, client.ErrInvalid):
		return exitUsage
	case errors.Is(err, client.ErrOutcomeUnknown):
		return exitOutcomeUnknown
	case errors.Is(err, client.ErrNotFound), errors.As(err, new(noShardError)):
		return exitNotFound
	case errors.Is(err, client.ErrVersionMismatch):
		return exitConditionFailed
	}
	return exitError
}

// command is one run of the program: what all verbs share.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	endpoints []string
	output    outputFormat
	timeout   time.Duration // 0: the verb's own
}

// run is the whole program. It returns the exit code once ctx ends or the work is done.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &command{stdin: stdin, stdout: stdout, stderr: stderr, output: "text"}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	switch {
	case err == nil:
	case c.output == "json":
		c.errorJSON(err, code)
	default:
		fmt.Fprintf(stderr, "ringward: %v\n", err)
		if code == exitUsage {
			fmt.Fprintln(stderr, "Run ringward --help, or ringward VERB --help.")
		}
	}
	return code
}

func (c *command) errorJSON(err error, code int) {
	failure := struct {
		Error string `json:"error"`
		Exit  int    `json:"exit"`
		// Version is what a condition found instead; absent for other errors.
		Version *client.Version `json:"version,omitempty"`
	}{Error: err.Error(), Exit: code}
	if mismatch := new(client.VersionMismatchError); errors.As(err, &mismatch) {
		failure.Version = &mismatch.Current
	}
	json.NewEncoder(c.stderr).Encode(failure)
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "ringward",
		Short:         "A sharded, durable, linearizable key-value store whose shards ward each other",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s: no such verb", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })

	flags := root.PersistentFlags()
	flags.StringSliceVar(&c.endpoints, "endpoints", nil,
		"addresses of any nodes of the cluster, separated by commas (default "+envEndpoints+", else "+defaultEndpoint+")")
	flags.VarP(&c.output, "output", "o", "form of the answer: text or json")
	flags.DurationVar(&c.timeout, "timeout", 0, "how long to try (default: the verb's own)")

	root.AddCommand(c.nodeVerb(), c.initVerb(), c.devVerb(),
		c.getVerb(), c.putVerb(), c.deleteVerb(), c.casVerb(),
		c.statusVerb(), c.ringVerb(), c.historyVerb(), c.drainVerb(), c.memberVerb(), c.recoverVerb(),
		c.simVerb(), c.versionVerb())
	return root
}

// exactly wants the named arguments, no more and no fewer.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			return usagef("%q: one argument too many: want %s", args[len(names)], strings.Join(append([]string{"no more than"}, names...), " "))
		case len(args) < len(names):
			return usagef("%s is missing", names[len(args)])
		}
		return nil
	}
}

// patience is how long to try: what the user asked for, else usual.
func (c *command) patience(usual time.Duration) (time.Duration, error) {
	if c.timeout < 0 {
		return 0, usagef("--timeout %v: want more than 0", c.timeout)
	}
	return cmp.Or(c.timeout, usual), nil
}

const (
	envEndpoints    = "RINGWARD_ENDPOINTS"
	defaultEndpoint = "127.0.0.1:7001" // where a node listens that is told nothing
)

// cluster returns the endpoints that verbs begin with: each once, all of the form host:port.
func (c *command) cluster() ([]string, error) {
	endpoints, from := c.endpoints, "--endpoints"
	if len(endpoints) == 0 {
		if env := os.Getenv(envEndpoints); env != "" {
			endpoints, from = strings.Split(env, ","), envEndpoints
		} else {
			endpoints = []string{defaultEndpoint}
		}
	}
	var distinct []string
	for _, e := range endpoints {
		e = strings.TrimSpace(e)
		if host, port, err := net.SplitHostPort(e); err != nil || host == "" || port == "" {
			return nil, usagef("%s: %q: want host:port, several separated by commas", from, e)
		}
		if !slices.Contains(distinct, e) {
			distinct = append(distinct, e)
		}
	}
	return distinct, nil
}
