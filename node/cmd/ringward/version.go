package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringward/ringward/node"
)

// build is what the Go toolchain noted of this program.
type build struct {
	Version  string `json:"version"` // as its builders name it
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: node.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}

func (c *command) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Name this build",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			return c.print(b, func(w io.Writer) {
				fmt.Fprintln(w, strings.Join(strings.Fields("ringward "+b.Version+" "+b.Revision+" "+b.Go+" "+b.Platform), " "))
			})
		},
	}
}
