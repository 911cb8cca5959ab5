package penstock_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeShowsCodeThatRuns checks that the Go code in README.md is code of
// tests that are run.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	for _, name := range []string{"example_test.go", "examples/releasetests/release_test.go", "examples/releasetests/proof_test.go", "examples/releasetests/explore_test.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, text...)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no Go code; want some")
	}
	for _, b := range blocks {
		if !bytes.Contains(code, b[1]) {
			t.Errorf("README.md has code that is in none of its tests:\n%s", b[1])
		}
	}
}

// TestReadmeNamesEveryRoom checks that nothing that can be imported is left out.
func TestReadmeNamesEveryRoom(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages(t) {
		names := strings.Split(p.dir, "/")
		if p.dir == "." || names[0] == "examples" || slices.Contains(names, "internal") {
			continue
		}
		if !bytes.Contains(readme, []byte("("+p.dir+")")) {
			t.Errorf("README.md has no link to %s", p.dir)
		}
	}
}

// TestReadmeLinksLeadSomewhere checks the links to files of the repository.
func TestReadmeLinksLeadSomewhere(t *testing.T) {
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllSubmatch(text, -1) {
			if _, err := os.Stat(string(m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
