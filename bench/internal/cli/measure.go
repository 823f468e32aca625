package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/bench/internal/page"
)

// LoadFlags are those of what clients do, whatever the mix of operations. What a load has already is the default.
func LoadFlags(f *pflag.FlagSet, l *bench.Options) {
	f.IntVar(&l.Clients, "clients", 64, "clients, each of which does one operation at a time")
	f.Float64Var(&l.Rate, "rate", 0, "operations a second, due at fixed times whatever the store does; 0: as fast as the clients can")
	f.Uint64Var(&l.Records, "records", cmp.Or(l.Records, 10_000), "records that are loaded first")
	f.IntVar(&l.ValueSize, "value-size", cmp.Or(l.ValueSize, 1000), "bytes of a value")
	f.Uint64Var(&l.Seed, "seed", 1, "what the operations follow from")
}

// PatienceFlags are those of how long a call, and the check of a history, may take.
func PatienceFlags(f *pflag.FlagSet, call, check *time.Duration) {
	f.DurationVar(call, "timeout", 10*time.Second, "patience of one operation, its retries included")
	f.DurationVar(check, "check-timeout", cmp.Or(*check, time.Minute), "patience with the check of one history: without a verdict by then it has failed")
}

// Patient refuses patience that is none.
func Patient(call, check time.Duration) error {
	switch {
	case call <= 0:
		return Usagef("--timeout %v: want more than 0s", call)
	case check <= 0:
		return Usagef("--check-timeout %v: want more than 0s", check)
	}
	return nil
}

// OutFlag is the directory of a verb's report.
func OutFlag(f *pflag.FlagSet, out *string, verb string) {
	f.StringVar(out, "out", "", "directory for the report (default: a new one below this, named "+verb+"-DATE-TIME)")
}

// Measurement is what a verb that measures does.
type Measurement struct {
	Verb    string
	Out     string   // the report's directory; empty: a new one, named by the verb and the time
	Command []string // as it was typed
	Takes   time.Duration
	// Run measures. It returns what was measured, whatever ended it; nil: nothing was.
	Run    func() (page.Report, error)
	Stdout io.Writer
	Tell   func(string) // lines for people
}

// Do makes the directory, so that one that cannot be made is known before anything is measured; measures; shows the report, and writes it there. An
// error is one that the measurement ended with, or that a check failed.
func (m *Measurement) Do() error {
	out := cmp.Or(m.Out, m.Verb+"-"+time.Now().Format("20060102-150405"))
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	m.Tell(fmt.Sprintf("this takes about %v; Ctrl-C ends it, and what was measured by then is reported", m.Takes))
	r, err := m.Run()
	if r == nil {
		_ = os.Remove(out) // unless there is something in it
		return cmp.Or(err, bench.ErrStopped)
	}
	r.Head().Command = m.Command
	if err = errors.Join(err, r.WriteText(m.Stdout), page.Write(out, r)); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "\nreport in %s\n", out)
	if !r.Head().OK {
		return Report(errors.New("a check failed"))
	}
	return nil
}
