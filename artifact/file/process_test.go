package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/leaktest"
)

// The tests in this file start other processes, which are this program in a
// role. The arguments of a role come in the environment.
const (
	roleKey = "PENSTOCK_FILE_TEST_ROLE"
	dirKey  = "PENSTOCK_FILE_TEST_DIR"
	nameKey = "PENSTOCK_FILE_TEST_NAME"
)

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(roleKey)]
	if !ok {
		leaktest.Main(m)
	}
	s, err := Open(context.Background(), os.Getenv(dirKey))
	if err == nil {
		err = errors.Join(role(s, os.Getenv(nameKey)), s.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// roles print a line for each thing done.
var roles = map[string]func(s *Store, name string) error{
	// half puts the content "half and half", and waits for the end of the
	// standard input in the middle of it.
	"half": func(s *Store, name string) error {
		r := io.MultiReader(strings.NewReader("half and"), waiting{}, strings.NewReader(" half"))
		_, err := s.Put(context.Background(), artifact.Artifact{Name: name}, r)
		fmt.Println("put")
		return err
	},
	// many puts contents until it is killed, or perProcess of them: some of
	// its own, some that others put too. It prints their digests.
	"many": func(s *Store, name string) error {
		for i := range perProcess {
			a := artifact.Artifact{Name: name + "-" + strconv.Itoa(i)}
			content := a.Name
			if i%4 == 0 {
				a.Name, content = "shared-"+strconv.Itoa(i), "shared "+strconv.Itoa(i)
			}
			a, err := s.Put(context.Background(), a, strings.NewReader(content))
			if err != nil {
				return err
			}
			fmt.Println(a.Digest)
		}
		return nil
	},
	// lock holds the lock until the standard input ends.
	"lock": func(s *Store, _ string) error {
		unlock, err := s.lock(context.Background())
		if err != nil {
			return err
		}
		defer unlock()
		fmt.Println("locked")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	},
}

const perProcess = 16

// waiting is an empty reader that says so and waits for the end of the standard
// input.
type waiting struct{}

func (waiting) Read([]byte) (int, error) {
	fmt.Println("waiting")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// A process is one that was started in a role.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// start starts a process. It is killed when the test ends, if it lives.
func start(t *testing.T, dir, role, name string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(exe)}
	p.cmd.Env = append(os.Environ(), roleKey+"="+role, dirKey+"="+dir, nameKey+"="+name)
	p.cmd.Stderr = os.Stderr
	stdin, errIn := p.cmd.StdinPipe()
	stdout, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, p.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p.stdin, p.lines = stdin, bufio.NewScanner(stdout)
	t.Cleanup(func() { p.kill() })
	return p
}

// line returns the next line that p prints.
func (p *process) line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("the process ended early: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// rest returns all lines that p prints from now on.
func (p *process) rest() (lines []string) {
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	return lines
}

// kill ends p as kill -9 does, and returns what it had printed.
func (p *process) kill() []string {
	p.cmd.Process.Kill()
	defer p.cmd.Wait()
	return p.rest()
}

// end waits until p has ended by itself.
func (p *process) end() {
	p.t.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the process ended with %v", err)
	}
}

// leftovers returns the names of files that are being written, or were.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".penstock", "put-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var halfAndHalf = artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte("half and half"))}

func TestKilledInTheMiddleOfPut(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "half", "image")
	p.line() // it waits
	s := open(t, dir)
	if n := len(leftovers(t, dir)); n != 1 {
		t.Errorf("while another process puts, opening the directory leaves %d files of it; want 1: it lives", n)
	}
	p.kill()
	if got, err := get(t, s, halfAndHalf); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after a crash there is %q, %v; want fs.ErrNotExist", got, err)
	}
	if n := len(leftovers(t, dir)); n != 1 {
		t.Errorf("the killed process has left %d files; want 1, or this test shows nothing", n)
	}
	s = open(t, dir)
	if names := leftovers(t, dir); len(names) != 0 {
		t.Errorf("opening the directory leaves %q of the dead process; want nothing", names)
	}
	if got := audit(t, dir); len(got) != 0 {
		t.Errorf("index.json lists %q; want nothing", got)
	}
	put(t, s, "image", "half and half")
	if got, err := get(t, s, halfAndHalf); got != "half and half" || err != nil {
		t.Errorf("putting it again gives %q, %v; want all of it", got, err)
	}
}

