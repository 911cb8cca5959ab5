//go:build unix

package killtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/stage"
)

// A files is a ledger in a directory that processes share.
type files struct{ dir string }

func (f files) path(book string) string { return filepath.Join(f.dir, book+".ledger") }

// add appends a line in one write and syncs it. A process that is killed may
// leave part of a line; the newline before each sets it apart.
func (f files) add(book string, l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.path(book), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	_, err = file.Write(append(append([]byte("\n"), b...), '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

func (f files) read(book string) (lines []line, err error) {
	b, err := os.ReadFile(f.path(book))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for text := range bytes.Lines(b) {
		var l line
		if json.Unmarshal(text, &l) == nil { // else a process was killed there
			lines = append(lines, l)
		}
	}
	return lines, err
}

// doors are those of environments, through which hooks of one process at a time
// may go.
type doors struct {
	p *platform

	mu   sync.Mutex
	open map[string]*door
}

type door struct {
	file  *os.File
	hooks int // of this process that are inside
}

// enter lets a hook into its environment, and accuses it if another process was
// there that lives: one that was killed is out, but did not say so.
func (d *doors) enter(in stage.Input) (leave func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.open[in.Environment.Name]
	if o == nil {
		file, err := d.unlock(in)
		if err != nil {
			return nil, err
		}
		o = &door{file: file}
		d.open[in.Environment.Name] = o
	}
	o.hooks++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if o.hooks--; o.hooks > 0 {
			return
		}
		if err := errors.Join(say(o.file, "out "+d.p.process), o.file.Close()); err != nil {
			d.p.accuse(in, err.Error())
		}
		delete(d.open, in.Environment.Name)
	}, nil
}

func (d *doors) unlock(in stage.Input) (file *os.File, err error) {
	path := filepath.Join(d.p.ledger.(files).dir, in.Environment.Name+".door")
	if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	waited := false
	for syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		waited = true
		time.Sleep(time.Millisecond)
	}
	said, err := io.ReadAll(file)
	if other, out := strings.CutPrefix(string(said), "out "); waited && out {
		d.p.accuse(in, "was in "+in.Environment.Name+" together with process "+other)
	}
	if err := errors.Join(err, say(file, "in "+d.p.process)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func say(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return errors.Join(err, file.Truncate(int64(len(text))))
}
