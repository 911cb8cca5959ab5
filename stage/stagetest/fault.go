package stagetest

import (
	"context"
	"fmt"
)

// A Fault is what goes wrong with a call of [Platform.Deploy]. The zero Fault
// is that nothing does.
//
// A refusal is Fault{Err: stage.Failf("…")}; a network that is down is
// Fault{Err: errors.New("…")}; an answer lost on its way back is the same with
// After. A crash between effect and record is Fault{After: true, Do: kill,
// Hang: true}, where kill ends the caller.
type Fault struct {
	After bool   // it goes wrong after the effect; otherwise there is no effect
	Do    func() // called when it goes wrong; may be nil
	Hang  bool   // wait until ctx is done, and then give its error if there is no Err
	Err   error  // what the caller is told
}

// Break makes the given call of Deploy go wrong. Calls are counted from 1, the
// first that the Platform ever had.
func (p *Platform) Break(call int, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults == nil {
		p.faults = map[int]Fault{}
	}
	p.faults[call] = f
}

// play makes the effect, if it comes to that, and lets f go wrong.
func (f Fault) play(ctx context.Context, effect func() error) error {
	breaks := f.Do != nil || f.Hang || f.Err != nil
	if !breaks || f.After {
		if err := effect(); err != nil || !breaks {
			return err
		}
	}
	if f.Do != nil {
		f.Do()
	}
	if f.Hang {
		<-ctx.Done()
	}
	if f.Err == nil && f.Hang {
		return fmt.Errorf("stagetest: the platform does not answer: %w", context.Cause(ctx))
	}
	return f.Err
}
