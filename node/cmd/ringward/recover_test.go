package main

import (
	"strings"
	"testing"
)

// What it does to a cluster, package processtest shows.
func TestRecoverRefuses(t *testing.T) {
	a, _, _ := threeNodes(t)
	c := startFake(t, 4)
	for _, x := range []struct {
		name, args string
		code       int
		stderr     string
	}{
		{"nobody named", "recover", exitUsage, "--lost is missing: want the nodes that never return"},
		{"a name that nobody has", "recover --lost node-7 --endpoints " + a.endpoint, exitUsage, "--lost node-7: no node that answers knows one of that name"},
		{"one that answers", "recover --lost node-1 --endpoints " + a.endpoint, exitError, "node node-1 is named as lost, and answers: nothing was changed"},
		{"before init", "recover --lost node-1 --endpoints " + c.endpoint, exitError, "belong to no cluster"},
		{"nobody there", "recover --lost node-1 --endpoints 127.0.0.1:1", exitError, "no node answers"},
		{"an argument", "recover node-1", exitUsage, `"node-1": one argument too many`},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := ringward(t, "", strings.Fields(x.args)...)
			if got.code != x.code || got.stdout != "" || !strings.Contains(got.stderr, x.stderr) {
				t.Errorf("got %+v, want exit %d and %q", got, x.code, x.stderr)
			}
		})
	}
}
