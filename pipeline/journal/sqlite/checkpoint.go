package sqlite

import (
	"context"
	"crypto/ed25519"
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
		if len(s.config.Key) == 0 {
			return fmt.Errorf("no key to sign with: %w", journal.ErrInput)
		}
		t, _, err := newest(c, s.id)
		note = s.note(t)
		return err
	})
	if err != nil {
		return nil, s.fail(err, "make a checkpoint")
	}
	return note, nil
}

func (s *Store) note(t tip) []byte {
	return journal.Checkpoint{Store: s.id, Head: t.head()}.Sign(s.config.Key)
}

// sign adds a checkpoint to the witness if it is time for one.
func (s *Store) sign() error {
	w := s.witness
	if len(s.config.Key) == 0 || w.tip.seq-w.signed < signEach && w.size < w.limit {
		return nil
	}
	note := s.note(w.tip)
	if err := w.put(&record{kind: checkpoint, tip: w.tip, note: string(note)}); err != nil {
		return err
	}
	w.signed = w.tip.seq
	s.unsent = note
	return nil
}

// send gives the newest checkpoint away that was not sent.
func (s *Store) send(ctx context.Context) {
	note := s.unsent
	s.unsent = nil
	if note == nil || s.config.Sink == nil {
		return
	}
	if err := s.config.Sink(context.WithoutCancel(ctx), note); err != nil && s.config.Log != nil {
		s.config.Log.WarnContext(ctx, "a checkpoint of the journals could not be sent elsewhere", "err", err)
	}
}

// signatures checks the checkpoints in the witness.
func (v *verifier) signatures() error {
	key := v.store.config.Key
	if len(key) == 0 || v.walk == nil {
		return nil
	}
	for _, n := range v.walk.notes {
		got, err := journal.OpenCheckpoint([]byte(n.note), key.Public().(ed25519.PublicKey))
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
