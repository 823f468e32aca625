package main

import (
	"fmt"
	"os"
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

func TestReadmeListsSettings(t *testing.T) {
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := settingsTable(); !strings.Contains(string(b), want) {
		t.Errorf("README.md does not list the settings as node.Config has them: put this under Configuration:\n%s", want)
	}
}
