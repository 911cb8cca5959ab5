package penstock_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/leaktest"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }

// TestEachPackageLooksForLeaks wants a line as the one above in every package
// that has tests, but in that which only runs other tests.
func TestEachPackageLooksForLeaks(t *testing.T) {
	looks := map[string]bool{"internal/mutants": true}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		code, err := os.ReadFile(name)
		if dir := path.Dir(name); bytes.Contains(code, []byte("leaktest.")) {
			looks[dir] = true
		} else if !looks[dir] {
			looks[dir] = false
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, does := range looks {
		if !does {
			t.Errorf("%s does not look for goroutines that outlive its tests", dir)
		}
	}
}
