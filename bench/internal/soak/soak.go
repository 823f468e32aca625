package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/bench/internal/faults"
)

// Options say how many rounds there are, and of what.
type Options struct {
	Ringward string // the executable: a path
	// Seed is the first round's; each further one has the next.
	Seed uint64
	// Duration: no round begins after it. Rounds bounds their number; 0: as many as fit.
	Duration time.Duration
	Rounds   int
	Kinds    []faults.Kind
	Mutant   string // the bug that the nodes are to have; empty: none
	// Replay is the command, up to the seed, that carries out one round again.
	Replay string
	Out    io.Writer
}

// Summary is what became of all rounds.
type Summary struct {
	Rounds           int
	Calls, Unknown   int
	Reconfigurations int
	Faults           map[faults.Kind]int
	Failures         map[string]int
}

// Run carries out rounds and tells of each. The first that fails ends it, with an error. Where ctx ends, what was done so far counts.
func Run(ctx context.Context, o Options) (*Summary, error) {
	s := &Summary{Faults: map[faults.Kind]int{}, Failures: map[string]int{}}
	began := time.Now()
	for i := 0; ctx.Err() == nil && (i == 0 || time.Since(began) < o.Duration) && (o.Rounds == 0 || i < o.Rounds); i++ {
		seed := o.Seed + uint64(i)
		r := NewRound(seed, o.Kinds)
		r.Mutant = o.Mutant
		fmt.Fprintf(o.Out, "seed %d: %v\n", seed, &r)
		result, err := r.Run(ctx, o.Ringward, func(line string) { fmt.Fprintln(o.Out, " ", line) })
		if ctx.Err() != nil {
			break
		}
		if result != nil {
			s.add(result)
			fmt.Fprintf(o.Out, "  %d calls, %d of unknown outcome; %d reconfigurations; ACTIVE %v after the last fault\n",
				result.Calls, result.Unknown, result.Reconfigurations, result.Healed.Round(time.Millisecond))
		}
		if err != nil {
			return s, o.failed(seed, &r, result, err)
		}
	}
	return s, nil
}

func (s *Summary) add(r *Result) {
	s.Rounds++
	s.Calls += r.Calls
	s.Unknown += r.Unknown
	s.Reconfigurations += r.Reconfigurations
	for _, e := range r.Events {
		if !e.Heals {
			s.Faults[e.Fault.Kind]++
		}
	}
	for kind, n := range r.Failures {
		s.Failures[kind] += n
	}
}

// failed tells all that helps to find out why a round failed.
func (o *Options) failed(seed uint64, r *Round, result *Result, err error) error {
	if result == nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	lines := []error{fmt.Errorf("seed %d failed: %w", seed, err)}
	var plan strings.Builder
	for _, f := range r.Plan {
		fmt.Fprintf(&plan, "\n  %v", f)
	}
	lines = append(lines, fmt.Errorf("its plan:%s", &plan))
	lines = append(lines, fmt.Errorf("the same plan again: %s --seed %d --rounds 1", o.Replay, seed))
	return errors.Join(lines...)
}

func (s *Summary) String() string {
	var faultCounts, failures []string
	total := 0
	for _, k := range faults.Kinds() {
		if n := s.Faults[k]; n > 0 {
			total += n
			faultCounts = append(faultCounts, fmt.Sprintf("%s %d", k, n))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Failures)) {
		failures = append(failures, fmt.Sprintf("%s %d", kind, s.Failures[kind]))
	}
	text := fmt.Sprintf("%d rounds, %d calls, %d of unknown outcome, %d reconfigurations\n%d faults: %s",
		s.Rounds, s.Calls, s.Unknown, s.Reconfigurations, total, strings.Join(faultCounts, ", "))
	if len(failures) > 0 {
		text += "\ncalls that failed while there were faults: " + strings.Join(failures, ", ")
	}
	return text
}