func TestSweepLeavesThoseThatLive(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "half", "image")
	p.line() // it waits
	for range 3 {
		open(t, dir)
	}
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	p.line() // it has put
	p.end()
	if got, err := get(t, open(t, dir), halfAndHalf); got != "half and half" || err != nil {
		t.Errorf("there is %q, %v; want what the other process put, though the directory was opened meanwhile", got, err)
	}
}

// TestKilledAnywhere kills a process that puts, after one Put, after two, and so
// on: somewhere in the one that follows.
func TestKilledAnywhere(t *testing.T) {
	for n := range perProcess {
		dir := t.TempDir()
		p := start(t, dir, "many", "a")
		var acknowledged []string
		for range n {
			acknowledged = append(acknowledged, p.line())
		}
		acknowledged = append(acknowledged, p.kill()...)
		s := open(t, dir)
		if names := leftovers(t, dir); len(names) != 0 {
			t.Errorf("after %d Puts and a crash there is %q; want it swept", n, names)
		}
		for _, text := range acknowledged {
			d, err := artifact.ParseDigest(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := get(t, s, artifact.Artifact{Name: "a", Digest: d}); err != nil {
				t.Errorf("after %d Puts and a crash: %v; want the content, whose Put has returned", n, err)
			}
		}
		if listed := audit(t, dir); len(listed) < len(acknowledged) {
			t.Errorf("after %d Puts and a crash index.json lists %q; want at least the %d that have returned", n, listed, len(acknowledged))
		}
	}
}

func TestProcessesShareADirectory(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c", "d"}
	var all []*process
	for _, name := range names {
		all = append(all, start(t, dir, "many", name))
	}
	s := open(t, dir)
	for _, p := range all {
		for _, text := range p.rest() {
			d, err := artifact.ParseDigest(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := get(t, s, artifact.Artifact{Name: "any", Digest: d}); err != nil {
				t.Errorf("what a process put cannot be read by another: %v", err)
			}
		}
		p.end()
	}
	var want, got []string
	for i := range perProcess {
		if i%4 == 0 {
			want = append(want, "shared-"+strconv.Itoa(i))
			continue
		}
		for _, name := range names {
			want = append(want, name+"-"+strconv.Itoa(i))
		}
	}
	for _, listed := range audit(t, dir) {
		got = append(got, listed[0])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("index.json lists %d names: %q; want %d: %q", len(got), got, len(want), want)
	}
	if names := leftovers(t, dir); len(names) != 0 {
		t.Errorf("there are leftovers %q; want none, since nobody died", names)
	}
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	p := start(t, dir, "lock", "")
	p.line() // it is locked

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Put(ctx, artifact.Artifact{Name: "image"}, strings.NewReader("content")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put while another process has the lock = %v; want to wait for it until the context is done", err)
	}
	if _, err := Open(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open while another process has the lock = %v; want to wait for it until the context is done", err)
	}

	done := make(chan error, 1)
	go func() {
		_, err := s.Put(t.Context(), artifact.Artifact{Name: "image"}, strings.NewReader("content"))
		done <- err
	}()
	p.kill()
	if err := <-done; err != nil {
		t.Errorf("Put after the other process was killed = %v; want nil: the lock of a dead process is free", err)
	}
	if got := audit(t, dir); len(got) != 1 {
		t.Errorf("index.json lists %q; want what was put", got)
	}
}

func TestLockOfAnotherGoroutine(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	unlock, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	for _, s := range []*Store{s, other} {
		if _, err := s.lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("lock while a goroutine has it = %v; want to wait until the context is done", err)
		}
	}
	unlock()
	for _, s := range []*Store{s, other} {
		unlock, err := s.lock(t.Context())
		if err != nil {
			t.Fatalf("lock after it was given back = %v; want nil", err)
		}
		unlock()
	}
}
