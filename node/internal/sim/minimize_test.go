package sim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestMinimizeFindsTheFaultsThatMatter has runs fail in which two of a hundred faults come together.
func TestMinimizeFindsTheFaultsThatMatter(t *testing.T) {
	m := NewMinimizer(1000)
	m.run = func(o Options) (*Report, error) {
		f := &Failure{Options: o, Invariant: 3, Reason: "lost"}
		for n := range 100 {
			if !o.Skip.Has(n) {
				f.Faults = append(f.Faults, Fault{Number: n})
			}
		}
		has := func(n int) bool { return !o.Skip.Has(n) }
		switch {
		case has(17) && has(61):
		case has(40):
			f.Invariant = 4 // another bug, which must not take this one's place
		default:
			return &Report{}, nil
		}
		return nil, f
	}
	f, err := m.Minimize(t.Context(), Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := numbersOf(f); !slices.Equal(got, []int{17, 61}) || f.Invariant != 3 {
		t.Errorf("left are the faults %v with invariant %d, want 17 and 61 with 3", got, f.Invariant)
	}
	if m.used > 100 {
		t.Errorf("it took %d runs, want at most 100", m.used)
	}
	want := "ringward sim --seed 1 --skip 0-16,18-60,62-"
	if !strings.Contains(f.Error(), want) {
		t.Errorf("the failure does not say %q:\n%v", want, f)
	}
}

func TestMinimizeEndsEarly(t *testing.T) {
	fails := func(o Options) (*Report, error) {
		return nil, &Failure{Options: o, Faults: make([]Fault, 50)}
	}
	m := NewMinimizer(7)
	m.run = fails
	if _, err := m.Minimize(t.Context(), Options{}); err != nil || m.used != 7 {
		t.Errorf("got %v after %d runs, want none after 7", err, m.used)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	m = NewMinimizer(1000)
	m.run = fails
	if _, err := m.Minimize(ended, Options{}); err != nil || m.used != 1 {
		t.Errorf("got %v after %d runs, want none after 1", err, m.used)
	}
	m.run = func(Options) (*Report, error) { return &Report{}, nil }
	if _, err := m.Minimize(t.Context(), Options{Seed: 4}); err == nil || !strings.Contains(err.Error(), "seed 4 does not fail") {
		t.Errorf("got %v for a seed that does not fail", err)
	}
}

// TestMinimizeSabotage has disks lose a part of what they synced whenever their node is down. One crash is enough to see it.
func TestMinimizeSabotage(t *testing.T) {
	sabotage := func(w *world) {
		for _, n := range w.nodes {
			if m, ok := n.disk.storage.(*model); ok && !n.up && len(m.log) > 400 {
				m.log = m.log[:len(m.log)-200]
				m.synced = min(m.synced, m.end())
			}
		}
	}
	run := func(o Options) (*Report, error) { return sabotaged(o, sabotage) }
	for seed := uint64(1); ; seed++ {
		_, err := run(Options{Seed: seed})
		first := new(Failure)
		if !errors.As(err, &first) || len(first.Faults) < 20 {
			continue // not yet a schedule that is hard to read
		}
		m := NewMinimizer(150)
		m.run = run
		f, err := m.Minimize(t.Context(), Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var schedule strings.Builder
		f.WriteSchedule(&schedule)
		t.Logf("seed %d, %d runs: of %d faults are left\n%v%s", seed, m.used, len(first.Faults), &schedule, f.Reason)
		if len(f.Faults) == 0 || len(f.Faults) > len(first.Faults)/2 || f.Invariant != first.Invariant {
			t.Errorf("%d faults and invariant %d are left of %d and %d, want at most half as many and the same", len(f.Faults), f.Invariant, len(first.Faults), first.Invariant)
		}
		again := new(Failure)
		if _, err := run(f.Options); !errors.As(err, &again) || again.Step != f.Step || again.Reason != f.Reason {
			t.Errorf("the command of the failure does not lead to it again: %v", err)
		}
		return
	}
}
