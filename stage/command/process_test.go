//go:build unix

package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/command"
	"github.com/penstock/penstock/stage/stagetest"
)

// patient is a grace that nothing here needs, but for zombies in a container
// whose first process does not reap them.
const patient = 20 * time.Second

var errUp = errors.New("its time is up")

func TestCommandKeepsThePromisesOfARunner(t *testing.T) {
	stagetest.Run(t, func(t testing.TB) stagetest.RunCase {
		c := command.Shell(`
			echo "built $PENSTOCK_PARAM_COMMIT" > "$PENSTOCK_FILES/image"
			echo '{"values":{"lines":1},"summary":"built"}' > "$PENSTOCK_OUTPUT"`)
		c.Files = []command.File{{Name: "image"}}
		c.Store = new(artifact.Memory)
		return stagetest.RunCase{Runner: c, Input: stage.Input{Run: "run-1", Key: "run-1/build", Params: map[string]string{"commit": "c0ffee"}}}
	})
}

func TestCommandKeepsNoAndCouldNotApart(t *testing.T) {
	dir := t.TempDir()
	notAProgram := filepath.Join(dir, "data")
	if err := os.WriteFile(notAProgram, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	unable := command.Shell("echo later; exit 75")
	unable.Unable = append(unable.Unable, 75)
	elsewhere := command.Shell("true")
	elsewhere.Dir = filepath.Join(dir, "missing")
	tests := []struct {
		name    string
		command command.Command
		want    string // of the error; "" means success
		no      bool   // a verdict
	}{
		{"success", command.Shell("true"), "", false},
		{"a verdict", command.Shell("echo 2 tests failed >&2; exit 3"), `command sh -euc "echo 2 tests failed >&2; exit 3": exit code 3:` + "\n2 tests failed", true},
		{"a verdict without a word", command.Shell("exit 1"), "exit code 1; it printed nothing", true},
		{"an exit code that says it could not be done", unable, "exit code 75, could not be done:\nlater", false},
		{"a program that is not there", command.Command{Argv: []string{filepath.Join(dir, "none")}}, "cannot start: ", false},
		{"a program that is nowhere in the path", command.Command{Argv: []string{"no-such-program-here"}}, "cannot start: ", false},
		{"a file that is no program", command.Command{Argv: []string{notAProgram}}, "cannot start: ", false},
		{"a directory that is not there", elsewhere, "cannot start: ", false},
		{"a program that the shell does not find", command.Shell("no-such-program-here"), "exit code 127, could not be done", false},
		{"a program that crashes", command.Shell("echo before; kill -SEGV $$"), "ended without a verdict: signal: segmentation fault", false},
		{"a program that somebody killed", command.Shell("kill -KILL $$"), "ended without a verdict: signal: killed; it printed nothing", false},
		{"a script of which a line fails", command.Shell("false\ntrue"), "exit code 1", true},
		{"a script with a variable that is not set", command.Shell(`echo "$NO_SUCH_VARIABLE_HERE"`), "NO_SUCH_VARIABLE_HERE", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.command.Run(t.Context(), stage.Input{})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Run = %v; want %q", err, tt.want)
			}
			if no := (*stage.Failure)(nil); errors.As(err, &no) != tt.no {
				t.Errorf("%v is a verdict: %v; want %v", err, !tt.no, tt.no)
			}
		})
	}
}

func TestCommandDoesNotStartWhenItsTimeIsUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errUp)
	mark := filepath.Join(t.TempDir(), "mark")
	_, err := command.Command{Argv: []string{"touch", mark}}.Run(ctx, stage.Input{})
	if _, statErr := os.Stat(mark); err == nil || !errors.Is(statErr, fs.ErrNotExist) {
		t.Errorf("Run = %v, and the mark: %v; want an error and no mark", err, statErr)
	}
}

