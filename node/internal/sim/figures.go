package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/bench/history"
)

// String is one line, for who waits: how far, how fast, and what went wrong so far.
func (f Figures) String() string {
	of := ""
	if f.Planned > 0 {
		of = fmt.Sprintf(" of %d", f.Planned)
	}
	faults := 0
	kinds := make([]Family, 0, Families)
	for k, n := range f.Faults {
		if faults += n; n > 0 {
			kinds = append(kinds, Family(k))
		}
	}
	slices.SortStableFunc(kinds, func(a, b Family) int { return f.Faults[b] - f.Faults[a] })
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = fmt.Sprintf("%v %d", k, f.Faults[k])
	}
	return fmt.Sprintf("%d%s seeds  %.0f seeds/s  %.1f simulated hours  %d faults: %s",
		f.Seeds, of, f.PerSecond(), f.Simulated().Hours(), faults, strings.Join(words, ", "))
}

// Write writes all figures as one page.
func (f *Figures) Write(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	if f.Elapsed > 0 {
		line("seeds", "%d in %v, %.1f a second; %d of them twice, with the same trace", f.Seeds, f.Elapsed.Round(time.Second/10), f.PerSecond(), f.Twice)
	}
	line("simulated", "%.1f hours of a cluster's life, with ticks of %v; %d events", f.Simulated().Hours(), Tick, f.Steps)
	line("calls", "%d: %s", sum(f.Calls[:]), f.each(len(f.Calls), func(i int) (string, int) { return history.Outcome(i).String(), f.Calls[i] }))
	line("entries", "%d persistent", f.Entries)
	line("reconfigurations", "%d", f.Epochs)
	line("crashes", "%d; %d nodes lost for good, in %d runs more than the ring can do without", f.Crashes, f.Lost, f.Beyond)
	line("slowest calm", "%.1f ticks after the last repair everything had ended, with seed %d", f.SlowestCalm, f.SlowestSeed)
	line("faults", "%d", sum(f.Faults[:]))
	writeCounts(w, len(f.Faults), func(i int) (string, int) { return Family(i).String(), f.Faults[i] })
	line("rare states", "%d of %d reached", int(Rares)-len(f.Unreached()), Rares)
	writeCounts(w, len(f.Rare), func(i int) (string, int) { return Rare(i).String(), f.Rare[i] })
	line("hash", "%016x, the sum over all traces", f.Hash)
}

// columns of counts that fit side by side.
const columns = 4

// writeCounts writes n counted things in columns, from top to bottom.
func writeCounts(w io.Writer, n int, thing func(int) (string, int)) {
	rows := (n + columns - 1) / columns
	for i := range rows {
		var line strings.Builder
		for at := i; at < n; at += rows {
			name, count := thing(at)
			fmt.Fprintf(&line, "  %-21s%9d", name, count)
		}
		fmt.Fprintln(w, line.String())
	}
}

// Unreached are the rare states that no run came to.
func (f *Figures) Unreached() []Rare {
	var never []Rare
	for state, n := range f.Rare {
		if n == 0 {
			never = append(never, Rare(state))
		}
	}
	return never
}

func sum(numbers []int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}

// each lists n counted things, those that never were included.
func (f *Figures) each(n int, thing func(int) (string, int)) string {
	words := make([]string, n)
	for i := range n {
		name, count := thing(i)
		words[i] = fmt.Sprintf("%s %d", name, count)
	}
	return strings.Join(words, ", ")
}

// MarshalJSON names what is counted.
func (f Figures) MarshalJSON() ([]byte, error) {
	calls, faults, rare := map[string]int{}, map[string]int{}, map[string]int{}
	for i, n := range f.Calls {
		calls[history.Outcome(i).String()] = n
	}
	for i, n := range f.Faults {
		faults[Family(i).String()] = n
	}
	for i, n := range f.Rare {
		rare[Rare(i).String()] = n
	}
	return json.Marshal(map[string]any{
		"seeds": f.Seeds, "seconds": f.Elapsed.Seconds(), "seeds_per_second": f.PerSecond(), "twice": f.Twice,
		"simulated_hours": f.Simulated().Hours(), "steps": f.Steps, "calls": calls, "entries": f.Entries, "reconfigurations": f.Epochs,
		"crashes": f.Crashes, "lost": f.Lost, "beyond": f.Beyond, "slowest_calm_ticks": f.SlowestCalm, "slowest_seed": f.SlowestSeed,
		"faults": faults, "rare": rare, "hash": fmt.Sprintf("%016x", f.Hash),
	})
}
