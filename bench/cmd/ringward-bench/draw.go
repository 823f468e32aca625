package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/compare"
	"github.com/ringward/ringward/bench/internal/failover"
	"github.com/ringward/ringward/bench/internal/page"
	"github.com/ringward/ringward/bench/internal/scale"
)

func (p *program) drawVerb() *cobra.Command {
	var against []string
	var out string
	cmd := &cobra.Command{
		Use:   "draw FILE",
		Short: "Draw the page of a report again",
		Long: `Reads a report.json that failover, scale, or compare of bench/others wrote, and writes its page, as HTML, to standard output; with --out, all files of
the report, charts as SVG among them, into that directory.`,
		Args: cli.Exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			r, err := readReport(args[0], against)
			switch {
			case err != nil:
				return err
			case out != "":
				return page.Write(out, r)
			}
			return r.WriteHTML(p.stdout)
		},
	}
	cmd.Flags().StringSliceVar(&against, "against", nil, "report.json of other stores' failovers, to be drawn beside this one, separated by commas")
	cmd.Flags().StringVar(&out, "out", "", "directory for report.json, report.txt, report.html and SVGs (default: only the page, to standard output)")
	return cmd
}

// readReport reads one of any kind. Others can stand beside it where it is of failovers.
func readReport(name string, against []string) (page.Report, error) {
	kind, err := page.KindOf(name)
	if err != nil {
		return nil, err
	}
	if len(against) > 0 && kind != failover.Kind {
		return nil, cli.Usagef("--against %q: %s is of kind %q, and only those of failover have others beside them", against, name, kind)
	}
	switch kind {
	case failover.Kind:
		r, err := failover.ReadReport(name)
		if err != nil {
			return nil, err
		}
		r.Against, err = readReports(against)
		return r, err
	case scale.Kind:
		r := new(scale.Report)
		return r, page.Read(name, kind, scale.Schema, r)
	case compare.Kind:
		r := new(compare.Report)
		return r, page.Read(name, kind, compare.Schema, r)
	}
	return nil, fmt.Errorf("%s: report of kind %q: want failover, scale or compare", name, kind)
}

// readReports reads several of failovers.
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
