package simulate

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A disk is what the processes share: journals, and who is alive. What was
// acknowledged is on it. Of what was not, an append is lost, or there, or it
// gets there later unless something else does before.
type disk struct {
	w        *world
	journals map[string]*paper
	order    []string // names, in the order of their first events
	grown    []string // names, in the order of all appends
	pending  []pending
	leases   map[string]time.Time
	flaw     flaw // "" if there is none
}

type paper struct {
	events []journal.Event
	head   uint64 // what the events say, as a number
	last   *folded
}

// A folded is what the events of a journal came to when it was folded last.
type folded struct {
	m          *machine.Machine
	length     int
	pipeline   string // and the definition that its program was asked for
	definition artifact.Digest
	prog       *machine.Program // nil if there was none
}

// A pending append was not acknowledged, and is not there yet.
type pending struct {
	at      time.Time
	by      *process
	batches []journal.Batch
}

var errIO = errors.New("input/output error")

func newDisk(w *world) *disk {
	return &disk{w: w, journals: map[string]*paper{}, leases: map[string]time.Time{}}
}

// append adds the batches as a [journal.Store] does, for a process or, if it is
// nil, for people. Fate is what goes wrong.
func (d *disk) append(by *process, fate fate, batches []journal.Batch) error {
	if err := journal.Check(batches); err != nil {
		return err
	}
	kept := make([]journal.Batch, len(batches))
	for i, b := range batches {
		b.Events = append([]journal.Event(nil), b.Events...)
		kept[i] = b
	}
	switch fate {
	case lost:
		return d.fault(by, "lost")
	case late:
		d.pending = append(d.pending, pending{d.w.now.Add(d.w.upTo(20 * time.Second)), by, kept})
		return d.fault(by, "late")
	}
	if err := d.fits(kept); err != nil {
		if d.flawed(by, kept) {
			return nil
		}
		return err
	}
	d.add(by, kept)
	if fate == stored {
		return d.fault(by, "kept")
	}
	return nil
}

// fault returns what an append returns with which something goes wrong.
func (d *disk) fault(by *process, kind string) error {
	if by == nil {
		kind = "person " + kind
	}
	d.w.hit(kind)
	return errIO
}

func (d *disk) fits(batches []journal.Batch) error {
	for _, b := range batches {
		if n := d.length(b.Journal); n != b.Length {
			return fmt.Errorf("%q has %d events, not %d: %w", b.Journal, n, b.Length, journal.ErrConflict)
		}
	}
	return nil
}

func (d *disk) length(name string) int {
	if j := d.journals[name]; j != nil {
		return len(j.events)
	}
	return 0
}

func (d *disk) add(by *process, batches []journal.Batch) {
	for _, b := range batches {
		j := d.journals[b.Journal]
		if j == nil {
			j = new(paper)
			d.journals[b.Journal] = j
			d.order = append(d.order, b.Journal)
		}
		j.events = append(j.events, b.Events...)
		for i := range b.Events {
			j.head = content(j.head, &b.Events[i])
		}
		d.grown = append(d.grown, b.Journal)
	}
	d.w.audit.appended(by, batches)
}

// events returns a journal from event number from.
func (d *disk) events(name string, from int) []journal.Event {
	if j := d.journals[name]; j != nil && from < len(j.events) {
		return j.events[from:len(j.events):len(j.events)]
	}
	return nil
}

// fold returns the fold of events, which are all of a journal. Several often fold
// one that has not grown, under one program: they get the same machine.
func (d *disk) fold(run string, events []journal.Event, program func(string, artifact.Digest) *machine.Program) (*machine.Machine, error) {
	j := d.journals[run]
	if f := j.last; f != nil && f.length == len(events) && f.prog == program(f.pipeline, f.definition) {
		return f.m, nil
	}
	f := &folded{length: len(events)}
	m, err := machine.Fold(run, events, func(pipeline string, definition artifact.Digest) *machine.Program {
		f.pipeline, f.definition, f.prog = pipeline, definition, program(pipeline, definition)
		return f.prog
	})
	if err == nil {
		f.m, j.last = m, f
	}
	return m, err
}

// arrive has pending appends get there whose time has come; with all, those
// that chance keeps, as after a crash of the machine.
func (d *disk) arrive(all bool) {
	rest := d.pending[:0]
	for _, p := range d.pending {
		switch {
		case !all && p.at.After(d.w.now):
			rest = append(rest, p)
		case all && d.w.is(50), d.fits(p.batches) != nil:
			d.w.count.lost++
		default:
			d.w.say(nil, "an append that was not acknowledged gets there")
			d.add(p.by, p.batches)
		}
	}
	d.pending = rest
}

// renew and alive are those of a [journal.Leaser].
func (d *disk) renew(owner string, until time.Time) { d.leases[owner] = until }

func (d *disk) alive(owner string, now time.Time) bool { return now.Before(d.leases[owner]) }
