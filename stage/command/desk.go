package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// maxOutput is the most bytes that the file PENSTOCK_OUTPUT may have.
const maxOutput = 1 << 20

// A desk is a new directory for one call, so that nothing an earlier one left
// is taken for what this one made.
type desk struct {
	dir     string
	fetched map[string]string // paths by artifact
}

func newDesk() (desk, error) {
	dir, err := os.MkdirTemp("", "penstock-")
	if err != nil {
		return desk{}, err
	}
	d := desk{dir, map[string]string{}}
	if err := os.Mkdir(d.files(), 0o700); err != nil {
		d.clear()
		return desk{}, err
	}
	return d, nil
}

// clear removes what it can. What a daemon still holds is left to the system.
func (d desk) clear() { os.RemoveAll(d.dir) }

func (d desk) files() string  { return filepath.Join(d.dir, "files") }
func (d desk) output() string { return filepath.Join(d.dir, "output.json") }

// input returns a file to read text from. Unlike a pipe it needs nobody to
// write, and no program has to read it to its end.
func (d desk) input(text string) (*os.File, error) {
	if text == "" {
		return os.Open(os.DevNull)
	}
	path := filepath.Join(d.dir, "input")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// fetch puts the content of artifacts into files, and verifies it meanwhile
// (I11).
func (d desk) fetch(ctx context.Context, from artifact.Store, names []string, consumed artifact.Set) error {
	for _, name := range names {
		a, ok := consumed[name]
		if !ok {
			return fmt.Errorf("no artifact %q to fetch; list it in the step's Consumes", name)
		}
		if err := d.fetchOne(ctx, from, a); err != nil {
			return fmt.Errorf("fetching %v: %w", a, err)
		}
	}
	return nil
}

func (d desk) fetchOne(ctx context.Context, from artifact.Store, a artifact.Artifact) error {
	if err := a.Check(); err != nil {
		return err
	}
	content, err := from.Open(ctx, a)
	if err != nil {
		return err
	}
	defer content.Close()
	dir := filepath.Join(d.dir, "artifacts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, a.Name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
	if err != nil {
		return err
	}
	_, err = artifact.Copy(ctx, f, content, a)
	d.fetched[a.Name] = path
	return errors.Join(err, f.Close())
}

// keep puts files that the program made into the store.
func (d desk) keep(ctx context.Context, to artifact.Store, files []File) ([]artifact.Artifact, error) {
	var kept []artifact.Artifact
	for _, f := range files {
		a, err := d.keepOne(ctx, to, f)
		if err != nil {
			return nil, fmt.Errorf("keeping artifact %q: %w", f.Name, err)
		}
		kept = append(kept, a)
	}
	return kept, nil
}

func (d desk) keepOne(ctx context.Context, to artifact.Store, f File) (artifact.Artifact, error) {
	root, err := os.OpenRoot(d.files()) // no link leads out of it
	if err != nil {
		return artifact.Artifact{}, err
	}
	defer root.Close()
	content, err := openRegular(root, f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return artifact.Artifact{}, fmt.Errorf("the program ended well, but made no file $PENSTOCK_FILES/%s: %w", f.path(), fs.ErrNotExist)
	}
	if err != nil {
		return artifact.Artifact{}, err
	}
	defer content.Close()
	return to.Put(ctx, f.artifact(), content)
}

// openRegular opens a file, and nothing that would wait for somebody to write.
func openRegular(root *os.Root, path string) (*os.File, error) {
	info, err := root.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is a %v; want a regular file", path, info.Mode().Type())
	}
	return root.Open(path)
}

// read returns what the program wrote to the file PENSTOCK_OUTPUT, if anything.
func (d desk) read() (stage.Output, error) {
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return stage.Output{}, err
	}
	defer root.Close()
	f, err := openRegular(root, filepath.Base(d.output()))
	if errors.Is(err, fs.ErrNotExist) {
		return stage.Output{}, nil
	}
	if err != nil {
		return stage.Output{}, fmt.Errorf("reading $PENSTOCK_OUTPUT: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxOutput+1))
	if err != nil {
		return stage.Output{}, fmt.Errorf("reading $PENSTOCK_OUTPUT: %w", err)
	}
	out, err := parse(b)
	if err != nil {
		return stage.Output{}, fmt.Errorf("reading $PENSTOCK_OUTPUT: %w", err)
	}
	return out, nil
}

// parse reads the result of a program. Text of white space alone is none.
func parse(b []byte) (stage.Output, error) {
	if len(b) > maxOutput {
		return stage.Output{}, fmt.Errorf("more than %d bytes", maxOutput)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return stage.Output{}, nil
	}
	var result struct {
		Summary   string                     `json:"summary"`
		Values    map[string]json.RawMessage `json:"values"`
		Artifacts []artifact.Artifact        `json:"artifacts"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&result); err != nil {
		return stage.Output{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return stage.Output{}, errors.New("more than one JSON value")
	}
	out := stage.Output{Summary: strings.TrimSpace(readable(result.Summary)), Artifacts: result.Artifacts}
	for _, a := range out.Artifacts {
		if err := (artifact.Set{a.Name: a}).Check(); err != nil {
			return stage.Output{}, err
		}
	}
	for name, v := range result.Values {
		if len(v) > stage.MaxState {
			return stage.Output{}, fmt.Errorf("value %q has %d bytes; want at most %d", name, len(v), stage.MaxState)
		}
		if out.Values == nil {
			out.Values = map[string]any{}
		}
		out.Values[name] = v
	}
	return out, nil
}
