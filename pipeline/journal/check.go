package journal

import (
	"fmt"
	"reflect"
)

// Check reports whether a [Store] can be asked to append the batches: an error
// for which errors.Is(err, [ErrInput]) if not. Stores call it first.
func Check(batches []Batch) error {
	if len(batches) == 0 {
		return fmt.Errorf("append of no batches: %w", ErrInput)
	}
	for i := range batches {
		b := &batches[i]
		if b.Journal == "" || len(b.Journal) > 160 {
			return fmt.Errorf("journal name of %d bytes, want 1 to 160: %w", len(b.Journal), ErrInput)
		}
		if b.Length < 0 || len(b.Events) == 0 {
			return fmt.Errorf("batch of %d events at length %d of %q: %w", len(b.Events), b.Length, b.Journal, ErrInput)
		}
		for j := range i {
			if batches[j].Journal == b.Journal {
				return fmt.Errorf("two batches for %q: %w", b.Journal, ErrInput)
			}
		}
		for j := range b.Events {
			if err := b.Events[j].check(); err != nil {
				return fmt.Errorf("event %d for %q: %w: %w", b.Length+j, b.Journal, ErrInput, err)
			}
			if b.Events[j].Kind == Archived {
				return fmt.Errorf("event %d for %q of kind %q, which Archive appends: %w", b.Length+j, b.Journal, Archived, ErrInput)
			}
		}
	}
	return nil
}

// CheckArchive reports whether an [Archiver] can be asked to append e to a journal
// of the given length: an error for which errors.Is(err, [ErrInput]) if not. Stores
// call it first, and have what it returns check the journal.
func CheckArchive(name string, length int, e *Event) (*Archival, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("event %d for %q: %w: %w", length, name, ErrInput, err)
	}
	a, archives := e.Data.(*Archival)
	if !archives {
		return nil, fmt.Errorf("archive of %q with an event of kind %q and data of type %T, want %q and %T: %w", name, e.Kind, e.Data, Archived, a, ErrInput)
	}
	if length < 1 || a.Events != length {
		return nil, fmt.Errorf("archive of %d events of %q at length %d, want all that there are: %w", a.Events, name, length, ErrInput)
	}
	return a, nil
}

// Check reports whether events, all those of a journal, are what a says of them: an
// error for which errors.Is(err, [ErrInput]) if the last is not of kind [Ended], or
// they are not as many, of its digest or of its fence. The fence has to be right, for
// it alone is left to know which numbers were handed out, if the store is an older
// copy one day (I25). The other fields are for people, and taken as they are.
func (a *Archival) Check(journal string, events []Event) error {
	want, err := leave(journal, events, func(_ []byte, err error) error { return err })
	if err != nil {
		return err
	}
	last := Kind("")
	if len(events) > 0 {
		last = events[len(events)-1].Kind
	}
	switch {
	case last != Ended:
		return fmt.Errorf("archive of %q, of which the last event is %q, want %q: %w", journal, last, Ended, ErrInput)
	case a.Events != want.Events || a.Digest != want.Digest:
		return fmt.Errorf("archive of %q with %d events of digest %v, want %d of %v: %w", journal, a.Events, a.Digest, want.Events, want.Digest, ErrInput)
	case a.Fence != want.Fence:
		return fmt.Errorf("archive of %q with fence %d, want %d, the highest of its events: %w", journal, a.Fence, want.Fence, ErrInput)
	}
	return nil
}

// check reports what would keep e from being read back: a kind that is not
// known, data that is not of its kind, a time that JSON cannot hold.
func (e *Event) check() error {
	d, ok := data(e.Kind)
	if !ok {
		return fmt.Errorf("kind %q: %w", e.Kind, ErrUnknown)
	}
	const year0, year10000 = -62167219200, 253402300800 // in seconds since 1970
	if t := e.Time.Unix(); t < year0 || t >= year10000 {
		return fmt.Errorf("kind %q in the year %d, want 0 to 9999", e.Kind, e.Time.UTC().Year())
	}
	if e.Data == nil {
		return nil
	}
	if d == nil {
		return fmt.Errorf("kind %q with data of type %T, want none", e.Kind, e.Data)
	}
	if reflect.TypeOf(e.Data) != reflect.TypeOf(d) {
		return fmt.Errorf("kind %q with data of type %T, want %T", e.Kind, e.Data, d)
	}
	if e.Data == d {
		return fmt.Errorf("kind %q with a nil %T, want nil alone", e.Kind, d)
	}
	return nil
}