// stopped runs a script until it has written its first line to the file
// named by $PENSTOCK_PARAM_READY, and stops it.
func stopped(t *testing.T, script string, grace time.Duration) (pids []int, err error) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	c := command.Shell(script)
	c.Grace = grace
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error)
	go func() {
		_, err := c.Run(ctx, stage.Input{Params: map[string]string{"ready": ready}})
		done <- err
	}()
	pids = readPIDs(t, ready)
	cancel(errUp)
	select {
	case err = <-done:
	case <-time.After(3 * time.Minute):
		t.Fatal("Run goes on for three minutes after its context is done")
	}
	return pids, err
}

// readPIDs waits for a line of numbers in a file.
func readPIDs(t *testing.T, path string) (pids []int) {
	t.Helper()
	eventually(t, "the script is ready", func() bool {
		b, _ := os.ReadFile(path)
		line, _, whole := strings.Cut(string(b), "\n")
		if !whole {
			return false
		}
		for _, f := range strings.Fields(line) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		return true
	})
	return pids
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(3 * time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("after three minutes it is still not so that %s", what)
		}
	}
}

// gone reports whether a process has ended; one that nobody waits for is a
// zombie, which has.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestStopTellsTheWholeTree(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script string
		grace  time.Duration
	}{
		{"one process", `echo $$ > "$PENSTOCK_PARAM_READY"; exec sleep 600`, patient},
		{"a child and a grandchild", `sh -c 'sleep 600 & echo $$ $! > "$PENSTOCK_PARAM_READY"; wait' & wait`, patient},
		{"a child that does not listen", `sh -c 'trap "" TERM; sleep 600 & echo $$ $! > "$PENSTOCK_PARAM_READY"; wait' & wait`, 50 * time.Millisecond},
		{"a program that does not listen", `trap "" TERM; sleep 600 & echo $$ $! > "$PENSTOCK_PARAM_READY"; while true; do wait; done`, 50 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pids, err := stopped(t, tt.script, tt.grace)
			if no := (*stage.Failure)(nil); !errors.Is(err, errUp) || errors.As(err, &no) {
				t.Errorf("Run = %v; want the cause of its context, and no verdict", err)
			}
			for _, pid := range pids {
				eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool { return gone(pid) })
			}
		})
	}
}

func TestStopLeavesTimeToCleanUp(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "clean")
	_, err := stopped(t, `
		sh -c 'trap "sleep 0.2; echo clean > '`+mark+`'; exit 0" TERM; echo $$ > "$PENSTOCK_PARAM_READY"; while true; do sleep 0.01; done' &
		wait`, patient)
	if b, _ := os.ReadFile(mark); string(b) != "clean\n" || !errors.Is(err, errUp) {
		t.Errorf("a child wrote %q, Run = %v; want it to clean up though its parent ended at once", b, err)
	}
}

func TestStopIsNoSuccessThoughTheProgramEndsWell(t *testing.T) {
	_, err := stopped(t, `trap "exit 0" TERM; echo $$ > "$PENSTOCK_PARAM_READY"; while true; do sleep 0.01; done`, patient)
	if !errors.Is(err, errUp) {
		t.Errorf("Run = %v; want the cause of its context: what ends when told to has not done its work", err)
	}
}

func TestWhatIsLeftBehindIsStopped(t *testing.T) {
	left := filepath.Join(t.TempDir(), "left")
	out, err := command.Shell(`sleep 600 & echo $! > "$PENSTOCK_PARAM_LEFT"; echo done`).Run(t.Context(), stage.Input{Params: map[string]string{"left": left}})
	if err != nil || out.Summary != "done" {
		t.Errorf("Run = %+v, %v; want success, for the program itself ended", out, err)
	}
	for _, pid := range readPIDs(t, left) {
		eventually(t, "what was left has ended", func() bool { return gone(pid) })
	}
}

