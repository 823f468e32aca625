package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Source is what executables are built from.
type Source struct {
	Name    string `json:"name"`         // as it was asked for
	Commit  string `json:"commit"`       // its hash; of a working tree, of the commit that it was made from
	Tree    bool   `json:"working_tree"` // it is the working tree, as it is
	Changed bool   `json:"changed"`      // the working tree holds what no commit does
}

func (s Source) String() string {
	text := s.Commit[:min(12, len(s.Commit))]
	switch {
	case s.Changed:
		text += " and what is not committed"
	case strings.HasPrefix(s.Commit, s.Name):
		return text
	}
	return fmt.Sprintf("%s (%s)", s.Name, text)
}

// programs are the packages of the executables that a comparison needs, named as they are.
var programs = []string{"node/cmd/ringward", "bench/cmd/ringward-bench"}

// Repository is a git repository of Ringward that has a working tree.
type Repository struct{ top string }

// Find finds the repository that a directory belongs to, and that git and go are there to build from it.
func Find(ctx context.Context, dir string) (*Repository, error) {
	for _, tool := range []string{"git", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is needed to build commits with: %w", tool, err)
		}
	}
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("want to be run in a working tree of Ringward's repository: %w", err)
	}
	return &Repository{top}, nil
}

// Commit finds a commit by any name that git knows it by.
func (r *Repository) Commit(ctx context.Context, name string) (Source, error) {
	hash, err := git(ctx, r.top, "rev-parse", "--verify", "--quiet", name+"^{commit}")
	if err != nil || name == "" || strings.HasPrefix(name, "-") { // which would be an option
		return Source{}, fmt.Errorf("%q: no such commit in %s: want a commit, a branch or a tag that git knows there", name, r.top)
	}
	for _, p := range programs {
		if _, err := git(ctx, r.top, "cat-file", "-e", hash+":"+p); err != nil {
			return Source{}, fmt.Errorf("%q: commit %s has no %s, so it cannot be measured", name, hash, p)
		}
	}
	return Source{Name: name, Commit: hash}, nil
}

// WorkingTree is what lies in the repository's directory, committed or not.
func (r *Repository) WorkingTree(ctx context.Context) (Source, error) {
	for _, p := range programs {
		if _, err := os.Stat(filepath.Join(r.top, p)); err != nil {
			return Source{}, fmt.Errorf("the working tree cannot be measured: %w", err)
		}
	}
	hash, err := git(ctx, r.top, "rev-parse", "HEAD")
	if err != nil {
		return Source{}, err
	}
	status, err := git(ctx, r.top, "status", "--porcelain")
	return Source{Name: "working tree", Commit: hash, Tree: true, Changed: status != ""}, err
}

// git runs a command that only looks, and returns what it wrote.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := gitCommand(ctx, dir, args...)
	stdout, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(e.Stderr))
	}
	return strings.TrimSpace(string(stdout)), err
}

// gitCommand is one of the repository that dir belongs to. A hook of git's that this program is run by says which repository it is about, by variables
// that would let a worktree's checkout write into that one's index; and no hook is to be run by this program.
func gitCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "core.hooksPath=/dev/null"}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}, name)
	})
	return cmd
}
