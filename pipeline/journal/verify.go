package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/artifact"
)

// A Verifier is a [Store] that can compare all that it keeps with what was
// appended. Call [Verify], which serves stores without this method too.
type Verifier interface {
	Verify(ctx context.Context, heads ...Head) (Report, error)
}

// A Head is how far a store had come at some moment. Two stores with one head
// hold the same events in the same order.
type Head struct {
	Events int64           // how many there are
	Digest artifact.Digest // of all of them, in the order in which they were appended
}

// A Report is what [Verify] has looked at and found.
type Report struct {
	Head      Head     // of the store; Digest is zero if it keeps none
	Journals  int      // how many were read
	Witnessed int64    // events that were compared with a record kept apart from them
	Signed    int      // checkpoints whose signature was checked
	SetAside  []string // files with what a crash left behind and nobody was told is kept
	Damage    []*Damage
}

// Damage is one place where a store is not as it was left. It is an error for
// which errors.Is(err, [ErrCorrupt]).
type Damage struct {
	Journal string // empty if it is about the store as a whole
	Event   int    // number in Journal; -1 if it is about none in particular
	Where   string // file, and place in it; may be empty
	Want    string // what should be there
	Got     string // what is there
	Err     error  // [ErrCorrupt], [ErrRolledBack] or an error that leads to one of them; nil means ErrCorrupt
}

func (d *Damage) Error() string {
	var b strings.Builder
	if d.Journal != "" {
		fmt.Fprintf(&b, "journal %q, ", d.Journal)
	}
	if d.Event >= 0 {
		fmt.Fprintf(&b, "event %d, ", d.Event)
	}
	if d.Where != "" {
		fmt.Fprintf(&b, "%s, ", d.Where)
	}
	place := strings.TrimSuffix(b.String(), ", ")
	if place != "" {
		place += ": "
	}
	return fmt.Sprintf("%sgot %s; want %s", place, d.Got, d.Want)
}

// Unwrap returns what kind of damage it is. What was rolled back is damaged.
func (d *Damage) Unwrap() []error {
	if d.Err == nil {
		return []error{ErrCorrupt}
	}
	return []error{d.Err, ErrCorrupt}
}

// Verify reads all that a store keeps and reports where it is not what was
// appended (J5): an event that was changed, lost, swapped or added behind the
// store's back, and an older copy that was put back. Heads are moments that the
// store has to have gone through, such as those of checkpoints that were sent
// elsewhere.
//
// If it finds damage the error joins all of Report.Damage, so that
// errors.Is(err, [ErrCorrupt]). Any other error means that it could not look
// everywhere; without a store errors.Is(err, [ErrInput]). How much can be found depends on the store: one that is no
// [Verifier] is only read from end to end.
func Verify(ctx context.Context, s Store, heads ...Head) (Report, error) {
	if s == nil {
		return Report{}, fmt.Errorf("journal: verify: the store is nil; want one: %w", ErrInput)
	}
	if v, ok := s.(Verifier); ok {
		return v.Verify(ctx, heads...)
	}
	var r Report
	if len(heads) > 0 {
		return r, fmt.Errorf("journal: verify against %d heads in a store that keeps none: %w", len(heads), ErrInput)
	}
	names, err := s.List(ctx, Query{})
	if err != nil {
		return r, fmt.Errorf("journal: verify: %w", err)
	}
	archived, err := s.List(ctx, Query{Archived: true})
	if err != nil {
		return r, fmt.Errorf("journal: verify: %w", err)
	}
	seen := make(map[string]bool, len(names)+len(archived))
	for _, name := range slices.Concat(names, archived) {
		if seen[name] {
			continue // it was archived between the two lists
		}
		seen[name] = true
		events, err := s.Events(ctx, name, 0)
		if a := (*ArchivedError)(nil); errors.As(err, &a) {
			r.Head.Events += int64(a.Events)
			events, err = s.Events(ctx, name, a.Events)
		}
		switch {
		case errors.Is(err, ErrCorrupt):
			r.Damage = append(r.Damage, &Damage{Journal: name, Event: -1, Want: "what was appended", Got: err.Error(), Err: err})
		case err != nil:
			return r, fmt.Errorf("journal: verify: %w", err)
		}
		r.Journals++
		r.Head.Events += int64(len(events))
	}
	return r, r.Err()
}

// Err returns an error that joins the damage, nil if there is none.
func (r *Report) Err() error {
	errs := make([]error, len(r.Damage))
	for i, d := range r.Damage {
		errs[i] = d
	}
	return errors.Join(errs...)
}

// String returns the report in a form for people: what was found, a line each,
// and what was looked at.
func (r Report) String() string {
	var b strings.Builder
	for _, d := range r.Damage {
		fmt.Fprintf(&b, "damaged: %v\n", d)
	}
	for _, f := range r.SetAside {
		fmt.Fprintf(&b, "set aside after a crash: %s\n", f)
	}
	fmt.Fprintf(&b, "%d events in %d journals", r.Head.Events, r.Journals)
	if r.Witnessed > 0 {
		fmt.Fprintf(&b, ", %d of them witnessed", r.Witnessed)
	}
	if r.Signed > 0 {
		fmt.Fprintf(&b, ", %d signed checkpoints", r.Signed)
	}
	if r.Head.Digest != (artifact.Digest{}) {
		fmt.Fprintf(&b, ", head %v", r.Head.Digest)
	}
	if len(r.Damage) == 0 {
		b.WriteString(": as they were appended")
	}
	return b.String()
}
