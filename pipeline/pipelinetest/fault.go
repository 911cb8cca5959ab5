package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/stage"
)

// Crash lets the executor die, as by kill -9, and another one take its place
// after a time.
func Crash(down time.Duration) Action {
	text := lineDies.say()
	if down > 0 {
		text = lineDiesFor.say(down)
	}
	return Action{text: text, do: func(b *bench) error { b.life.die(down); return nil }}
}

// Measure lets a metric of the release that a run delivers be value from then
// on, for the bakes that watch it.
func Measure(run, metric string, value float64) Action {
	return Action{
		text:   lineMeasure.say(metric, value, run),
		from:   moment{what: begins, run: run},
		metric: metric,
		do: func(b *bench) error {
			b.measure(run, metric, value)
			b.book.note(Line{Run: run, Text: fmt.Sprintf("%s is %g", metric, value)})
			return nil
		},
	}
}

// A Stage is a stage of a run to which something happens when it is called
// next. What is said of one stage more than once happens to its calls one after
// another. After that it does what its [Stub] says.
type Stage struct {
	Run  string
	Name string // with "[item]" for one in a ForEach
}

// Fails lets the stage do its work and find something wrong; why says what.
func (s Stage) Fails(why string) Action {
	return s.fault(lineFails.say(s.Run, s.Name), why, func(*life, context.Context, work) (stage.Output, error) {
		return stage.Output{}, stage.Failf("%s", why)
	})
}

// Errors lets the stage be unable to do its work, this many calls in a row.
func (s Stage) Errors(times int, why string) Action {
	text := lineErrors.say(s.Run, s.Name, times)
	if times == 1 {
		text = lineErrs.say(s.Run, s.Name)
	}
	a := s.fault(text, why, func(*life, context.Context, work) (stage.Output, error) {
		return stage.Output{}, errors.New(why)
	})
	once := a.do
	a.do = func(b *bench) error {
		if times < 1 {
			return fmt.Errorf("%d errors; want 1 or more", times)
		}
		for range times {
			once(b)
		}
		return nil
	}
	return a
}

// Asks lets the stage wait for a person to retry or to override it.
func (s Stage) Asks(why string) Action {
	return s.fault(lineAsks.say(s.Run, s.Name), why, func(*life, context.Context, work) (stage.Output, error) {
		return stage.Output{Ask: why}, nil
	})
}

// Hangs lets the stage not end before its context does.
func (s Stage) Hangs() Action {
	return s.fault(lineHangs.say(s.Run, s.Name), "", func(_ *life, ctx context.Context, _ work) (stage.Output, error) {
		<-ctx.Done()
		return stage.Output{}, context.Cause(ctx)
	})
}

// Panics lets the hook of the stage panic.
func (s Stage) Panics(value any) Action {
	return s.fault(linePanics.say(s.Run, s.Name), fmt.Sprint(value), func(*life, context.Context, work) (stage.Output, error) { panic(value) })
}

// Crashes lets the executor die after the stage has done its work and before
// that is recorded. Another executor takes its place at once.
func (s Stage) Crashes() Action {
	return s.fault(lineCrashes.say(s.Run, s.Name), "", func(l *life, _ context.Context, do work) (stage.Output, error) {
		defer l.die(0)
		return do()
	})
}

// work is what a stage would do if nothing went wrong.
type work func() (stage.Output, error)

// A fault is what happens to a call of a stage instead.
type fault func(l *life, ctx context.Context, do work) (stage.Output, error)

func (s Stage) fault(text, why string, f fault) Action {
	a := Action{text: text, why: why, stage: s.Name}
	a.do = func(b *bench) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults[s] = append(b.faults[s], f)
		return nil
	}
	return a
}
