package main

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ringward/ringward/bench/internal/cli"
	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/bench/internal/faults"
	"github.com/ringward/ringward/bench/internal/stores"
)

// noticing is a writer that calls when a text was written for the first time.
type noticing struct {
	bytes.Buffer
	text string
	call func()
}

func (n *noticing) Write(b []byte) (int, error) {
	k, err := n.Buffer.Write(b)
	if strings.Contains(n.String(), n.text) {
		n.call()
	}
	return k, err
}

// TestSoak runs real rounds: one to its end, one that is interrupted by Ctrl-C while a node is paused, and one that fails. What may be
// left is what the last one says.
func TestSoak(t *testing.T) {
	ringward := build(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	stop := make(chan struct{})
	soak := func(stopAt string, args ...string) (code int, stdout, stderr string) {
		out := &noticing{text: stopAt, call: sync.OnceFunc(func() { close(stop) })}
		var errs bytes.Buffer
		p := &program{stdout: out, stderr: &errs, stop: stop, open: stores.Ringward, start: cluster.Start}
		code = p.run(t.Context(), append([]string{"soak", "--ringward", ringward, "--faults", "pause"}, args...))
		return code, out.String(), errs.String()
	}
	nothing := func() {
		t.Helper()
		if entries, err := os.ReadDir(tmp); err != nil || len(entries) > 0 {
			t.Errorf("left behind: %v, error %v", entries, err)
		}
	}
	code, out, errs := soak("never", "--rounds", "1", "--seed", "3")
	if code != cli.OK || !strings.Contains(out, "\n1 rounds, ") || !strings.Contains(out, " faults: pause ") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	nothing()

	code, out, errs = soak(": pause ", "--seed", "4")
	if code != cli.OK || !strings.Contains(out, "\n0 rounds, ") {
		t.Errorf("interrupted: exit code %d\n%s\n%s", code, out, errs)
	}
	nothing()

	// This build knows no mutants, and a node says so.
	stop = make(chan struct{})
	code, _, errs = soak("never", "--rounds", "1", "--sabotage", "read-without-fence")
	if code != cli.Failed || !strings.Contains(errs, "seed 1: starting a cluster: ") || !strings.Contains(errs, "RINGWARD_MUTANT is no setting") {
		t.Errorf("sabotaged: exit code %d\n%s", code, errs)
	}
	nothing()
}

func TestSoakRefuses(t *testing.T) {
	refuses(t, "soak", map[string]string{
		"--duration 0s":       "--duration 0s: want more than 0s",
		"--rounds -1":         "--rounds -1: want 0 or more",
		"--faults kill,flood": `--faults "flood": want some of kill, kill-all,`,
		"--ringward /no/such": `--ringward "/no/such": want an executable`,
		"--seed x":            `--seed "x": want a whole number of 0 or more`,
		"now":                 `"now": one argument too many`,
	})
}

func TestHelpNamesAllFaults(t *testing.T) {
	long := new(program).soakVerb().Long
	for _, k := range faults.Kinds() {
		if !strings.Contains(long, string(k)) {
			t.Errorf("the help of soak does not name %s", k)
		}
	}
}
