package sqlite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// J2, I9: as the kernel sees it, each acknowledgement comes after a sync of the WAL
// and of the witness that has all that was written to them, and after one of the
// directory of each file that was made.
func TestOrderOfSyncs(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace, without which the order of system calls cannot be seen")
	}
	if out, err := exec.Command(strace, "-f", "-y", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, out)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path, trace := filepath.Join(dir, "s.db"), filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-o", trace, "-e", "trace=?open,openat,?creat,?mkdir,mkdirat,write,pwrite64,fsync,fdatasync", exe)
	cmd.Env = append(os.Environ(), role+"=commits", file+"="+path, self+"=a")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	o := newObserver(path)
	for line := range strings.Lines(string(text)) {
		o.see(strings.TrimSuffix(line, "\n"))
	}
	for _, p := range o.problems {
		t.Error(p)
	}
	if o.acknowledged != 6 || len(o.made) < 4 {
		t.Errorf("%d acknowledgements and %d files made; want 6, and the database, its WAL and 2 logs or more", o.acknowledged, len(o.made))
	}
	t.Logf("%d acknowledgements, %d files made, %d syncs", o.acknowledged, len(o.made), o.syncs)
	if t.Failed() {
		t.Logf("%s", text)
	}
}

// An observer reads what strace writes, line by line.
type observer struct {
	path    string          // of the database
	line    int             // of the trace
	begun   map[string]call // what a thread has called, and waits for
	made    map[string]bool // files, of which true means that their directories were not synced since
	written map[string]int  // files, with the line in which that began last; 0 means they were synced since
	synced  map[string]bool // files, since the last acknowledgement

	acknowledged int
	syncs        int
	problems     []string
}

// A call is a system call and the line in which it began.
type call struct {
	text string
	line int
}

func newObserver(path string) *observer {
	return &observer{path: path, begun: map[string]call{}, made: map[string]bool{}, written: map[string]int{}, synced: map[string]bool{}}
}

var (
	straced    = regexp.MustCompile(`^(\d+) +(.*)$`)
	unfinished = regexp.MustCompile(`^(.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^<\.\.\. \w+ resumed>(.*)$`)
	called     = regexp.MustCompile(`^(\w+)\((.*)\) += (-?\d+)`)
	onFile     = regexp.MustCompile(`^\d+<([^>]*)>`)
	named      = regexp.MustCompile(`^(?:AT_FDCWD[^,]*, )?"([^"]*)"`)
)

// see notes one line. A sync counts when it ends, for what was written before it
// began.
func (o *observer) see(line string) {
	o.line++
	m := straced.FindStringSubmatch(line)
	if m == nil {
		return
	}
	thread, what := m[1], m[2]
	if u := unfinished.FindStringSubmatch(what); u != nil {
		o.begun[thread] = call{u[1], o.line}
		o.begins(u[1])
		return
	}
	if r := resumed.FindStringSubmatch(what); r != nil {
		c := o.begun[thread]
		o.ends(c.text+r[1], c.line)
		return
	}
	o.begins(what)
	o.ends(what, o.line)
}

// begins notes a call of which the end may not be known.
func (o *observer) begins(what string) {
	name, rest, _ := strings.Cut(what, "(")
	f := onFile.FindStringSubmatch(rest)
	if f == nil || name != "write" && name != "pwrite64" {
		return
	}
	o.written[f[1]] = o.line
	if strings.HasPrefix(rest, "1<") && strings.Contains(rest, `"acknowledged `) {
		o.acknowledge()
	}
}

// ends notes a call that began in a line before, or in this one.
func (o *observer) ends(what string, began int) {
	c := called.FindStringSubmatch(what)
	if c == nil || strings.HasPrefix(c[3], "-") {
		return
	}
	name, arguments := c[1], c[2]
	switch name {
	case "fsync", "fdatasync":
		f := onFile.FindStringSubmatch(arguments)
		if f == nil {
			return
		}
		o.syncs++
		if o.written[f[1]] <= began {
			o.written[f[1]], o.synced[f[1]] = 0, true
		}
		for file := range o.made {
			if filepath.Dir(file) == f[1] && name == "fsync" {
				o.made[file] = false
			}
		}
	case "open", "openat", "creat", "mkdir", "mkdirat":
		f := named.FindStringSubmatch(arguments)
		if f == nil || !o.kept(f[1]) || !strings.Contains(arguments, "O_CREAT") && strings.HasPrefix(name, "open") {
			return
		}
		if _, ok := o.made[f[1]]; !ok {
			o.made[f[1]] = true
		}
	}
}

