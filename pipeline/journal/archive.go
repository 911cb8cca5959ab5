package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/artifact"
)

// An Archiver is a [Store] that can forget what is kept elsewhere (J9). What it
// keeps of it is enough to verify the rest, and the archive.
type Archiver interface {
	// Archive appends e, of kind [Archived], to a journal of the given length
	// and forgets all events before it, in one step. Events returns e if it
	// is read from there, and an [ArchivedError] if it is read from before;
	// Append at its length is an error for which errors.Is(err,
	// [ErrArchived]).
	//
	// Seen are other journals, from which the caller knows that nothing needs
	// this one. If one of them, or this one, is of another length in that
	// step, it is an error for which errors.Is(err, [ErrConflict]): read,
	// decide again. A journal of which the events are not as many as e says,
	// or not as [Archival.Check] wants them, is [ErrInput]. Nothing is
	// forgotten then. After any other error it is not known whether it is.
	Archive(ctx context.Context, journal string, length int, e Event, seen ...Seen) error
}

// A Seen says how long a journal was when somebody looked at it.
type Seen struct {
	Journal string
	Length  int // 0 if it was never appended to
}

// An ArchivedError says that events are not in the store any more, and where they
// are. It is an error for which errors.Is(err, [ErrArchived]).
type ArchivedError struct {
	Journal string
	Time    time.Time // when it was archived
	By      string    // who had it done
	Archival
}

// NewArchivedError returns the error of a journal that was archived with e.
func NewArchivedError(journal string, e *Event) error {
	a, ok := e.Data.(*Archival)
	if !ok {
		return fmt.Errorf("%q has an event of kind %q with data of type %T, want that of one archived: %w", journal, e.Kind, e.Data, ErrCorrupt)
	}
	return &ArchivedError{Journal: journal, Time: e.Time, By: e.By, Archival: *a}
}

func (e *ArchivedError) Error() string {
	where := ""
	if e.Place != "" {
		where = " to " + e.Place
	}
	return fmt.Sprintf("%v: %q, of %d events, on %v%s", ErrArchived, e.Journal, e.Events, e.Time.UTC().Format(time.DateOnly), where)
}

func (e *ArchivedError) Unwrap() error { return ErrArchived }

// An archive is text: for each journal an empty line, which ends what a crash may
// have left, a line with its name, its events, one on a line, and a line that says
// how many there are and their digest.
type (
	opening struct {
		Journal string `json:"journal"`
	}
	closing struct {
		Events int             `json:"events"`
		Digest artifact.Digest `json:"digest"`
	}
)

// maxLine is how long a line of an archive can be, in bytes.
const maxLine = 64 << 20

// MarshalArchive returns a journal, from its first event on, in the form in which
// it is archived, and what is left of it: how many events there are, the digest of
// its name and its events, and their fence. Texts of several journals may follow each
// other in one file, also after half a text, as a crash leaves it.
//
// A name that is not UTF-8, which the text cannot hold, is an error for which
// errors.Is(err, [ErrInput]), and so is an event of more than 64 MiB.
func MarshalArchive(journal string, events []Event) (text []byte, left Archival, err error) {
	var b bytes.Buffer
	add := func(line []byte, err error) error {
		if err == nil && len(line) > maxLine {
			err = fmt.Errorf("%d bytes, want at most %d: %w", len(line), maxLine, ErrInput)
		}
		b.Write(line)
		b.WriteByte('\n')
		return err
	}
	b.WriteByte('\n')
	if !utf8.ValidString(journal) {
		err = fmt.Errorf("name that is not UTF-8: %w", ErrInput)
	} else {
		err = add(json.Marshal(opening{journal}))
	}
	if err == nil {
		left, err = leave(journal, events, add)
	}
	if err == nil {
		err = add(json.Marshal(closing{left.Events, left.Digest}))
	}
	if err != nil {
		return nil, Archival{}, fmt.Errorf("journal: archive of %q: %w", journal, err)
	}
	return b.Bytes(), left, nil
}

// leave returns what is left of a journal, and gives add the line of each event.
func leave(journal string, events []Event, add func(line []byte, err error) error) (Archival, error) {
	left, hash := Archival{Events: len(events)}, Seed(journal)
	for i := range events {
		line, err := events[i].MarshalJSON()
		if err = add(line, err); err != nil {
			return left, fmt.Errorf("event %d: %w", i, err)
		}
		hash = Chain(hash, line)
		left.Fence = max(left.Fence, events[i].Fence())
	}
	left.Digest = digestOf(hash)
	return left, nil
}

