package penstock_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/penstock/penstock"

// layers are the parts of the tree, each of which may import only itself and
// those before it. A package belongs to the deepest layer that it is in.
var layers = []string{"internal", "artifact", "gate", "stage", "pipeline/journal", "internal/machine", "pipeline", "examples"}

// layerOf returns the index in layers of a directory, or -1.
func layerOf(dir string) int {
	best := -1
	for i, l := range layers {
		if inside(dir, l) && (best < 0 || len(l) > len(layers[best])) {
			best = i
		}
	}
	return best
}

func inside(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// refusal says why dir may not import other, or "".
//
// In one layer, only what is above in the tree may be imported. The packages of
// one example are one program.
func refusal(dir, other string) string {
	mine, its := layerOf(dir), layerOf(other)
	switch {
	case mine < 0 || its < 0:
		return "one of them is in no layer; see doc.go for where new code goes"
	case its > mine:
		return "it is in a layer above"
	case isKit(other) && !isKit(dir):
		return "it is for tests"
	case its < mine || inside(dir, other):
		return ""
	case layers[mine] == "examples" && example(dir) == example(other):
		return ""
	}
	return "it is a sibling; what two siblings share moves to their parent"
}

// example returns the name of the example that a directory belongs to.
func example(dir string) string { return strings.SplitN(dir+"//", "/", 3)[1] }

// isKit reports whether a directory holds a kit for tests, such as gatetest.
func isKit(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

func TestPackagesImportOnlyDownwards(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.imports() {
			if dir, ours := strings.CutPrefix(imp, module+"/"); ours {
				if p.dir == "." {
					t.Errorf("the root imports %s; it is documentation alone", dir)
				} else if why := refusal(p.dir, dir); why != "" {
					t.Errorf("%s imports %s: %s", p.dir, dir, why)
				}
			}
		}
	}
}

func TestOnlyTestsImportTesting(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.imports() {
			if !isKit(p.dir) && (inside(imp, "testing") || imp == "pgregory.net/rapid") {
				t.Errorf("%s imports %s, which is for _test files and packages whose names end in test", p.dir, imp)
			}
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, test := range []struct {
		dir, other string
		allowed    bool
	}{
		{"gate", "artifact", true},
		{"gate/approval", "gate", true},
		{"pipeline/journal/sqlite", "pipeline/journal", true},
		{"internal/machine", "pipeline/journal", true},
		{"pipeline", "internal/machine", true},
		{"pipeline/graph", "pipeline", true},
		{"stage/rollout", "internal/term", true},
		{"pipeline/strategy", "stage/bake", true},
		{"examples/quickstart/cmd", "examples/quickstart/platform", true},
		{"pipeline/pipelinetest", "pipeline/journal/journaltest", true},

		{"artifact", "gate", false},
		{"gate/approval", "gate/window", false},
		{"pipeline/journal", "internal/machine", false},
		{"pipeline/journal", "pipeline", false},
		{"pipeline", "pipeline/graph", false},
		{"pipeline/console", "pipeline/graph", false},
		{"internal/machine", "pipeline", false},
		{"stage/rollout", "stage/stagetest", false},
		{"examples/quickstart/cmd", "examples/regions", false},
		{"elsewhere", "gate", false},
	} {
		if why := refusal(test.dir, test.other); (why == "") != test.allowed {
			t.Errorf("refusal(%q, %q) = %q; want allowed %v", test.dir, test.other, why, test.allowed)
		}
	}
}

// A goPackage is the files of one directory, for all platforms.
type goPackage struct {
	dir   string // "." for the root
	name  string
	files []*ast.File // but not tests
	tests []*ast.File
	fset  *token.FileSet
}

// imports returns what the package imports, but not what its tests do.
func (p *goPackage) imports() []string {
	var paths []string
	for _, f := range p.files {
		for _, spec := range f.Imports {
			paths = append(paths, importPath(spec))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func importPath(spec *ast.ImportSpec) string {
	imp, _ := strconv.Unquote(spec.Path.Value) // the parser has seen that it can
	return imp
}

// packages returns the packages of this module.
func packages(t *testing.T) []*goPackage {
	t.Helper()
	var all []*goPackage
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if _, err := os.Stat(filepath.Join(file, "go.mod")); file != "." && (err == nil || d.Name() == "testdata" || strings.ContainsAny(d.Name()[:1], "._")) {
			return filepath.SkipDir
		}
		p, err := parsePackage(filepath.ToSlash(file))
		if len(p.files)+len(p.tests) > 0 {
			all = append(all, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parsePackage(dir string) (*goPackage, error) {
	p := &goPackage{dir: dir, fset: token.NewFileSet()}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return p, err
	}
	for _, name := range names {
		f, err := parser.ParseFile(p.fset, name, nil, parser.ParseComments)
		if err != nil {
			return p, err
		}
		if strings.HasSuffix(name, "_test.go") {
			p.tests = append(p.tests, f)
			continue
		}
		p.name, p.files = f.Name.Name, append(p.files, f)
	}
	return p, nil
}
