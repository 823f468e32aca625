package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ringward/ringward/node"
)

// stopTime is how long a node that is told to stop may take to answer what it has begun.
const stopTime = 10 * time.Second

func (c *command) nodeVerb() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a node",
		Long: `Runs a node on its data directory until it is told to stop (SIGTERM or Ctrl-C; a second one ends it at once, which is as
safe as a crash). A new node waits until ringward init makes it part of a cluster.

A setting comes from its flag, else from the environment (RINGWARD_SUSPECT_AFTER for --suspect-after), else from the
file that --config or RINGWARD_CONFIG names (suspect-after: 50ms), else it has its default.`,
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
