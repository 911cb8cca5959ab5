package sqlite

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
	signed "github.com/penstock/penstock/pipeline/journal/checkpoint"
)

// keyOf returns a key that is made of one number.
func keyOf(seed byte) signed.Key {
	return signed.Key{Ed25519: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

// I10: who puts back old copies of database and witness together is found by a
// checkpoint that was sent elsewhere, and a checkpoint in the witness that was
// signed by another is damage.
func TestCheckpointsAreSignedAndSent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s.db")
	var sent [][]byte
	away := errors.New("away")
	cfg := Config{Key: keyOf(3), Sink: func(_ context.Context, note []byte) error {
		sent = append(sent, note)
		return away // changes nothing here
	}}
	open := func() *Store {
		s, err := cfg.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return shortLogs(s)
	}
	s := open()
	for i := range 4 {
		must(t, s, batch("a", i, note("x")))
	}
	s.Close()
	old, err := imageOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	s = open()
	for i := 4; i < 12; i++ {
		must(t, s, batch("a", i, note("x")))
	}
	r, err := s.Verify(t.Context())
	if err != nil || r.Signed != len(sent) || r.Signed < 3 {
		t.Errorf("Verify = %d signed, %v; want %d as were sent, and 3 or more", r.Signed, err, len(sent))
	}
	last, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var heads []journal.Head
	for _, note := range append(sent, last) {
		c, err := keyOf(3).Open(note)
		if err != nil || c.Store != s.id {
			t.Fatalf("Open = %+v, %v; want one of store %s", c, err, s.id)
		}
		heads = append(heads, c.Head)
	}
	if _, err := s.Verify(t.Context(), heads...); err != nil {
		t.Errorf("Verify against its own checkpoints = %v", err)
	}
	s.Close()

	other := cfg
	other.Key = keyOf(0)
	other.ReadOnly = true
	forged, err := other.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer forged.Close()
	if r, err := forged.Verify(t.Context()); !errors.Is(err, journal.ErrCorrupt) || r.Signed != 0 {
		t.Errorf("Verify with another key = %d signed, %v; want none, and ErrCorrupt", r.Signed, err)
	}

	w := &workshop{t: t, dir: t.TempDir()}
	w.put(old)
	if _, _, err := look(filepath.Join(w.dir, "s.db"), nil); err != nil {
		t.Errorf("Verify of an old copy of all files = %v; want nil, for nothing is there to show it", err)
	}
	if _, _, err := look(filepath.Join(w.dir, "s.db"), heads); !errors.Is(err, journal.ErrRolledBack) {
		t.Errorf("Verify of an old copy of all files against checkpoints = %v; want ErrRolledBack", err)
	}
	if _, err := openAt(t, filepath.Join(t.TempDir(), "none.db")).Checkpoint(t.Context()); !errors.Is(err, journal.ErrInput) {
		t.Errorf("Checkpoint without a key = %v; want ErrInput", err)
	}
	if _, err := (Config{Key: signed.Key{}}).Open(t.Context(), filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, journal.ErrInput) {
		t.Errorf("Open with a key that is none = %v; want ErrInput, and nothing amiss after a thousand events", err)
	}
}

// A device signs and reads checkpoints while it is there.
type device struct {
	signed.Key
	away *error
}

func (d device) Sign(c journal.Checkpoint) ([]byte, error) {
	if *d.away != nil {
		return nil, *d.away
	}
	return d.Key.Sign(c)
}

func (d device) Open(note []byte) (journal.Checkpoint, error) {
	if *d.away != nil {
		return journal.Checkpoint{}, *d.away
	}
	return d.Key.Open(note)
}

// I8, I10: what is signed with may be away. Events are acknowledged all the same,
// and no checkpoint is called forged.
func TestADeviceThatIsAway(t *testing.T) {
	var log bytes.Buffer
	var away error
	sent := 0
	s, err := Config{
		Key:  device{keyOf(3), &away},
		Sink: func(context.Context, []byte) error { sent++; return nil },
		Log:  slog.New(slog.NewTextHandler(&log, nil)),
	}.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	shortLogs(s)
	for i := range 8 {
		must(t, s, batch("a", i, note("x")))
	}
	before := sent
	if r, err := s.Verify(t.Context()); err != nil || r.Signed != sent || sent == 0 {
		t.Errorf("Verify = %d signed, %v; want the %d that were sent", r.Signed, err, sent)
	}

	away = errors.New("the device is away")
	for i := 8; i < 16; i++ {
		must(t, s, batch("a", i, note("x")))
	}
	if sent != before {
		t.Errorf("%d checkpoints sent while nothing can sign; want none", sent-before)
	}
	if !strings.Contains(log.String(), "could not be signed") || !strings.Contains(log.String(), away.Error()) {
		t.Errorf("log = %q; want that a checkpoint could not be signed, and why", log.String())
	}
	if r, err := s.Verify(t.Context()); !errors.Is(err, away) || errors.Is(err, journal.ErrCorrupt) || len(r.Damage) != 0 {
		t.Errorf("Verify = %v, %v; want the device's error, and no damage", r.Damage, err)
	}
	if note, err := s.Checkpoint(t.Context()); note != nil || !errors.Is(err, away) {
		t.Errorf("Checkpoint = %q, %v; want the device's error", note, err)
	}

	away = nil
	for i := 16; i < 24; i++ {
		must(t, s, batch("a", i, note("x")))
	}
	if r, err := s.Verify(t.Context()); err != nil || r.Signed != sent || sent == before {
		t.Errorf("Verify when the device is back = %d signed, %v; want the %d that were sent, more than %d", r.Signed, err, sent, before)
	}
}

// I18: a Key or a Sink that panics is one that fails. The events are committed, and
// whoever waits for the same commit is told.
func TestAKeyOrASinkThatPanics(t *testing.T) {
	for _, c := range []struct {
		name string
		key  func()
		sink func()
		want string // in the log
	}{
		{"the key", func() { panic("no device") }, func() {}, "could not be signed"},
		{"the sink", func() {}, func() { panic("no network") }, "could not be sent"},
	} {
		var log bytes.Buffer
		s, err := Config{
			Key:  hooked{keyOf(3), c.key},
			Sink: func(context.Context, []byte) error { c.sink(); return nil },
			Log:  slog.New(slog.NewTextHandler(&log, nil)),
		}.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		shortLogs(s)
		for i := range 8 {
			must(t, s, batch("a", i, note("x")))
		}
		if !strings.Contains(log.String(), c.want) || !strings.Contains(log.String(), "panic: no ") {
			t.Errorf("%s panics: log = %q; want that a checkpoint %s, and why", c.name, log.String(), c.want)
		}
	}
}

// A hooked key does something before it signs.
type hooked struct {
	signed.Key
	before func()
}

func (k hooked) Sign(c journal.Checkpoint) ([]byte, error) {
	k.before()
	return k.Key.Sign(c)
}