func TestADaemonDoesNotHoldUpTheStage(t *testing.T) {
	daemon := filepath.Join(t.TempDir(), "daemon")
	c := command.Shell(`setsid sh -c 'echo $$ > "$PENSTOCK_PARAM_DAEMON"; exec sleep 600' & while [ ! -s "$PENSTOCK_PARAM_DAEMON" ]; do sleep 0.01; done; echo started`)
	done := make(chan error, 1)
	go func() {
		out, err := c.Run(t.Context(), stage.Input{Params: map[string]string{"daemon": daemon}})
		if out.Summary != "started" {
			err = fmt.Errorf("summary %q: %w", out.Summary, err)
		}
		done <- err
	}()
	pid := readPIDs(t, daemon)[0]
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run = %v; want success", err)
		}
	case <-time.After(3 * time.Minute):
		t.Error("Run waits for a daemon that holds its pipe")
	}
	if gone(pid) {
		t.Error("the daemon has ended; want it left alone, for it left the group on purpose")
	}
}

func TestCommandReadsItsInput(t *testing.T) {
	c := command.Shell(`cat; echo; [ ! -t 0 ]`)
	c.Stdin = "what it reads"
	if out, err := c.Run(t.Context(), stage.Input{}); err != nil || out.Summary != c.Stdin {
		t.Errorf("Run = %+v, %v; want what it read back", out, err)
	}
	c.Stdin = ""
	if out, err := c.Run(t.Context(), stage.Input{}); err != nil || out.Summary != "" {
		t.Errorf("Run = %+v, %v; want an end of input at once", out, err)
	}
	c = command.Shell(`echo did not look`)
	c.Stdin = strings.Repeat("x", 1<<20)
	if out, err := c.Run(t.Context(), stage.Input{}); err != nil || out.Summary != "did not look" {
		t.Errorf("Run = %+v, %v; want success without a look at a megabyte", out, err)
	}
}

func TestCommandHasTheEnvironmentItShould(t *testing.T) {
	t.Setenv("OUTER", "outer")
	t.Setenv("PENSTOCK_PARAM_OUTER", "outer")
	t.Setenv("TRACESTATE", "outer=1")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	member, err := baggage.NewMember("release", "v2")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx := baggage.ContextWithBaggage(trace.ContextWithSpanContext(t.Context(), span), bag)
	c := command.Command{
		Argv:    []string{"sh", "-c", `echo "$OUTER|$MINE|${#TOKEN}|$PENSTOCK_PARAM_OUTER|$PENSTOCK_KEY|$TRACEPARENT|$TRACESTATE|$BAGGAGE"`},
		Env:     []string{"MINE=mine"},
		Secrets: map[string]string{"TOKEN": "registry-token"},
	}
	in := stage.Input{Key: "run-1/x", Secrets: func(_ context.Context, name string) (string, error) { return "the " + name, nil }}

	out, err := c.Run(ctx, in)
	if want := "outer|mine|18||run-1/x|00-01000000000000000000000000000000-0200000000000000-01||release=v2"; err != nil || out.Summary != want {
		t.Errorf("environment %q, %v; want %q", out.Summary, err, want)
	}
	c.Clean = true
	out, err = c.Run(t.Context(), in)
	if want := "|mine|18||run-1/x|||"; err != nil || out.Summary != want {
		t.Errorf("clean environment %q, %v; want %q", out.Summary, err, want)
	}
	in.Secrets = nil
	if _, err = c.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), `secret "registry-token"`) {
		t.Errorf("Run without a resolver = %v; want an error that names the secret", err)
	}
}

