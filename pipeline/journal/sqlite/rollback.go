package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A Rollback is what was accepted by [Config.AcceptRollback].
type Rollback struct {
	Fence int64    // above every epoch and fencing token that was handed out
	Lost  int64    // events that the witness knows and the database does not have
	From  []string // journals that lost events, or are lost
	Moved []string // what the logs of the witness until now are called from now on
}

// unseen is what is added to the highest number known if part of the witness
// cannot be read, for then nobody knows what was handed out.
const unseen = 1_000_000

// AcceptRollback goes on with a database that does not agree with its witness,
// such as one that was restored from a backup (I25). No program may have the
// store open. Restore the file alone, and remove those beside it whose names end
// in "-wal" and "-shm".
//
// It appends an event of kind [journal.Restored], by the person and with the
// reason given, to the journal of each environment and of each run that has not
// ended. With it every epoch and fencing token rises above all that were handed
// out, so that what goes on from the time that was lost is refused where tokens
// are looked at. The logs of the witness are renamed, and none is removed.
//
// A database that is damaged in itself is an error for which errors.Is(err,
// [journal.ErrCorrupt]), and one that does agree with its witness is one for
// which errors.Is(err, [journal.ErrInput]); so is one that lacks the last commit
// alone, which is put back from the witness. Nothing else is changed then. After
// any other error call it again.
func (cfg Config) AcceptRollback(ctx context.Context, path, by, reason string) (Rollback, error) {
	r, err := cfg.acceptRollback(ctx, path, by, reason)
	if err != nil {
		return r, fmt.Errorf("sqlite: accept rollback of %s: %w", path, explain(err))
	}
	return r, nil
}

func (cfg Config) acceptRollback(ctx context.Context, path, by, reason string) (Rollback, error) {
	if by == "" || reason == "" {
		return Rollback{}, fmt.Errorf("by %q with reason %q, want both: %w", by, reason, journal.ErrInput)
	}
	cfg.ReadOnly = false
	if _, err := os.Stat(path); err != nil {
		return Rollback{}, err
	}
	s, err := cfg.enter(ctx, path)
	if err != nil {
		return Rollback{}, err
	}
	defer s.Close()
	if err := s.witness.openLock(); err != nil {
		return Rollback{}, err
	}
	if err := s.witness.acquire(ctx); err != nil {
		return Rollback{}, err
	}
	defer s.witness.release()
	v := &verifier{ctx: ctx, store: s, c: s.writer}
	if err := v.alone(); err != nil {
		return Rollback{}, err
	}
	have, _, err := newest(s.writer, s.id)
	if err != nil {
		return Rollback{}, err
	}
	err = s.writer.transact(ctx, func() error {
		if _, _, err := s.witness.load(have); err != nil {
			return err
		}
		return s.agree()
	})
	if err == nil {
		return Rollback{}, fmt.Errorf("the database and its witness agree, there is nothing to accept: %w", journal.ErrInput)
	}
	if !errors.Is(err, journal.ErrCorrupt) {
		return Rollback{}, err
	}
	return s.restore(ctx, v, have, journal.Event{Time: time.Now(), Kind: journal.Restored, By: by}, reason)
}

// restore raises all numbers, and begins a new witness after that. Until it is
// there the store cannot be opened.
func (s *Store) restore(ctx context.Context, v *verifier, have tip, e journal.Event, reason string) (Rollback, error) {
	lengths := map[string]int64{}
	for _, j := range v.journals {
		lengths[j.name] = j.length
	}
	r, hidden, err := s.lost(lengths)
	if err != nil {
		return r, err
	}
	err = rows(s.writer, 0, func(w *row) error {
		if w.line == nil {
			return ctx.Err() // the event that archived it has its fence
		}
		var e journal.Event
		if err := e.UnmarshalJSON(w.line); err != nil {
			return fmt.Errorf("event %d of %q: %w", w.entry.number, w.entry.journal, err)
		}
		r.Fence = max(r.Fence, e.Fence())
		return ctx.Err()
	})
	if err != nil {
		return r, err
	}
	r.Fence++
	if hidden {
		r.Fence += unseen
	}
	e.Data = &journal.Restoration{Fence: r.Fence, Text: reason}

	var names []string
	for _, j := range v.journals {
		if !j.ended {
			names = append(names, j.name)
		}
	}
	for _, name := range r.From {
		if strings.HasPrefix(name, "env/") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	err = s.writer.transact(ctx, func() error {
		s.tip, s.start = have, have.seq+1
		for _, name := range names {
			p, err := encode(journal.Batch{Journal: name, Length: int(lengths[name]), Events: []journal.Event{e}})
			if err != nil {
				return err
			}
			refused, failed := s.add(s.writer, []part{p})
			if err := errors.Join(refused, failed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	paths, err := logs(s.witness.dir)
	if err != nil {
		return r, err
	}
	for _, path := range paths {
		to := fmt.Sprintf("%s.before-%d", path, r.Fence)
		if err := s.witness.disk.move(path, to); err != nil {
			return r, err
		}
		r.Moved = append(r.Moved, to)
	}
	if err := s.witness.syncDir(s.witness.dir); err != nil {
		return r, err
	}
	s.witness.tip = s.tip
	return r, s.witness.create()
}

// lost reads what can be read of the witness: the highest number it knows, and
// what it has of journals beyond their lengths. Hidden says that there was more
// than can be read.
func (s *Store) lost(lengths map[string]int64) (r Rollback, hidden bool, err error) {
	paths, err := logs(s.witness.dir)
	if err != nil {
		return r, false, err
	}
	hidden = len(paths) == 0
	end := ""
	for _, path := range paths {
		b, err := readLog(path)
		if err != nil {
			return r, false, err
		}
		for line := range bytes.Lines(b) {
			rec, err := decode(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil || rec.kind == beginning && rec.store != s.id {
				hidden = true
				continue
			}
			if rec.kind == beginning && end != "" && end != logName(rec.tip.seq) {
				hidden = true
			}
			end = logName(rec.tip.seq)
			for _, e := range rec.entries {
				r.Fence = max(r.Fence, e.fence)
				if e.number < lengths[e.journal] {
					continue
				}
				r.Lost++
				if !slices.Contains(r.From, e.journal) {
					r.From = append(r.From, e.journal)
				}
			}
		}
	}
	return r, hidden, nil
}
