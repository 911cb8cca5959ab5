package penstock_test

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestLayers checks that packages import only downwards: artifact, gate,
// stage, pipeline/journal, pipeline. A package below another in the tree
// belongs to the layer of its parent.
func TestLayers(t *testing.T) {
	const module = "github.com/penstock/penstock/"
	layers := []string{"internal", "artifact", "gate", "stage", "pipeline/journal", "pipeline", "examples"}
	layer := func(dir string) (n int) {
		for i, l := range layers {
			if dir == l || strings.HasPrefix(dir, l+"/") {
				return i
			}
		}
		t.Errorf("%s is in no layer; see doc.go for where new code goes", dir)
		return
	}
	filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == "." {
			return err
		}
		pkg, err := build.ImportDir(path, 0)
		if err != nil {
			return nil // no Go files
		}
		for _, imp := range pkg.Imports {
			if dir, ok := strings.CutPrefix(imp, module); ok && layer(dir) > layer(path) {
				t.Errorf("%s imports %s, which is above it", path, dir)
			}
		}
		return nil
	})
}
