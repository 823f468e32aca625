package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestSimUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"sim 7", `"7": one argument too many`},
		{"sim --seeds 0", "--seeds 0: want at least 1"},
		{"sim --workers 0", "--workers 0: want 1 to"},
		{"sim --duration -1s", "--duration -1s: want more than 0"},
		{"sim --minimize", "--minimize wants the --seed that fails"},
		{"sim --skip 3", "--skip wants the --seed"},
		{"sim --seed 3 --skip 5,4", "--skip: "},
		{"sim --swarm crash,flood", `--swarm: family of faults "flood": want any of all, `},
		{"sim --seed 3 --first 2", "--first does not go with --seed"},
		{"sim --seed 3 --duration 1m", "--duration does not go with --seed"},
	} {
		got := ringward(t, "", strings.Fields(c.args)...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: got %+v, want exit 2 and %q", c.args, got, c.want)
		}
	}
}

func TestSimCampaign(t *testing.T) {
	got := ringward(t, "", "sim", "--seeds", "3", "--first", "8")
	if got.code != exitOK || !strings.Contains(got.stdout, "3 in ") || !strings.Contains(got.stdout, "reconfigurations") {
		t.Errorf("got %+v", got)
	}
	var figures struct {
		Seeds  int
		Faults map[string]int
	}
	got = ringward(t, "", "sim", "--seeds", "3", "-o", "json")
	if err := json.Unmarshal([]byte(got.stdout), &figures); err != nil || got.code != exitOK || figures.Seeds != 3 || len(figures.Faults) == 0 {
		t.Errorf("got %+v: %v", got, err)
	}
}

// A campaign that is interrupted says what it did, and that this was not all.
func TestSimInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	code := run(ctx, []string{"sim"}, strings.NewReader(""), &stdout, &stderr)
	if code != exitError || !strings.Contains(stdout.String(), "seeds") || !strings.Contains(stderr.String(), "ended early, after 0 seeds") {
		t.Errorf("got exit %d, %q, %q", code, stdout.String(), stderr.String())
	}
}

func TestSimReplay(t *testing.T) {
	got := ringward(t, "", "sim", "--seed", "3", "--swarm", "crash")
	for _, want := range []string{"begins with", "sends Append to", "takes Ack from", "crashes;", "reconfigurations"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("the trace does not show %q", want)
		}
	}
	if again := ringward(t, "", "sim", "--seed", "3", "--swarm", "crash"); got.code != exitOK || again.stdout != got.stdout {
		t.Errorf("got exit %d, and the same seed twice gave %d and %d bytes", got.code, len(got.stdout), len(again.stdout))
	}
	if calm := ringward(t, "", "sim", "--seed", "3", "--swarm", "crash", "--skip", "0-"); calm.code != exitOK || strings.Contains(calm.stdout, "crashes;") {
		t.Errorf("with all faults skipped: exit %d, or a crash all the same", calm.code)
	}
	got = ringward(t, "", "sim", "--seed", "3", "--minimize")
	if got.code != exitError || !strings.Contains(got.stderr, "ringward sim --seed 3 does not fail") {
		t.Errorf("minimizing what does not fail: got %+v", got)
	}
}
