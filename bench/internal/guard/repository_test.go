package guard

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/internal/guardtest"
)

func TestFind(t *testing.T) {
	g := guardtest.New(t)
	g.Rate(1000)
	below := filepath.Join(g.Dir, "node", "cmd")
	if r, err := Find(t.Context(), below); err != nil || r.top != g.Dir {
		t.Errorf("from %s: %+v, %v", below, r, err)
	}
	if _, err := Find(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "want to be run in a working tree of Ringward's repository: git rev-parse: exit status 128: fatal: not a git repository") {
		t.Errorf("outside of any repository: %v", err)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	for _, tool := range []string{"git", "go"} { // one after the other, git is there
		if _, err := Find(t.Context(), g.Dir); err == nil || !strings.HasPrefix(err.Error(), tool+" is needed to build commits with") {
			t.Errorf("without %s: %v", tool, err)
		}
		if err := os.Symlink(git, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommit(t *testing.T) {
	g := guardtest.New(t)
	r, err := Find(t.Context(), g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.WorkingTree(t.Context()); err == nil || !strings.Contains(err.Error(), "the working tree cannot be measured") {
		t.Errorf("an empty working tree: %v", err)
	}
	g.Rate(1000)
	g.Commit("v1")
	hash := g.Git("rev-parse", "HEAD")
	for name, text := range map[string]string{"v1": "v1 (" + hash[:12] + ")", "HEAD": "HEAD (" + hash[:12] + ")", hash[:9]: hash[:12], hash: hash[:12]} {
		if s, err := r.Commit(t.Context(), name); err != nil || s.Commit != hash || s.Name != name || s.Tree || s.Changed || s.String() != text {
			t.Errorf("%s: %+v %v, %v", name, s, s, err)
		}
	}
	for name, want := range map[string]string{
		"v2":      `"v2": no such commit in ` + g.Dir,
		"":        `"": no such commit`,
		"--all":   `"--all": no such commit`,
		"v1:node": `"v1:node": no such commit`,
		"empty":   `"empty": commit ` + g.Git("rev-parse", "empty") + " has no node/cmd/ringward, so it cannot be measured",
	} {
		if s, err := r.Commit(t.Context(), name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", name, s, err, want)
		}
	}
}
