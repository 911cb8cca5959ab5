package journaltest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

func TestFaultyThatNeverFailsIsSound(t *testing.T) {
	Run(t, func(*testing.T) journal.Store { return &Faulty{Store: new(journal.Memory)} })
}

func TestFaultyFailsOneAppendOrAllThatFollow(t *testing.T) {
	for _, c := range []struct {
		name   string
		faulty *Faulty
		acked  string // + is nil, - an error
		kept   int
	}{
		{"none", &Faulty{}, "++++", 4},
		{"before the first", &Faulty{At: 1}, "----", 0},
		{"after the first", &Faulty{At: 1, After: true}, "----", 1},
		{"before the third", &Faulty{At: 3}, "++--", 2},
		{"after the third", &Faulty{At: 3, After: true}, "++--", 3},
		{"only before the third", &Faulty{At: 3, Once: true}, "++-+", 3},
		{"only after the third", &Faulty{At: 3, After: true, Once: true}, "++-+", 4},
		{"after the last", &Faulty{At: 5, After: true}, "++++", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory := new(journal.Memory)
			then := 0
			f := c.faulty
			f.Store, f.Then = memory, func() { then++ }
			acked := ""
			for range 4 {
				events, err := memory.Events(t.Context(), "a", 0)
				if err != nil {
					t.Fatal(err)
				}
				switch err := f.Append(t.Context(), batch("a", len(events), note("x"))); {
				case err == nil:
					acked += "+"
				case errors.Is(err, ErrCrash) && errors.Is(err, journal.ErrClosed):
					acked += "-"
				default:
					t.Errorf("Append = %v; want nil, or ErrCrash and ErrClosed", err)
				}
			}
			if kept, _ := memory.Events(t.Context(), "a", 0); acked != c.acked || len(kept) != c.kept {
				t.Errorf("appends %s and %d events kept; want %s and %d", acked, len(kept), c.acked, c.kept)
			}
			if _, err := f.List(t.Context(), journal.Query{}); errors.Is(err, ErrCrash) != (f.Crashed() && !f.Once) {
				t.Errorf("List after it = %v, and Crashed = %v", err, f.Crashed())
			}
			if want := f.Crashed(); (then == 1) != want {
				t.Errorf("Then was called %d times, and Crashed = %v", then, want)
			}
		})
	}
}

func TestFaultyCountsReadsIfAsked(t *testing.T) {
	now := time.Now()
	for at, name := range []string{1: "Append", "Events", "List", "Renew", "Alive"} {
		if at == 0 {
			continue
		}
		f := &Faulty{Store: new(journal.Memory), At: at, Reads: true}
		for i, do := range []func() error{
			func() error { return f.Append(t.Context(), batch("a", 0, note("x"))) },
			func() error { _, err := f.Events(t.Context(), "a", 0); return err },
			func() error { _, err := f.List(t.Context(), journal.Query{}); return err },
			func() error { return f.Renew(t.Context(), "x", now.Add(time.Minute)) },
			func() error { _, err := f.Alive(t.Context(), "x", now); return err },
		} {
			if err := do(); errors.Is(err, ErrCrash) != (i+1 >= at) {
				t.Errorf("call %d of a store that crashes at %d, %s: %v", i+1, at, name, err)
			}
		}
	}
}

// A process that dies does not go on waiting.
func TestFaultyWakesWhoWaitsWhenItCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := new(journal.Memory)
		f := &Faulty{Store: memory, At: 1}
		told := make(chan error)
		for range 3 {
			go func() {
				_, _, err := f.Changes(t.Context(), 0)
				told <- err
			}()
		}
		synctest.Wait()
		f.Append(t.Context(), batch("a", 0, note("x")))
		for range 3 {
			if err := <-told; !errors.Is(err, ErrCrash) || errors.Is(err, context.Canceled) {
				t.Errorf("Changes that waited in a store that crashed = %v; want ErrCrash", err)
			}
		}
		if _, _, err := f.Changes(t.Context(), 0); !errors.Is(err, ErrCrash) {
			t.Errorf("Changes of a store that has crashed = %v; want ErrCrash", err)
		}
	})
}

// Nor does one that was about to wait.
func TestFaultyDoesNotBeginToWaitOnceItHasCrashed(t *testing.T) {
	f := &Faulty{Store: new(journal.Memory), At: 1}
	f.Append(t.Context(), batch("a", 0, note("x")))
	ctx, cancel := context.WithCancel(t.Context())
	defer f.wait(cancel)()
	if ctx.Err() == nil {
		t.Error("a call of Changes that begins to wait after the crash waits; want it to fail, for nothing wakes it any more")
	}
}
