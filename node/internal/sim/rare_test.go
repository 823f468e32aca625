package sim

import (
	"strings"
	"testing"
)

// TestRareStatesAreNamed holds the table to its promise.
func TestRareStatesAreNamed(t *testing.T) {
	const least = 40
	if Rares < least {
		t.Errorf("%d rare states are counted, want at least %d", Rares, least)
	}
	seen := map[string]bool{}
	for state := range Rares {
		if name := state.String(); name == "" || strings.Contains(name, " ") || seen[name] || state.What() == "" {
			t.Errorf("rare state %d is called %q and described as %q: want a name of its own without spaces, and a sentence", state, name, state.What())
		}
		seen[state.String()] = true
	}
}

// seldom are the states that a campaign of enoughForMost seeds need not come to.
var seldom = map[Rare]bool{
	fetchAgain: true, fetchInParts: true, inheritAgain: true, lostProposal: true, voidCut: true, beyondRepair: true,
	walkBackFar: true, learnerBehind: true, learnerPastTail: true, fillGoesOn: true,
}

// enoughForMost is how many seeds come to all the others.
const enoughForMost = 1000

// reached looks whether a campaign came to all states that it should have come to.
func reached(t *testing.T, f *Figures) {
	t.Helper()
	for _, state := range f.Unreached() {
		if f.Seeds >= enoughForMost && !seldom[state] {
			t.Errorf("%d seeds never came to %v: %s", f.Seeds, state, state.What())
		}
	}
}

// TestUnreachedIsAFailure has a campaign that looks long and tried nothing.
func TestUnreachedIsAFailure(t *testing.T) {
	var f Figures
	for state := range Rares {
		if state != walkBack {
			f.Rare[state] = 1
		}
	}
	if err := f.enough(); err != nil {
		t.Errorf("a short campaign: %v", err)
	}
	f.Seeds = enoughForRare
	err := f.enough()
	if err == nil || !strings.Contains(err.Error(), "walk-back: ") || strings.Contains(err.Error(), "walk-back-far") {
		t.Errorf("got %v, want walk-back alone", err)
	}
}
