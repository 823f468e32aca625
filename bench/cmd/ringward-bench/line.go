package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/ringward/ringward/bench"
)

// line is the last line of a terminal, written anew with every progress.
type line struct {
	terminal *os.File // nil: there is none, and nothing is shown
}

func newLine(w io.Writer) line {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return line{f}
	}
	return line{}
}

// show is what a run calls with its progress; nil where nobody looks.
func (l line) show() func(bench.Progress) {
	if l.terminal == nil {
		return nil
	}
	return func(p bench.Progress) {
		text := p.String()
		// A line that wraps cannot be written over.
		if width, _, err := term.GetSize(int(l.terminal.Fd())); err == nil && len(text) >= width {
			text = text[:max(0, width-1)]
		}
		fmt.Fprintf(l.terminal, "\r\x1b[K%s", text)
	}
}

func (l line) clear() {
	if l.terminal != nil {
		fmt.Fprint(l.terminal, "\r\x1b[K")
	}
}
