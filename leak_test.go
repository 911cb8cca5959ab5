package penstock_test

import (
	"go/ast"
	"slices"
	"testing"

	"github.com/penstock/penstock/internal/leaktest"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }

// TestEachPackageLooksForLeaks wants a line as the one above in every package
// that has tests, but in that which only runs other tests.
func TestEachPackageLooksForLeaks(t *testing.T) {
	for _, p := range packages(t) {
		looks := func(f *ast.File) bool {
			return f.Name.Name == "leaktest" || slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return importPath(i) == module+"/internal/leaktest" })
		}
		if len(p.tests) > 0 && p.dir != "internal/mutants" && !slices.ContainsFunc(p.tests, looks) {
			t.Errorf("%s does not look for goroutines that outlive its tests", p.dir)
		}
	}
}
