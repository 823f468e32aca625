package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringward/ringward/node"
)

// settingsTable is the README's table of settings, as node.Config has them.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| setting | default | meaning |\n| --- | --- | --- |\n")
	for _, s := range node.Settings() {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Key, value, strings.ReplaceAll(s.Doc, "|", `\|`))
	}
	return b.String()
}

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadmeListsSettings(t *testing.T) {
	if want := settingsTable(); !strings.Contains(readme(t), want) {
		t.Errorf("README.md does not list the settings as node.Config has them: put this under Configuration:\n%s", want)
	}
}

func TestReadmeListsVerbs(t *testing.T) {
	text := readme(t)
	for _, verb := range new(command).root().Commands() {
		if !verb.Hidden && !strings.Contains(text, "| `"+verb.Use) {
			t.Errorf("README.md does not list %q under The command line", verb.Use)
		}
	}
}

// The Go example of the README is a program that compiles.
func TestReadmeExample(t *testing.T) {
	_, rest, _ := strings.Cut(readme(t), "```go\n")
	example, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("README.md has no Go example")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
