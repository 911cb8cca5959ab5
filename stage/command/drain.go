package command

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// silence is how long nothing may come any more when all of the tree has
	// ended: it is what a process that left the tree may hold up the stage.
	silence = time.Second

	// rest is the most that a tree which has ended may have left to be read: what
	// a pipe holds, by pipe(7), and one buffer of io.Copy.
	rest = 64<<10 + 32<<10
)

// A tap reads what a program prints, and counts.
type tap struct {
	from  io.Reader
	reads atomic.Bool // waits for the program now
	total atomic.Int64
}

// Read implements [io.Reader].
func (t *tap) Read(p []byte) (int, error) {
	t.reads.Store(true)
	n, err := t.from.Read(p)
	t.reads.Store(false)
	t.total.Add(int64(n))
	return n, err
}

// drain returns when all is read that a tree which has ended left behind: at the end
// of the output, which closes done, or, if a process that left the tree keeps it
// open, when nothing comes or more than the tree can have printed. Who reads may
// take its time, and this process may stand still.
func (t *tap) drain(done <-chan struct{}) {
	begun := t.total.Load()
	for silent, last := time.Duration(0), begun; silent < silence; silent += glance {
		select {
		case <-done:
			return
		case <-time.After(glance):
		}
		total := t.total.Load()
		if total-begun > rest {
			return
		}
		if total != last || !t.reads.Load() {
			silent, last = 0, total
		}
	}
}
