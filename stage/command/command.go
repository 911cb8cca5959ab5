package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/stage"
)

// A Command is a stage that runs a program.
//
// Argv and Dir are shown in drawings and errors: put no secret there. Paths of
// the program's own files (see the package documentation) may be written in
// Argv as $PENSTOCK_FILES and $PENSTOCK_OUTPUT; nothing else in it is replaced.
type Command struct {
	Argv    []string          // the program and its arguments; no shell reads them
	Dir     string            // where it runs; "" means the directory of this process
	Env     []string          // "NAME=value" each; they replace what the program inherits
	Clean   bool              // inherit nothing of the environment of this process
	Secrets map[string]string // names of secrets, by the environment variable that gets the value; see [stage.Input.Secret]
	Stdin   string            // what the program reads; "" means nothing
	Unable  []int             // exit codes that say that the work could not be done; any other but 0 is a verdict
	Grace   time.Duration     // from being told to end to being killed; 0 means 5 s; keep it shorter than that of the executor
	Fetch   []string          // names of consumed artifacts to put into files
	Files   []File            // what the program makes
	Store   artifact.Store    // of Fetch and Files; nil only without them
}

// A File is an artifact that the program makes.
type File struct {
	Name      string // of the artifact
	Path      string // below the directory $PENSTOCK_FILES, with slashes; "" means Name
	MediaType string // of the artifact; may be empty
}

// Shell returns a Command that has a POSIX shell read the script. The script
// ends at the first command that fails, and at a variable that is not set. That
// the shell finds no such command (exit codes 126 and 127) is no verdict.
//
// The script is a constant of the program. What comes from elsewhere reaches it
// in variables, which a shell does not read as code: "$PENSTOCK_PARAM_REF".
func Shell(script string) Command {
	return Command{Argv: []string{"sh", "-euc", script}, Unable: []int{126, 127}}
}

// Check reports all mistakes in c. It does not look for the program, which may
// not be there before the stage runs.
func (c Command) Check() error {
	var errs []error
	which := strings.TrimSpace(fmt.Sprintf("command %.100s", c))
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", which, fmt.Errorf(format, args...)))
	}
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		refuse("no program; want its name first in Argv")
	}
	for _, s := range slices.Concat(c.Argv, c.Env, []string{c.Dir}) {
		if strings.ContainsRune(s, 0) {
			refuse("%.40q has a NUL byte", s)
		}
	}
	for _, kv := range c.Env {
		name, _, ok := strings.Cut(kv, "=")
		if err := checkVariable(name); !ok || err != nil {
			refuse("variable %.40q: %w", kv, cmp.Or(err, errors.New("want a form like NAME=value")))
		}
	}
	for name, secret := range c.Secrets {
		if err := checkVariable(name); err != nil {
			refuse("variable %.40q for secret %q: %w", name, secret, err)
		}
	}
	for _, code := range c.Unable {
		if code <= 0 {
			refuse("exit code %d in Unable; want more than 0", code)
		}
	}
	if c.Grace < 0 {
		refuse("grace of %v; want 0 or more", c.Grace)
	}
	if c.Store == nil && len(c.Fetch)+len(c.Files) > 0 {
		refuse("no Store for its artifacts")
	}
	made := map[string]bool{}
	for _, f := range c.Files {
		if err := f.check(); err != nil {
			refuse("%w", err)
		}
		if made[f.Name] {
			refuse("artifact %q twice in Files; want a name for each", f.Name)
		}
		made[f.Name] = true
	}
	return errors.Join(errs...)
}

func (f File) check() error {
	if p := filepath.FromSlash(f.path()); !filepath.IsLocal(p) || filepath.Clean(p) == "." {
		return fmt.Errorf("path %q of artifact %q; want one below $PENSTOCK_FILES", f.Path, f.Name)
	}
	return f.artifact().Check()
}

func (f File) path() string { return cmp.Or(f.Path, f.Name) }

func (f File) artifact() artifact.Artifact {
	return artifact.Artifact{Name: f.Name, MediaType: f.MediaType}
}

// Describe says what c runs.
func (c Command) Describe() string {
	if c.Dir == "" {
		return "run " + c.String()
	}
	return "run " + c.String() + " in " + quote(c.Dir)
}

// String returns the arguments in one line, in quotes where they need them.
func (c Command) String() string {
	words := make([]string, len(c.Argv))
	for i, arg := range c.Argv {
		words[i] = quote(arg)
	}
	return strings.Join(words, " ")
}

func quote(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:=@%+,$", r)
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// Run implements [stage.Runner].
func (c Command) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	if err := c.Check(); err != nil {
		return stage.Output{}, err
	}
	out, err := c.run(ctx, in)
	if err != nil {
		return stage.Output{}, fmt.Errorf("command %.100s: %w", c, err)
	}
	return out, nil
}

func (c Command) run(ctx context.Context, in stage.Input) (stage.Output, error) {
	d, err := newDesk()
	if err != nil {
		return stage.Output{}, err
	}
	defer d.clear()
	if err := d.fetch(ctx, c.Store, c.Fetch, in.Artifacts); err != nil {
		return stage.Output{}, err
	}
	hidden := new(mask.Mask)
	env, err := c.environ(ctx, in, d, hidden)
	if err != nil {
		return stage.Output{}, err
	}
	said, err := c.execute(ctx, in.Log(), env, d, hidden)
	if err != nil {
		return stage.Output{}, err
	}
	out, err := d.read()
	if err != nil {
		return stage.Output{}, err
	}
	out.Summary = cmp.Or(out.Summary, said.last())
	kept, err := d.keep(ctx, c.Store, c.Files)
	if err != nil {
		return stage.Output{}, err
	}
	out.Artifacts = append(out.Artifacts, kept...)
	return out, nil
}
