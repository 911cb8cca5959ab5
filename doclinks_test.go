package penstock_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var docLink = regexp.MustCompile(`\[\*?([A-Z]\w*)(?:\.([A-Z]\w*))?\]`)

// TestDocLinks checks that a [Name] or [Type.Name] in a comment names
// something in its package, so that the documentation does not outlive the code.
func TestDocLinks(t *testing.T) {
	filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		fset := token.NewFileSet()
		pkgs, err := parser.ParseDir(fset, dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, parser.ParseComments)
		if err != nil {
			t.Error(err)
		}
		for _, pkg := range pkgs {
			known := map[string]bool{}
			for _, f := range pkg.Files {
				ast.Inspect(f, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.FuncDecl:
						known[n.Name.Name] = true
					case *ast.TypeSpec:
						known[n.Name.Name] = true
					case *ast.ValueSpec:
						for _, id := range n.Names {
							known[id.Name] = true
						}
					case *ast.Field: // of structs and interfaces
						for _, id := range n.Names {
							known[id.Name] = true
						}
					}
					return true
				})
			}
			for _, f := range pkg.Files {
				for _, c := range f.Comments {
					for _, m := range docLink.FindAllStringSubmatch(c.Text(), -1) {
						if !known[m[1]] || m[2] != "" && !known[m[2]] {
							t.Errorf("%s: comment links to %s, which is not in package %s", fset.Position(c.Pos()), m[0], pkg.Name)
						}
					}
				}
			}
		}
		return nil
	})
}
