package sim

import "testing"

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
		if plain.Occurrences > 0 && plain.Hash == calm.Hash {
			t.Errorf("seed %d: skipping its faults changed nothing", seed)
		}
	}
}
