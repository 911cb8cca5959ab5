package sqlite

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

var signKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))

// I10: who puts back old copies of database and witness together is found by a
// checkpoint that was sent elsewhere, and a checkpoint in the witness that was
// signed by another is damage.
func TestCheckpointsAreSignedAndSent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s.db")
	var sent [][]byte
	away := errors.New("away")
	cfg := Config{Key: signKey, Sink: func(_ context.Context, note []byte) error {
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
		c, err := journal.OpenCheckpoint(note, signKey.Public().(ed25519.PublicKey))
		if err != nil || c.Store != s.id {
			t.Fatalf("OpenCheckpoint = %+v, %v; want one of store %s", c, err, s.id)
		}
		heads = append(heads, c.Head)
	}
	if _, err := s.Verify(t.Context(), heads...); err != nil {
		t.Errorf("Verify against its own checkpoints = %v", err)
	}
	s.Close()

	other := cfg
	other.Key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
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
	if _, err := (Config{Key: signKey[1:]}).Open(t.Context(), filepath.Join(t.TempDir(), "short.db")); !errors.Is(err, journal.ErrInput) {
		t.Errorf("Open with a key that is too short = %v; want ErrInput, and no panic after a thousand events", err)
	}
}
