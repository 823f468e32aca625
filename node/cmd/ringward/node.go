package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ringward/ringward/node"
)

const (
	// stopTime is how long a node that is told to stop may take to answer what it has begun.
	stopTime = 10 * time.Second
	// handOverTime is how long it may take before to leave its chains. Where it takes longer nobody lets it go.
	handOverTime = 2 * time.Second
	// heapGrowth is by how many percent the heap may grow before it is collected. With a C compiler at hand Pebble's cache and memtables lie outside of
	// it; what is left is small, about 1 MiB for each replica, and Go's own 100 would have it collected many times a second.
	heapGrowth = 300
)

func (c *command) nodeVerb() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a node",
		Long: `Runs a node on its data directory until it is told to stop. On SIGTERM it hands over first: it leaves its chains, which go on
without it, and comes back to them when it is started again. On SIGINT (Ctrl-C) it stops at once and keeps its place in
them, which is the right way to stop all nodes of a cluster. A second signal ends it on the spot, which is as safe as a
crash. A new node waits until ringward init makes it part of a cluster.

A setting comes from its flag, else from the environment (RINGWARD_SUSPECT_AFTER for --suspect-after), else from the
file that --config or RINGWARD_CONFIG names (suspect-after: 50ms), else it has its default.

Memory is given back at the cost of processor time as Go's GOGC (here 300 unless it is set) and GOMEMLIMIT say.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := node.Load(cmd.Flags(), os.Environ())
			if err == nil {
				err = cfg.Valid()
			}
			if err != nil {
				return usageError{err}
			}
			if check {
				return c.printConfig(&cfg)
			}
			timeout, err := c.patience(stopTime)
			if err != nil {
				return err
			}
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(heapGrowth)
			}
			n, err := node.Start(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			select {
			case <-cmd.Context().Done():
			case <-n.Done():
			}
			// The command's context has ended by now: stopping has a time of its own.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), timeout)
			defer cancel()
			if context.Cause(cmd.Context()) == (signalled{syscall.SIGTERM}) {
				leaving, cancel := context.WithTimeout(ctx, handOverTime)
				n.HandOver(leaving)
				cancel()
			}
			return n.Stop(ctx)
		},
	}
	cmd.Flags().SortFlags = false // in the order of Config, which puts together what belongs together
	node.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&check, "check-config", false, "print the settings as a file would state them and whether they are allowed, and start nothing")
	return cmd
}

func (c *command) printConfig(cfg *node.Config) error {
	var text bytes.Buffer
	if err := cfg.WriteYAML(&text); err != nil {
		return err
	}
	settings := map[string]any{}
	if err := yaml.Unmarshal(text.Bytes(), &settings); err != nil {
		return err
	}
	return c.print(settings, func(w io.Writer) { text.WriteTo(w) })
}