// A Chapter is a journal in an archive.
type Chapter struct {
	Journal string
	Events  []Event
	Digest  artifact.Digest // of Journal and Events, and what the [ArchivedError] of the store says
}

// ReadArchive yields the journals in an archive, each of which is as it was when it
// was archived: compare the digest with that of the [ArchivedError] to know that
// nobody made it up. A journal may be there twice, if there was a crash after it was
// written.
//
// One that is damaged or not whole is an error for which errors.Is(err,
// [ErrCorrupt]), and one that a newer version wrote is [ErrUnknown]; it has the name,
// if that can be read, and those after it follow. Any other error is the last: that
// of r, or of a line of more than 64 MiB.
func ReadArchive(r io.Reader) iter.Seq2[Chapter, error] {
	return func(yield func(Chapter, error) bool) {
		a := &archiveReader{lines: bufio.NewScanner(&dataFirst{r: r})}
		a.lines.Buffer(nil, maxLine+1)
		for a.seek() {
			c, err := a.chapter()
			if err != nil && a.lines.Err() != nil {
				break // what is missing may be there
			}
			if err != nil {
				err = fmt.Errorf("journal: archive, line %d, of %q: %w", a.number, c.Journal, err)
				c = Chapter{Journal: c.Journal}
			}
			if !yield(c, err) {
				return
			}
		}
		if err := a.lines.Err(); err != nil {
			yield(Chapter{}, fmt.Errorf("journal: archive, after line %d: %w", a.number, err))
		}
	}
}

// A dataFirst keeps an error that comes with data for the next Read. A Scanner tells
// of it before the lines in that data.
type dataFirst struct {
	r   io.Reader
	err error
}

func (d *dataFirst) Read(p []byte) (n int, err error) {
	if d.err != nil {
		return 0, d.err
	}
	n, d.err = d.r.Read(p)
	if n > 0 {
		return n, nil
	}
	return n, d.err
}

// An archiveReader reads an archive line by line.
type archiveReader struct {
	lines  *bufio.Scanner
	number int  // of the line, from 1
	again  bool // the line is to be read once more
	lost   bool // the line is of a journal that cannot be read
}

func (a *archiveReader) next() bool {
	if a.again {
		a.again = false
		return true
	}
	if !a.lines.Scan() {
		return false
	}
	a.number++
	return true
}

// opens reports whether the line begins a journal.
func (a *archiveReader) opens() bool { return bytes.HasPrefix(a.lines.Bytes(), []byte(`{"journal":`)) }

// seek goes on to the first line of the next journal. What is left of one that
// cannot be read is passed over.
func (a *archiveReader) seek() bool {
	for a.next() {
		if a.opens() || !a.lost && len(a.lines.Bytes()) > 0 {
			return true
		}
	}
	return false
}

// chapter reads a journal, of which the line is the first.
func (a *archiveReader) chapter() (c Chapter, err error) {
	a.lost = true
	var o opening
	if !a.opens() {
		return c, fmt.Errorf("want a line with the name of a journal: %w", ErrCorrupt)
	}
	if err := strict(a.lines.Bytes(), &o); err != nil {
		return c, fmt.Errorf("%w: %w", blame(a.lines.Bytes()), err)
	}
	c.Journal = o.Journal
	hash := Seed(c.Journal)
	for a.next() {
		line := a.lines.Bytes()
		if a.again = a.opens(); a.again || len(line) == 0 {
			break
		}
		if bytes.HasPrefix(line, []byte(`{"events":`)) {
			a.lost = false
			c.Digest = digestOf(hash)
			return c, c.closes(line)
		}
		var e Event
		if err := e.UnmarshalJSON(line); err != nil {
			return c, fmt.Errorf("event %d: %w", len(c.Events), err)
		}
		c.Events = append(c.Events, e)
		hash = Chain(hash, line)
	}
	return c, fmt.Errorf("it ends before its last line: %w", ErrCorrupt)
}

// closes compares c with its last line.
func (c *Chapter) closes(line []byte) error {
	var end closing
	if err := strict(line, &end); err != nil {
		return fmt.Errorf("want how many events there are: %w: %w", blame(line), err)
	}
	if got := (closing{len(c.Events), c.Digest}); got != end {
		return fmt.Errorf("%d events with digest %v, want %d with %v: %w", got.Events, got.Digest, end.Events, end.Digest, ErrCorrupt)
	}
	return nil
}
