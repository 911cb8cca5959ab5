package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/pipeline/journal"
)

// signEach is how many events are between two signed checkpoints, about.
const signEach = 1000

// Checkpoint returns what the store is now, signed with Config.Key, to be kept
// elsewhere: Verify against its head finds an older copy of all files that was
// put back. Without a key it is an error for which errors.Is(err,
// [journal.ErrInput]).
func (s *Store) Checkpoint(ctx context.Context) (note []byte, err error) {
	err = s.read(ctx, func(c *conn) error {
		if s.config.Key == nil {
			return fmt.Errorf("no key to sign with: %w", journal.ErrInput)
		}
		t, _, err := newest(c, s.id)
		if err == nil {
			note, err = s.note(t)
		}
		return err
	})
	if err != nil {
		return nil, s.fail(err, "make a checkpoint")
	}
	return note, nil
}

func (s *Store) note(t tip) (note []byte, err error) {
	defer recovered(&err)
	return s.config.Key.Sign(journal.Checkpoint{Store: s.id, Head: t.head()})
}

// sign adds a checkpoint to the witness if it is time for one. The events are
// acknowledged whether or not it can be signed.
func (s *Store) sign() error {
	w := s.witness
	if s.config.Key == nil || w.tip.seq-w.signed < signEach && w.size < w.limit {
		return nil
	}
	w.signed = w.tip.seq
	note, err := s.note(w.tip)
	if err != nil {
		s.warn("a checkpoint of the journals could not be signed", err)
		return nil
	}
	s.unsent = note
	return w.put(&record{kind: checkpoint, tip: w.tip, note: string(note)})
}

// warn tells Config.Log of what went wrong and changes nothing here.
func (s *Store) warn(what string, err error) {
	if s.config.Log != nil {
		s.config.Log.Warn(what, "err", err)
	}
}

// send gives the newest checkpoint away that was not sent.
func (s *Store) send(ctx context.Context) {
	note := s.unsent
	s.unsent = nil
	if note == nil || s.config.Sink == nil {
		return
	}
	if err := s.sink(context.WithoutCancel(ctx), note); err != nil {
		s.warn("a checkpoint of the journals could not be sent elsewhere", err)
	}
}

func (s *Store) sink(ctx context.Context, note []byte) (err error) {
	defer recovered(&err)
	return s.config.Sink(ctx, note)
}

// recovered makes an error of a panic, if it is deferred. A Key and a Sink are the
// user's, and are called by one caller of Append on behalf of others, who wait.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}

// signatures checks the checkpoints in the witness.
func (v *verifier) signatures() error {
	key := v.store.config.Key
	if key == nil || v.walk == nil {
		return nil
	}
	for _, n := range v.walk.notes {
		got, err := key.Open([]byte(n.note))
		if err != nil && !errors.Is(err, journal.ErrCorrupt) {
			return err // which says nothing of the note
		}
		want := journal.Checkpoint{Store: v.store.id, Head: n.tip.head()}
		if err == nil && got == want {
			v.report.Signed++
			continue
		}
		err = v.found(&journal.Damage{Event: -1, Where: v.store.witness.dir, Err: err,
			Got: fmt.Sprintf("a checkpoint of %+v, %v", got, err), Want: fmt.Sprintf("%+v, signed", want)})
		if err != nil {
			return err
		}
	}
	return nil
}