func TestCommandTakesAndMakesArtifacts(t *testing.T) {
	store := new(artifact.Memory)
	source, err := store.Put(t.Context(), artifact.Artifact{Name: "source"}, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	c := command.Command{
		Argv:  []string{"sh", "-euc", `tr a-z A-Z < "$PENSTOCK_ARTIFACT_SOURCE_FILE" > "$1"; echo '{"values":{"n":5},"summary":"5 letters"}' > "$2"`, "-", "$PENSTOCK_FILES/out", "$PENSTOCK_OUTPUT"},
		Fetch: []string{"source"},
		Files: []command.File{{Name: "image", Path: "out", MediaType: "text/plain"}},
		Store: store,
	}
	in := stage.Input{Artifacts: artifact.Set{"source": source}}
	out, err := c.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	image := out.Artifacts[0]
	r, err := store.Open(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "HELLO" || err != nil || image.Name != "image" || image.MediaType != "text/plain" || image.Size != 5 {
		t.Errorf("made %+v of %q, %v; want an image of HELLO", image, b, err)
	}
	if raw, _ := json.Marshal(out.Values); string(raw) != `{"n":5}` || out.Summary != "5 letters" {
		t.Errorf("values %s, summary %q; want what the program wrote", raw, out.Summary)
	}
}

// A liar is a store whose content is not what it says.
type liar struct{ artifact.Store }

func (liar) Open(context.Context, artifact.Artifact) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("tampered")), nil
}

func TestCommandTrustsNoArtifactItDidNotVerify(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	source := artifact.Artifact{Name: "source", Digest: artifact.DigestBytes([]byte("hello"))}
	c := command.Command{Argv: []string{"touch", mark}, Fetch: []string{"source"}, Store: liar{}}
	_, err := c.Run(t.Context(), stage.Input{Artifacts: artifact.Set{"source": source}})
	if !errors.Is(err, artifact.ErrMismatch) {
		t.Errorf("Run = %v; want ErrMismatch, so that what was approved is what is used (I11)", err)
	}
	if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the program ran with content that nobody approved")
	}
	if _, err := c.Run(t.Context(), stage.Input{}); err == nil || !strings.Contains(err.Error(), "list it in the step's Consumes") {
		t.Errorf("Run without the artifact = %v; want an error that says what to do", err)
	}
}

func TestCommandRefusesWhatIsNoFileOfItsOwn(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"nothing", `true`, "made no file $PENSTOCK_FILES/image"},
		{"a directory", `mkdir "$PENSTOCK_FILES/image"`, "want a regular file"},
		{"a pipe, which nobody writes", `mkfifo "$PENSTOCK_FILES/image"`, "want a regular file"},
		{"a link to elsewhere", `ln -s /etc/hostname "$PENSTOCK_FILES/image"`, "escapes"},
		{"a result that is a pipe", `echo x > "$PENSTOCK_FILES/image"; mkfifo "$PENSTOCK_OUTPUT"`, "want a regular file"},
		{"a result that is no JSON", `echo x > "$PENSTOCK_FILES/image"; echo x > "$PENSTOCK_OUTPUT"`, "reading $PENSTOCK_OUTPUT: invalid character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := command.Shell(tt.script)
			c.Files, c.Store = []command.File{{Name: "image"}}, new(artifact.Memory)
			_, err := c.Run(t.Context(), stage.Input{})
			if no := (*stage.Failure)(nil); err == nil || !strings.Contains(err.Error(), tt.want) || errors.As(err, &no) {
				t.Errorf("Run = %v; want a plain error with %q", err, tt.want)
			}
		})
	}
}

func TestCommandLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, script := range []string{"true", "false", `echo x > "$PENSTOCK_FILES/x"`} {
		command.Shell(script).Run(t.Context(), stage.Input{})
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left %v, %v; want nothing", left, err)
	}
}

func TestCommandPrintsWithoutEnd(t *testing.T) {
	_, err := command.Shell(`i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done; printf '\377'; exit 1`).Run(t.Context(), stage.Input{})
	if err == nil || len(err.Error()) > 8<<10 || !strings.HasSuffix(err.Error(), "line 19999\n\uFFFD") {
		t.Errorf("error of %d bytes; want the end of the output, in at most 8 KiB of UTF-8 (R10)", len(fmt.Sprint(err)))
	}
}
