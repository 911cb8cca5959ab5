package penstock_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPromisesHaveTests checks the table of CONTRIBUTING.md: each guarantee is
// there, and so are its tests, none of which skips itself.
func TestPromisesHaveTests(t *testing.T) {
	const last = 25
	seen := map[string]bool{}
	for _, row := range rows(t, "CONTRIBUTING.md", `I\d+`) {
		if seen[row] {
			t.Errorf("%s stands there twice", row)
		}
		seen[row] = true
	}
	for n := 1; n <= last; n++ {
		if id := fmt.Sprintf("I%d", n); !seen[id] {
			t.Errorf("%s is not there", id)
		}
	}
}

// TestLessonsHaveTests does the same for the faults of other systems.
func TestLessonsHaveTests(t *testing.T) {
	if n := len(rows(t, "internal/lessons.md", `[a-z][^|]*`)); n < 40 {
		t.Errorf("%d faults; want 40 or more", n)
	}
}

// rows returns the first column of each row of a table of which the last one
// names tests, and checks these.
func rows(t *testing.T, file, first string) (all []string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (`+first+`) \|.*\|$`).FindAllSubmatch(text, -1) {
		all = append(all, string(row[1]))
		tests := regexp.MustCompile("`([a-z0-9/]*)\\.(Test\\w+)`").FindAllSubmatch(row[0], -1)
		if len(tests) == 0 {
			t.Errorf("%s: no tests", row[1])
		}
		for _, name := range tests {
			if err := runs(string(name[1]), string(name[2])); err != nil {
				t.Errorf("%s: %v", row[1], err)
			}
		}
	}
	return all
}

// runs reports why a test would not run, or nil.
func runs(dir, name string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == name {
				return skips(d)
			}
		}
	}
	return fmt.Errorf("%s has no %s", dir, name)
}

// skips reports that a test skips itself, or nil.
func skips(test *ast.FuncDecl) (err error) {
	ast.Inspect(test, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && regexp.MustCompile(`^Skip(f|Now)?$`).MatchString(s.Sel.Name) {
			err = fmt.Errorf("%s may skip itself", test.Name.Name)
		}
		return true
	})
	return err
}
