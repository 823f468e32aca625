package main

import (
	"fmt"

	"github.com/spf13/cobra"

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
		Args: exactly("FILE"),
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
	if kind == "" {
		r, err := failover.ReadReport(name)
		if err != nil {
			return nil, err
		}
		r.Against, err = readReports(against)
		return r, err
	}
	if len(against) > 0 {
		return nil, usagef("--against %q: %s is of kind %s, and only failovers have others beside them", against, name, kind)
	}
	switch kind {
	case scale.Kind:
		r := new(scale.Report)
		return r, page.Read(name, scale.Schema, r)
	case compare.Kind:
		r := new(compare.Report)
		return r, page.Read(name, compare.Schema, r)
	}
	return nil, fmt.Errorf("%s: report of kind %q: want scale, compare, or none, which is failover's", name, kind)
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
