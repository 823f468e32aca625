package main

import (
	"context"
	"fmt"
	"io"

	"github.com/ringward/ringward/node/internal/sim"
)

// minimizeRuns bounds how often a failing seed is lived through: a minute or two.
const minimizeRuns = 2000

// minimize looks for the fewest faults with which a seed fails. That it found them is success, which a failing seed is not.
func (c *command) minimize(ctx context.Context, o sim.Options) error {
	line := newProgressLine(c.stderr)
	m := sim.NewMinimizer(minimizeRuns)
	if line.terminal != nil {
		m.Progress = line.show
	}
	f, err := m.Minimize(ctx, o)
	line.clear()
	if err != nil {
		return err
	}
	schedule := struct {
		Faults []sim.Fault `json:"faults"`
	}{f.Faults}
	if err := c.print(schedule, func(w io.Writer) {
		f.WriteSchedule(w)
		fmt.Fprintln(w)
	}); err != nil {
		return err
	}
	return f
}
