package mutants

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	all  = flag.Bool("all", false, "try every mutant, not just a few")
	find = flag.Bool("find", false, "run all tests of the package, and say which ones notice a mutant that is not noticed by its own")
)

// fewest is how many mutants there have to be.
const fewest = 50

// root is that of the module, from here.
const root = "../.."

// A mutant is a mistake, and the test that has to notice it.
type mutant struct {
	title    string
	file     string // from the root of the module
	old, new string // lines of it
	pkg      string
	test     string
}

// parse reads mutants from text as in the package comment.
func parse(text string) (mutants []mutant, err error) {
	for k, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		m := mutant{}
		var old, altered []string
		for line := range strings.SplitSeq(block, "\n") {
			switch before, after, _ := strings.Cut(line, " "); {
			case before == "#":
				m.title = after
			case before == "-":
				old = append(old, after)
			case before == "+":
				altered = append(altered, after)
			case m.file == "":
				m.file = line
			default:
				m.pkg, m.test = before, after
			}
		}
		m.old, m.new = strings.Join(old, "\n"), strings.Join(altered, "\n")
		if m.title == "" || m.file == "" || m.old == "" || m.test == "" || !strings.HasPrefix(m.pkg, "./") {
			return nil, fmt.Errorf("mutant %d: %q: want a line with #, a file, lines with - and +, and a package with a test", k+1, block)
		}
		mutants = append(mutants, m)
	}
	return mutants, nil
}

func read(t *testing.T) []mutant {
	t.Helper()
	text, err := os.ReadFile("mutants.txt")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return mutants
}

// altered returns the file of m as the mistake makes it.
func (m mutant) altered() ([]byte, error) {
	code, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	// Indentation is no matter of the mistake.
	lines := strings.Split(m.old, "\n")
	for i, l := range lines {
		lines[i] = `[ \t]*` + regexp.QuoteMeta(strings.TrimSpace(l))
	}
	old := regexp.MustCompile(`(?m)^` + strings.Join(lines, `\n`) + `$`)
	at := old.FindAllIndex(code, -1)
	if len(at) != 1 {
		return nil, fmt.Errorf("%s has %d places with\n%s\nwant one", m.file, len(at), m.old)
	}
	return slices.Concat(code[:at[0][0]], []byte(m.new), code[at[0][1]:]), nil
}

// TestMutantsAreUpToDate keeps the list true as the code changes.
func TestMutantsAreUpToDate(t *testing.T) {
	mutants := read(t)
	titles := map[string]bool{}
	for _, m := range mutants {
		if titles[m.title] {
			t.Errorf("two mutants are called %q", m.title)
		}
		titles[m.title] = true
		if _, err := m.altered(); err != nil {
			t.Errorf("%s: %v", m.title, err)
		}
		if !hasTest(t, m.pkg, m.test) {
			t.Errorf("%s: %s has no test %s", m.title, m.pkg, m.test)
		}
	}
	if len(mutants) < fewest {
		t.Errorf("%d mutants; want %d or more", len(mutants), fewest)
	}
}

// hasTest reports whether a package has a test, of which name may also name a
// subtest.
func hasTest(t *testing.T, pkg, name string) bool {
	name, _, _ = strings.Cut(name, "/")
	return testsHave(t, pkg, "\nfunc "+name+"(")
}

// testsHave reports whether a text is in the tests of a package.
func testsHave(t *testing.T, pkg, text string) bool {
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		code, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(code, []byte(text)) {
			return true
		}
	}
	return false
}

// TestMutantsAreNoticed makes each mistake and runs its test, which has to fail.
// Without -all it tries a few.
func TestMutantsAreNoticed(t *testing.T) {
	mutants := read(t)
	tried, every := 0, 1
	if !*all {
		every = len(mutants)/2 + 1
	}
	for k, m := range mutants {
		if k%every != 0 {
			continue
		}
		tried++
		t.Run(m.title, func(t *testing.T) {
			out, did := m.try(t, "-run", "^"+strings.ReplaceAll(m.test, "/", "$/^")+"$")
			t.Logf("%s %s", m.test, did)
			switch {
			case did.noticed():
			case *find && did == passed:
				out, _ := m.try(t)
				t.Errorf("not noticed by %s, but by %q", m.test, regexp.MustCompile(`(?m)^--- FAIL: \S+`).FindAllString(out, -1))
			default:
				t.Errorf("%s %s with\n%s\ninstead of\n%s\nwant it to fail; it says\n%s", m.test, did, m.new, m.old, out)
			}
		})
	}
	t.Logf("%d of %d mutants were tried", tried, len(mutants))
}

// try runs tests of the package of m on the altered code, and returns what they say
// and what came of it.
func (m mutant) try(t *testing.T, args ...string) (out string, did outcome) {
	t.Helper()
	code, err := m.altered()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	altered, overlay := filepath.Join(dir, "altered.go"), filepath.Join(dir, "overlay.json")
	file, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: altered}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{altered: code, overlay: replace} {
		if err := os.WriteFile(name, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{"test", "-count=1", "-vet=off", "-timeout=2m", "-overlay", overlay, m.pkg}, args...)
	if testsHave(t, m.pkg, `"pgregory.net/rapid"`) {
		// What it would write is no failure of the tree, and chance has no say.
		args = append(args, "-rapid.nofailfile", "-rapid.seed=1", "-rapid.checks=400")
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	b, err := cmd.CombinedOutput()
	out = string(b)
	if err == nil {
		if strings.Contains(out, "no tests to run") {
			t.Fatalf("%s has no test %s", m.pkg, m.test)
		}
		return out, passed
	}
	if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
		t.Fatalf("the altered code does not build:\n%s", out)
	}
	return out, outcomeOf(out)
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	const good = "# a title\nfile.go\n- old\n+ new\n./pkg TestIt"
	if m, err := parse(good + "\n\n" + good); err != nil || len(m) != 2 || m[0] != (mutant{"a title", "file.go", "old", "new", "./pkg", "TestIt"}) {
		t.Errorf("parse = %+v, %v", m, err)
	}
	for _, missing := range []string{"# a title\n", "file.go\n", "- old\n", "./pkg TestIt", "TestIt"} {
		if _, err := parse(strings.Replace(good, missing, "", 1)); err == nil {
			t.Errorf("parse takes a mutant without %q", missing)
		}
	}
}
