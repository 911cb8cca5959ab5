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
// call it first, and compare what it returns with the journal.
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
