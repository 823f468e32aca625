package main

import (
	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench/internal/failover"
)

func (p *program) drawVerb() *cobra.Command {
	var against []string
	cmd := &cobra.Command{
		Use:   "draw FILE",
		Short: "Draw the page of a failover report again",
		Long:  `Reads a report.json that failover wrote, and writes its page, as HTML, to standard output.`,
		Args:  exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			r, err := failover.ReadReport(args[0])
			if err != nil {
				return err
			}
			if r.Against, err = readReports(against); err != nil {
				return err
			}
			return r.WriteHTML(p.stdout)
		},
	}
	cmd.Flags().StringSliceVar(&against, "against", nil, "report.json of other stores, to be drawn beside this one, separated by commas")
	return cmd
}

// readReports reads several.
func readReports(names []string) (all []*failover.Report, err error) {
	for _, name := range names {
		r, err := failover.ReadReport(name)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
