package scripts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tidyDiff returns what `go mod tidy` would change in dir, empty where nothing.
func tidyDiff(dir string) (string, error) {
	cmd := exec.Command("go", "mod", "tidy", "-diff")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// It ends with an error when there is a difference, and then prints it; else the error is its own.
	if err := cmd.Run(); err != nil && stdout.Len() == 0 {
		return "", errors.New(stderr.String())
	}
	return stdout.String(), nil
}

func TestTidy(t *testing.T) {
	diff, err := tidyDiff("..")
	if err != nil {
		t.Fatalf("go mod tidy -diff did not run: %v", err)
	}
	if diff != "" {
		t.Error("go.mod or go.sum is not tidy: run go mod tidy at the top of the tree; go mod tidy -diff shows what it would change")
	}
}

func TestTidyCanFail(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.org/untidy\n\ngo 1.26.0\n\n\n\nretract (\n\tv1.0.0\n)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if diff, err := tidyDiff(dir); err != nil || diff == "" {
		t.Errorf("an untidy go.mod passed: %q, %v", diff, err)
	}
}