// kept reports whether a file has to outlive a crash.
func (o *observer) kept(name string) bool {
	return strings.HasPrefix(name, o.path) && !strings.HasSuffix(name, "-shm") && !strings.HasSuffix(name, "-journal")
}

func (o *observer) acknowledge() {
	o.acknowledged++
	wrong := func(format string, args ...any) {
		o.problems = append(o.problems, fmt.Sprintf("acknowledgement %d: %s", o.acknowledged, fmt.Sprintf(format, args...)))
	}
	for file, missing := range o.made {
		if missing {
			wrong("%s was made, and its directory was not synced", file)
		}
	}
	for file, line := range o.written {
		if line > 0 && o.kept(file) {
			wrong("%s was written, and not synced since", file)
		}
	}
	for name, is := range map[string]func(file string) bool{
		"the WAL":              func(file string) bool { return file == o.path+"-wal" },
		"a log of the witness": func(file string) bool { return filepath.Dir(file) == witnessDir(o.path) },
	} {
		found := false
		for file := range o.synced {
			found = found || is(file)
		}
		if !found {
			wrong("%s was not synced since the one before", name)
		}
	}
	clear(o.synced)
}

// The observer sees what is missing, so that it is no matter of luck whether a
// trace has it.
func TestObserverSeesWhatIsMissing(t *testing.T) {
	const good = `1 mkdir("/d/s.db.witness", 0777) = 0
1 openat(AT_FDCWD</>, "/d/s.db-wal", O_RDWR|O_CREAT, 0666) = 5</d/s.db-wal>
1 openat(AT_FDCWD</>, "/d/s.db.witness/0.log", O_RDWR|O_CREAT, 0666) = 6</d/s.db.witness/0.log>
1 fsync(3</d>) = 0
1 fsync(4</d/s.db.witness>) = 0
1 pwrite64(5</d/s.db-wal>, "x", 1, 0 <unfinished ...>
2 pwrite64(6</d/s.db.witness/0.log>, "x", 1, 0) = 1
1 <... pwrite64 resumed>) = 1
1 fsync(5</d/s.db-wal> <unfinished ...>
2 fdatasync(6</d/s.db.witness/0.log>) = 0
1 <... fsync resumed>) = 0
1 write(1<pipe:[7]>, "acknowledged 0\n", 15) = 15
`
	for _, c := range []struct{ name, old, new, want string }{
		{"nothing", "", "", ""},
		{"the directory", "1 fsync(3</d>) = 0\n", "", "/d/s.db.witness was made, and its directory was not synced"},
		{"the directory of the witness", "1 fsync(4</d/s.db.witness>) = 0\n", "", "0.log was made"},
		{"the end of the sync of the WAL", "1 <... fsync resumed>) = 0\n", "", "the WAL was not synced"},
		{"the success of the sync of the WAL", "fsync resumed>) = 0", "fsync resumed>) = -1 EIO", "s.db-wal was written, and not synced"},
		{"the sync of the witness", "2 fdatasync(6</d/s.db.witness/0.log>) = 0\n", "", "a log of the witness was not synced"},
		{"a sync of what came while the WAL was synced", "2 fdatasync", "2 pwrite64(5</d/s.db-wal>, \"y\", 1, 1) = 1\n2 fdatasync", "s.db-wal was written, and not synced"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s: the trace has no %q", c.name, c.old)
		}
		o := newObserver("/d/s.db")
		for line := range strings.Lines(strings.Replace(good, c.old, c.new, 1)) {
			o.see(strings.TrimSuffix(line, "\n"))
		}
		if got := strings.Join(o.problems, "\n"); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("without %s: %q; want %q", c.name, got, c.want)
		}
	}
}
