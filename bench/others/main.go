package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/bench/internal/cli"
)

func main() {
	ctx, stop := cli.Signals()
	os.Exit(cli.Run(ctx, program(stop), os.Args[1:], os.Stdout, os.Stderr))
}

// program is the root of the verbs. Stop ends what they measure.
func program(stop <-chan struct{}) *cobra.Command {
	return cli.Root("others", "Measures other stores as ringward-bench measures Ringward", "", compareVerb(stop), failoverVerb(stop))
}

// measurement is one of a verb, with what all of them have in common.
func measurement(verb, out string) cli.Measurement {
	return cli.Measurement{Verb: verb, Out: out, Command: append([]string{"bench/others"}, os.Args[1:]...), Stdout: os.Stdout, Tell: tell}
}

// tell is for people, while a measurement goes on.
func tell(line string) { fmt.Fprintln(os.Stderr, line) }

// versionOf is what an executable says of itself in its first line.
func versionOf(path string) (string, error) {
	out, err := exec.Command(path, "--version").Output()
	first, _, _ := strings.Cut(string(out), "\n")
	return first, err
}
