package scripts

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"path"
	"regexp"
	"slices"
	"strings"
)

// packageDoc wants each package to say its one idea, in exactly one file.
func packageDoc(t *tree) (faults []string) {
	type pkg struct {
		name string
		docs []string
	}
	pkgs := map[string]*pkg{}
	var dirs []string
	for f := range t.goFiles {
		if f.isTest() {
			continue
		}
		p := pkgs[f.dir()]
		if p == nil {
			p = &pkg{name: f.ast.Name.Name}
			pkgs[f.dir()] = p
			dirs = append(dirs, f.dir())
		}
		if f.ast.Doc == nil {
			continue
		}
		p.docs = append(p.docs, f.path)
		want := "Package " + p.name + " "
		if p.name == "main" {
			want = "Command " + path.Base(f.dir()) + " "
		}
		if doc := f.ast.Doc.Text(); !strings.HasPrefix(doc, want) {
			faults = append(faults, fmt.Sprintf("%s: the package doc begins %q: begin it with %q", f.at(f.ast.Doc), firstWords(doc), want))
		}
	}
	for _, dir := range dirs {
		switch docs := pkgs[dir].docs; {
		case len(docs) == 0:
			faults = append(faults, fmt.Sprintf("%s: no package doc: write a doc.go that tells the package's one idea", dir))
		case len(docs) > 1:
			faults = append(faults, fmt.Sprintf("%s: package docs in %s: keep one, and set the others off from the package clause by an empty line", dir, strings.Join(docs, " and ")))
		}
	}
	return faults
}

func firstWords(s string) string {
	words := strings.Fields(s)
	return strings.Join(words[:min(3, len(words))], " ")
}

// packageNames keeps out packages that are named after nothing they do.
func packageNames(t *tree) (faults []string) {
	vague := []string{"common", "util", "utils", "helper", "helpers", "misc", "shared"}
	seen := map[string]bool{}
	for f := range t.goFiles {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		for _, n := range []string{name, path.Base(f.dir())} {
			if slices.Contains(vague, n) && !seen[f.dir()] {
				seen[f.dir()] = true
				faults = append(faults, fmt.Sprintf("%s: package %s: name it after what it provides, or move each piece to the package that it serves", f.dir(), n))
			}
		}
	}
	return faults
}

// topLevel keeps the top of the tree as it is laid out.
func topLevel(t *tree) (faults []string) {
	fixed := []string{"shard", "sequencer", "wedge", "node", "rpc", "bench", "scripts", "go.mod", "go.sum", "README.md", "LICENSE"}
	for _, name := range t.top {
		if !slices.Contains(fixed, name) {
			faults = append(faults, fmt.Sprintf("%s: not part of the top level, which is fixed (%s): put it below the folder that needs it", name, strings.Join(fixed, " ")))
		}
	}
	return faults
}

// maxLines is how long a file may grow before it hides a seam.
const maxLines = 600

func fileSize(t *tree) (faults []string) {
	for _, f := range t.files {
		if lines := strings.Count(f.text, "\n"); lines > maxLines && !f.generated() {
			faults = append(faults, fmt.Sprintf("%s: %d lines, at most %d: find the seam and split it", f.path, lines, maxLines))
		}
	}
	return faults
}

func gofmt(t *tree) (faults []string) {
	for f := range t.goFiles {
		if b, err := format.Source([]byte(f.text)); err != nil || !bytes.Equal(b, []byte(f.text)) {
			faults = append(faults, fmt.Sprintf("%s: not formatted: run gofmt -w %s", f.path, f.path))
		}
	}
	return faults
}

// noSleep keeps waiting by the clock out of tests: it is slow when it works, and fails on a slow machine.
func noSleep(t *tree) (faults []string) {
	for f := range t.goFiles {
		if !f.isTest() {
			continue
		}
		f.selected("time", func(n ast.Node, name string) {
			if name == "Sleep" {
				faults = append(faults, fmt.Sprintf("%s: a test sleeps: wait for a condition or a channel, or use simulated time", f.at(n)))
			}
		})
	}
	return faults
}

// noSkip keeps tests that do not run from looking like tests that pass.
func noSkip(t *tree) (faults []string) {
	for f := range t.goFiles {
		if !f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			// A scanner or an iterator may have a Skip of its own: only those of *testing.T and friends count.
			x, ok := sel.X.(*ast.Ident)
			if ok && slices.Contains([]string{"t", "b", "f", "tb"}, x.Name) && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: a test skips itself: make it run everywhere, or delete it", f.at(n)))
			}
			return true
		})
	}
	return faults
}

// leftover is put together so that this file does not hold the words.
var leftover = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

func noLeftovers(t *tree) (faults []string) {
	for _, f := range t.files {
		n := 0
		for line := range strings.Lines(f.text) {
			n++
			if word := leftover.FindString(line); word != "" && !f.generated() {
				faults = append(faults, fmt.Sprintf("%s:%d: %s: do it now, or file an issue and say here what is so and why", f.path, n, word))
			}
		}
	}
	return faults
}

// noGlobalRandom keeps chance repeatable: who uses it holds a source with a seed.
func noGlobalRandom(t *tree) (faults []string) {
	// What makes or names a source is fine; everything else at the top of the package draws from the global one.
	sources := []string{"New", "NewSource", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf"}
	for f := range t.goFiles {
		for _, p := range []string{"math/rand", "math/rand/v2"} {
			f.selected(p, func(n ast.Node, name string) {
				if !slices.Contains(sources, name) {
					faults = append(faults, fmt.Sprintf("%s: rand.%s draws from the global source: hold a *rand.Rand made from a seed", f.at(n), name))
				}
			})
		}
	}
	return faults
}
