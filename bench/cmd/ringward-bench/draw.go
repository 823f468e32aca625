package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench/internal/failover"
)

func (p *program) drawVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "draw FILE",
		Short: "Draw the page of a failover report again",
		Long:  `Reads a report.json that failover wrote, and writes its page, as HTML, to standard output.`,
		Args:  exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			var r failover.Report
			if err := json.Unmarshal(b, &r); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if r.Schema != failover.Schema {
				return fmt.Errorf("%s: report of schema %d, want %d", args[0], r.Schema, failover.Schema)
			}
			return r.WriteHTML(p.stdout)
		},
	}
}
