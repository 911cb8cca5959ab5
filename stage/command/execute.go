package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/stage"
)

// glance is the time between two looks at what is left of the tree.
const glance = 10 * time.Millisecond

// execute runs the program to its end, and that of its tree.
func (c Command) execute(ctx context.Context, log *slog.Logger, env []string, d desk, hidden *mask.Mask) (*printed, error) {
	said := &printed{log: log}
	stdin, err := d.input(c.Stdin)
	if err != nil {
		return said, err
	}
	defer stdin.Close()
	out, w, err := os.Pipe()
	if err != nil {
		return said, err
	}
	defer out.Close()

	// Files, not writers: Wait then waits for the program alone.
	cmd := exec.CommandContext(ctx, c.Argv[0], d.expand(c.Argv[1:])...)
	cmd.Dir, cmd.Env = c.Dir, env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, w, w
	grace := cmp.Or(c.Grace, 5*time.Second)
	cmd.WaitDelay = grace
	t, err := plant(cmd)
	if err != nil {
		w.Close()
		return said, err
	}
	defer t.close()
	var deadline time.Time // when what is left is killed; zero before it was told to end
	cmd.Cancel = func() error {
		deadline = time.Now().Add(grace)
		return t.tellToEnd()
	}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return said, fmt.Errorf("cannot start: %w", err)
	}
	in, read := &tap{from: out}, make(chan struct{})
	go func() {
		defer close(read)
		w := mask.Writer{To: said, Mask: hidden} // before lines are broken and cut (J8)
		io.Copy(&w, in)
		w.Flush()
		said.finish()
	}()
	strayed := t.adopt()
	if strayed != nil {
		cmd.Process.Kill() // rather than run what cannot be stopped
	}
	err = cmp.Or(strayed, cmd.Wait())
	if deadline.IsZero() {
		deadline = time.Now().Add(grace)
		t.tellToEnd()
	}
	for t.alive() { // a zombie is, until the first process of the container reaps it
		if !time.Now().Before(deadline) {
			t.kill()
			break
		}
		time.Sleep(glance)
	}
	in.drain(read)
	out.Close()
	<-read
	return said, c.verdict(ctx, err, said)
}

// expand puts paths into arguments, for programs that no shell starts.
func (d desk) expand(args []string) []string {
	r := strings.NewReplacer("$PENSTOCK_FILES", d.files(), "$PENSTOCK_OUTPUT", d.output())
	expanded := slices.Clone(args)
	for i := range expanded {
		expanded[i] = r.Replace(expanded[i])
	}
	return expanded
}

// verdict says what the end of the program means. Only an exit code of its own,
// given in its own time, is a verdict.
func (c Command) verdict(ctx context.Context, err error, said *printed) error {
	if err == nil {
		return nil
	}
	text := "; it printed nothing"
	if tail := said.tail(); tail != "" {
		text = ":\n" + tail
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %w%s", context.Cause(ctx), text)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		return fmt.Errorf("ended without a verdict: %w%s", err, text)
	}
	if slices.Contains(c.Unable, exit.ExitCode()) {
		return fmt.Errorf("exit code %d, could not be done%s", exit.ExitCode(), text)
	}
	return stage.Failf("exit code %d%s", exit.ExitCode(), text)
}
