package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
)

// program is one run of the command, with what it needs of the world.
type program struct {
	stdout, stderr io.Writer
	stop           <-chan struct{} // closed when the measurement is to end
	open           func(ctx context.Context, endpoints []string, timeout time.Duration) (bench.Store, error)
	start          func(context.Context, cluster.Options) (*cluster.Cluster, error)
	command        []string // as it was typed
}

// tell is for people, while a measurement goes on.
func (p *program) tell(line string) { fmt.Fprintln(p.stderr, line) }

// run is the whole program. It returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	const short = "Measures a Ringward cluster, and checks that it kept its promises"
	root := cli.Root("ringward-bench", short, short+"\n\nTo set it beside etcd and redis: cd bench/others && go run . compare",
		p.runVerb(), p.checkVerb(), p.soakVerb(), p.failoverVerb(), p.scaleVerb(), p.guardVerb(), p.drawVerb())
	return cli.Run(ctx, root, args, p.stdout, p.stderr)
}

// outputFormat is the form of a report.
type outputFormat string

func (o *outputFormat) String() string { return string(*o) }

func (o *outputFormat) Type() string { return "text|json" }

func (o *outputFormat) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("want text or json")
	}
	*o = outputFormat(s)
	return nil
}
