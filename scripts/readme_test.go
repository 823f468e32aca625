package scripts

import (
	"os"
	"path"
	"strings"
	"testing"
)

// The README maps the tree: a reader finds every package there.
func TestReadmeMapsPackages(t *testing.T) {
	own, err := readTree(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	reported := map[string]bool{}
	for f := range own.goFiles {
		// A package below another that is named may be told of there.
		p := f.dir()
		named := func(pkg string) bool { return strings.Contains(text, "[`"+pkg+"`]") }
		if !named(p) && !named(path.Dir(p)) && !reported[p] {
			reported[p] = true
			t.Errorf("README.md does not name package %s: add it to the map of the code", p)
		}
	}
}
