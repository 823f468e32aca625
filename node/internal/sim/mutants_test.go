//go:build !mutants

package sim

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/ringward/ringward/shard/mutant"
)

// TestNormalBuildHasNoMutant looks for what the build with mutants brings along in this very program, which holds all of the core.
func TestNormalBuildHasNoMutant(t *testing.T) {
	for m := range 256 {
		if mutant.On(mutant.Mutant(m)) {
			t.Errorf("mutant %d is on", m)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	// Put together here, so that the words are not in the program because of this test.
	for _, word := range []string{fmt.Sprintf("RINGWARD%cMUTANT", '_'), fmt.Sprintf("handshakes%cby%carrival", '-', '-')} {
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("the program holds %q, which belongs to the build with mutants", word)
		}
	}
}

// TestBuildWithMutantsIsTheSame compares the traces of the two builds while no mutant is on.
func TestBuildWithMutantsIsTheSame(t *testing.T) {
	const seeds = 20
	f, err := Campaign{First: 1, Seeds: seeds, Workers: 1}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "mutants", "-count=1", "-v", "-run", "^TestSeeds$", ".", fmt.Sprintf("-sim.seeds=%d", seeds)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	hash := regexp.MustCompile(`hash +([0-9a-f]{16})`).FindSubmatch(out)
	if hash == nil || string(hash[1]) != fmt.Sprintf("%016x", f.Hash) {
		t.Errorf("this build gives the traces of %d seeds the hash %016x, the one with mutants:\n%s", seeds, f.Hash, out)
	}
}
