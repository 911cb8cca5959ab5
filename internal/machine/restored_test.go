package machine

import (
	"errors"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// I25: when an older copy of the store was put back, no number is handed out
// again that was in the time that is lost. Whoever owned the run owns it no more,
// and the run keeps what it holds, under a higher token.
func TestRestoredRaisesEpochsAndTokens(t *testing.T) {
	w := newWorld(must(t, "a{env=prod}"))
	w.pull()
	restored := journal.Event{Time: w.now, Kind: journal.Restored, By: "ann", Data: &journal.Restoration{Fence: 100}}
	if err := w.m.Apply(&restored); err != nil {
		t.Fatal(err)
	}
	env := w.env("prod")
	if err := env.Apply(&restored); err != nil {
		t.Fatal(err)
	}
	i, _ := w.m.Find("a")
	if w.m.Owner != "" || w.m.Epoch != 100 || w.m.Token(i) != 100 || env.Token != 100 || env.Holder.Run != w.m.Run {
		t.Errorf("owner %q, epoch %d, token %d; the environment has token %d and holder %q; want no owner, 100 everywhere, and the run as holder",
			w.m.Owner, w.m.Epoch, w.m.Token(i), env.Token, env.Holder.Run)
	}
	late := journal.Event{Time: w.now, Kind: journal.Done, Step: "a", Epoch: 1}
	if err := w.m.Clone().Apply(&late); !errors.Is(err, ErrFenced) {
		t.Errorf("what is written under the claim before = %v; want ErrFenced", err)
	}
	older := journal.Event{Time: w.now, Kind: journal.Claimed, By: "y", Epoch: 100}
	if err := w.m.Clone().Apply(&older); !errors.Is(err, ErrFenced) {
		t.Errorf("a claim with a number that is taken = %v; want ErrFenced", err)
	}
	// A lower number, of a copy that was put back before, lowers nothing.
	restored.Data = &journal.Restoration{Fence: 50}
	if err := errors.Join(w.m.Apply(&restored), env.Apply(&restored)); err != nil || w.m.Epoch != 100 || env.Token != 100 {
		t.Errorf("a second restoration = %v, epoch %d, token %d; want 100 to stay", err, w.m.Epoch, env.Token)
	}
}
