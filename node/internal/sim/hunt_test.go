//go:build mutants

package sim

import (
	"flag"
	"runtime"
	"strings"
	"testing"
)

var preySeeds = flag.Uint64("sim.limit", 2000, "how many seeds TestMutants lives through with one mutant at most")

// TestMutants kills every mutant.
func TestMutants(t *testing.T) {
	var page strings.Builder
	kills, err := Hunt{Seeds: *preySeeds, Workers: runtime.GOMAXPROCS(0), Done: func(k Kill) {
		var row strings.Builder
		WriteKill(&row, k)
		t.Log(strings.TrimSpace(row.String()))
	}}.Run(t.Context())
	WriteKills(&page, kills)
	t.Log(page.String())
	if err != nil {
		t.Error(err)
	}
}

func TestHuntNames(t *testing.T) {
	if _, err := (Hunt{Names: []string{"nobody"}}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v", err)
	}
	var page strings.Builder
	kills, err := Hunt{Names: []string{"ack-before-fsync"}, Seeds: 50, Workers: 1}.Run(t.Context())
	for _, k := range kills {
		WriteKill(&page, k)
	}
	WriteKills(&page, kills)
	if err != nil || !strings.Contains(page.String(), "invariant") || !strings.Contains(page.String(), "1 of 1 mutants killed") {
		t.Errorf("got %v:\n%s", err, page.String())
	}
}
