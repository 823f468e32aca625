package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Minimizer looks for the fewest faults with which a seed still fails.
type Minimizer struct {
	// Runs bounds how often it lives through the seed.
	Runs int
	// Progress is told how far it has come; nil: nobody looks.
	Progress func(string)

	run  func(Options) (*Report, error) // Run, but for tests
	used int
}

// NewMinimizer tries at most so many runs.
func NewMinimizer(runs int) *Minimizer { return &Minimizer{Runs: runs, run: Run} }

// Minimize returns the failure with the fewest faults it finds. It fails where the run does not fail in the first place, or ends otherwise
// than by a Failure.
//
// It is delta debugging (Zeller and Hildebrandt): it leaves out ever smaller parts of the faults, and goes on from whichever
// schedule fails in the same way as the first. Since leaving a fault out changes what happens after it, the result is
// small, but not certainly the smallest.
func (m *Minimizer) Minimize(ctx context.Context, o Options) (*Failure, error) {
	first, err := m.try(o)
	if err != nil {
		return nil, err
	}
	if first == nil {
		return nil, fmt.Errorf("%s does not fail: there is nothing to minimize", o.command("ringward"))
	}
	best := first
	kept := numbersOf(first)
	for parts := 2; len(kept) > 0; {
		parts = min(parts, len(kept))
		smaller := false
		for i := range parts {
			if m.used >= m.Runs || ctx.Err() != nil {
				return best, nil
			}
			without := slices.Concat(kept[:i*len(kept)/parts], kept[(i+1)*len(kept)/parts:])
			o.Skip = AllBut(without)
			f, err := m.try(o)
			if err != nil {
				return nil, err
			}
			m.tell("%d runs, %d of %d faults left", m.used, len(kept), len(first.Faults))
			if f != nil && f.sameAs(first) {
				// A fault that is left may not have come to pass this time.
				best, kept, smaller = f, numbersOf(f), true
				break
			}
		}
		switch {
		case smaller:
			parts = max(parts-1, 2)
		case parts == len(kept):
			return best, nil
		default:
			parts *= 2
		}
	}
	return best, nil
}

func numbersOf(f *Failure) []int {
	numbers := make([]int, len(f.Faults))
	for i, fault := range f.Faults {
		numbers[i] = fault.Number
	}
	return numbers
}

// try lives through one schedule: nil where it goes well.
func (m *Minimizer) try(o Options) (*Failure, error) {
	m.used++
	_, err := m.run(o)
	if f := new(Failure); errors.As(err, &f) {
		return f, nil
	}
	return nil, err
}

func (m *Minimizer) tell(format string, args ...any) {
	if m.Progress != nil {
		m.Progress(fmt.Sprintf(format, args...))
	}
}

// WriteSchedule lists the faults that led to the failure.
func (f *Failure) WriteSchedule(w io.Writer) {
	fmt.Fprintf(w, "faults that led to it: %d\n", len(f.Faults))
	for _, fault := range f.Faults {
		fmt.Fprintln(w, fault)
	}
}
