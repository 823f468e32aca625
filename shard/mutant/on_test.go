//go:build mutants

package mutant

import "testing"

func TestTableIsComplete(t *testing.T) {
	for i, d := range All {
		if d.Mutant != Mutant(i+1) || d.Name == "" || d.Rule == "" || d.Bug == "" {
			t.Errorf("%d. in the table: %+v", i+1, d)
		}
		if m, err := Named(d.Name); m != d.Mutant || err != nil {
			t.Errorf("%q is the name of %d: %v", d.Name, m, err)
		}
	}
	if last := Mutant(len(All)); last != TimeoutIsFailure {
		t.Errorf("the table ends with %d", last)
	}
	if _, err := Named("nobody"); err == nil {
		t.Error("there is a mutant called nobody")
	}
}

func TestOneIsOn(t *testing.T) {
	Set(ReadJoinsFence)
	defer Set(None)
	if !On(ReadJoinsFence) || On(ReadWithoutFence) {
		t.Error("not exactly the one that was set is on")
	}
}
