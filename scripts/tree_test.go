package scripts

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// module is the path of this module; what a package imports below it is ours.
const module = "github.com/ringward/ringward"

// file is one file of the tree under judgement.
type file struct {
	path string // slash-separated, from the top
	text string
	fset *token.FileSet
	ast  *ast.File // nil unless it is Go
}

func (f *file) dir() string     { return path.Dir(f.path) }
func (f *file) isTest() bool    { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) generated() bool { return f.ast != nil && ast.IsGenerated(f.ast) }

// at is the place of a node, as editors and terminals make links of it.
func (f *file) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line)
}

// imports lists what f imports, with the place.
func (f *file) imports(yield func(spec *ast.ImportSpec, path string) bool) {
	for _, spec := range f.ast.Imports {
		if !yield(spec, strings.Trim(spec.Path.Value, "`\"")) {
			return
		}
	}
}

// selected calls yield for every pkg.Name in f where pkg is the named import.
func (f *file) selected(importPath string, yield func(n ast.Node, name string)) {
	local := path.Base(importPath)
	if local == "v2" {
		local = path.Base(path.Dir(importPath))
	}
	imported := false
	for spec, p := range f.imports {
		if p == importPath {
			imported = true
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if !imported {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
			yield(sel, sel.Sel.Name)
		}
		return true
	})
}

// tree is all that is judged: the entries at the top, and the files of interest.
type tree struct {
	top   []string
	files []*file
}

// readTree reads a source tree, leaving out dotfiles and dot directories, testdata
// and what .gitignore names at the top ("/name/").
func readTree(fsys fs.FS) (*tree, error) {
	ignored := map[string]bool{}
	if b, err := fs.ReadFile(fsys, ".gitignore"); err == nil {
		for line := range strings.Lines(string(b)) {
			ignored[strings.Trim(strings.TrimSpace(line), "/")] = true
		}
	}
	t := &tree{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") || ignored[p]
		if !hidden && path.Dir(p) == "." {
			t.top = append(t.top, p)
		}
		if d.IsDir() {
			if hidden || d.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(p) {
		case ".go", ".sh", ".proto", ".md", ".yaml", ".yml":
		default:
			return nil
		}
		if hidden {
			return nil
		}
		b, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		f := &file{path: p, text: string(b)}
		if path.Ext(p) == ".go" {
			f.fset = token.NewFileSet()
			if f.ast, err = parser.ParseFile(f.fset, p, b, parser.ParseComments|parser.SkipObjectResolution); err != nil {
				return err
			}
		}
		t.files = append(t.files, f)
		return nil
	})
	return t, err
}

// goFiles lists the tree's Go files that people write.
func (t *tree) goFiles(yield func(*file) bool) {
	for _, f := range t.files {
		if f.ast != nil && !f.generated() && !yield(f) {
			return
		}
	}
}

// rule judges a tree: what it returns are faults, each naming a place and a remedy.
type rule struct {
	name  string
	judge func(*tree) []string
}

// TestTree judges this source tree by all the rules.
func TestTree(t *testing.T) {
	own, err := readTree(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(own.files) < 20 {
		t.Fatalf("found only %d source files above %s: the rules would judge nothing", len(own.files), mustAbs(t, "."))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, fault := range r.judge(own) {
				t.Error(fault)
			}
		})
	}
}

// TestRulesCanFail gives each rule a small bad tree, testdata/<rule>.txtar, and
// expects what stands in the archive's comment: one fault a line.
func TestRulesCanFail(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", r.name+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			fsys, err := txtar.FS(archive)
			if err != nil {
				t.Fatal(err)
			}
			bad, err := readTree(fsys)
			if err != nil {
				t.Fatal(err)
			}
			got, want := strings.Join(r.judge(bad), "\n"), strings.TrimSpace(string(archive.Comment))
			if got != want || want == "" {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func mustAbs(t *testing.T, p string) string {
	t.Helper()
	abs, err := filepath.Abs(p)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
