package sim

import (
	"slices"
	"strings"
	"testing"
)

// TestSkippedFaultsDoNotHappen lives through seeds without any of their faults, and without one.
func TestSkippedFaultsDoNotHappen(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		plain, err := Run(Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		calm, err := Run(Options{Seed: seed, Skip: AllBut(nil)})
		if err != nil {
			t.Fatal(err)
		}
		if calm.Faults != [Families]int{} {
			t.Errorf("seed %d: with every fault skipped there were %v", seed, calm.Faults)
		}
		if plain.Faults != [Families]int{} && plain.Hash == calm.Hash {
			t.Errorf("seed %d: skipping its faults changed nothing", seed)
		}
	}
}

func TestParseFamilies(t *testing.T) {
	for _, c := range []struct {
		words string
		want  []Family
	}{
		{"", nil},
		{"crash", []Family{Crash}},
		{" reset, crash,reset ", []Family{Crash, Reset}},
		{"clocks,crash", []Family{Crash, Pause, SlowNode, ClockRate, ClockJump}},
	} {
		got, err := ParseFamilies(c.words)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %v, %v, want %v", c.words, got, err, c.want)
		}
	}
	if all, err := ParseFamilies("all"); err != nil || len(all) != int(Families) {
		t.Errorf("all: got %d families, %v, want %d", len(all), err, Families)
	}
	for k := range Families {
		if got, err := ParseFamilies(FamilyList([]Family{k})); err != nil || !slices.Equal(got, []Family{k}) {
			t.Errorf("family %d: got %v, %v after writing and reading it", k, got, err)
		}
	}
	_, err := ParseFamilies("crash,flood")
	if err == nil || !strings.Contains(err.Error(), `"flood"`) || !strings.Contains(err.Error(), "crash-loop") {
		t.Errorf("got %v, want the unknown name and the known ones", err)
	}
}

// TestSwarm lives through seeds with a few families only, and looks at which faults there were.
func TestSwarm(t *testing.T) {
	only := []Family{Crash, Pause, Clog}
	var sum Report
	for seed := uint64(1); seed <= 20; seed++ {
		r, err := Run(Options{Seed: seed, Swarm: only})
		if err != nil {
			t.Fatal(err)
		}
		sum.add(r)
	}
	for k, n := range sum.Faults {
		if there := slices.Contains(only, Family(k)); there != (n > 0) {
			t.Errorf("%v took place %d times, in a swarm of %v", Family(k), n, only)
		}
	}
}

// TestEveryFamilyTakesPlace lives through seeds with all families: one that never takes place tests nothing.
func TestEveryFamilyTakesPlace(t *testing.T) {
	all, err := ParseFamilies("all")
	if err != nil {
		t.Fatal(err)
	}
	var sum Report
	const within = 40
	for seed := uint64(1); seed <= within; seed++ {
		r, err := Run(Options{Seed: seed, Swarm: all})
		if err != nil {
			t.Fatal(err)
		}
		if sum.add(r); !slices.Contains(sum.Faults[:], 0) {
			t.Logf("all within %d seeds: %v", seed, sum.Faults)
			return
		}
	}
	for k, n := range sum.Faults {
		// The moments that some of them wait for are rare: those are looked for in a swarm of few.
		for seed := uint64(1); n == 0 && seed <= 20*within; seed++ {
			r, err := Run(Options{Seed: seed, Swarm: []Family{FalseReport, Divergence, Family(k)}})
			if err != nil {
				t.Fatal(err)
			}
			n = r.Faults[k]
		}
		if n == 0 {
			t.Errorf("%v never took place", Family(k))
		}
	}
}

// TestMassSuspicion lets everybody accuse everybody, again and again, and suspect by themselves. Nothing may stay stuck: a run
// in which some shard does fails.
func TestMassSuspicion(t *testing.T) {
	var sum Report
	for seed := uint64(1); seed <= 40; seed++ {
		r, err := Run(Options{Seed: seed, Swarm: []Family{AccuseAll, Deaf, FalseReport}})
		if err != nil {
			t.Fatal(err)
		}
		sum.add(r)
	}
	if sum.Faults[AccuseAll] < 20 || sum.Epochs < 40 {
		t.Errorf("all were accused by all %d times, and %d configurations decided: that shows little", sum.Faults[AccuseAll], sum.Epochs)
	}
}
