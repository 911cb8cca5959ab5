package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// J2: a Store that is closed while appends are under way loses nothing. Each is
// acknowledged and there, or refused with ErrClosed and not there.
func TestCloseWhileAppendsAreUnderWay(t *testing.T) {
	const writers = 8
	var acknowledged, refused int
	for round := range 20 {
		path := filepath.Join(t.TempDir(), "journals.db")
		s := openAt(t, path)
		var acked [writers]int
		var errs [writers]error
		var begun, ended sync.WaitGroup
		begun.Add(writers)
		for i := range writers {
			ended.Go(func() {
				once := sync.OnceFunc(begun.Done)
				for errs[i] == nil {
					if errs[i] = s.Append(t.Context(), batch(fmt.Sprint(i), acked[i], note("x"))); errs[i] == nil {
						acked[i]++
					}
					once()
				}
			})
		}
		begun.Wait() // all are in the midst of it
		if err := s.Close(); err != nil {
			t.Errorf("round %d: Close = %v; want nil", round, err)
		}
		ended.Wait()
		again := openAt(t, path)
		for i, want := range acked {
			if !errors.Is(errs[i], journal.ErrClosed) {
				t.Errorf("round %d: Append to a Store that is closed = %v; want ErrClosed", round, errs[i])
			}
			if events, err := again.Events(t.Context(), fmt.Sprint(i), 0); err != nil || len(events) != want {
				t.Errorf("round %d: %d events, %v; want %d, those that were acknowledged and no other", round, len(events), err, want)
			}
			acknowledged, refused = acknowledged+want, refused+1
		}
		if _, err := again.Verify(t.Context()); err != nil {
			t.Errorf("round %d: Verify = %v; want nil", round, err)
		}
	}
	t.Logf("%d appends were acknowledged, %d refused", acknowledged, refused)
}
