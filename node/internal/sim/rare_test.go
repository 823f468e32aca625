package sim

import (
	"runtime"
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

// seldom are the states that a campaign of a few hundred seeds need not come to.
var seldom = map[Rare]bool{
	fetchAgain: true, fetchElsewhere: true, inheritAgain: true, lostProposal: true, voidCut: true, beyondRepair: true, walkBackFar: true,
	opForgotten: true, handBackInParts: true, threeDecisions: true, fetch: true, fetchInParts: true, oldHandshake: true, memberRecovers: true,
}

// TestRareStatesAreReached comes to all but the rarest with few seeds.
func TestRareStatesAreReached(t *testing.T) {
	f, err := Campaign{First: 1, Seeds: 200, Workers: runtime.GOMAXPROCS(0)}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range f.Unreached() {
		if !seldom[state] {
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
