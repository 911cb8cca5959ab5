package pipelinetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	metrics "go.opentelemetry.io/otel/metric/noop"
	traces "go.opentelemetry.io/otel/trace/noop"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// A bench plays one story. Its own goroutine, the one that plays, moves only
// when nothing else does.
type bench struct {
	Story
	book  book
	turns turns
	bell  chan struct{}
	tale  tale
	cast  cast
	crash int // the first life dies at this write; below 0, at the write of that number, after it is done

	life  *life // that serves, or the last one that did
	lives []*life
	desk  *pipeline.Executor // see asked; nil while nobody needed it
	cues  []cue

	entries []entry  // all that was recorded
	runs    []string // in the order in which they began
	open    map[string]bool
	seen    map[Stage]int // steps by when they were first heard of, and runs, as steps without a name

	mu      sync.Mutex
	errs    []error
	faults  map[Stage][]fault
	values  map[reading]float64
	answers map[answer]bool
	rebirth time.Time // when the next life begins; zero while one lives
}

// A cue is an action that has not come.
type cue struct {
	Action
	line int
	due  time.Time
	set  bool // due is
}

// A reading is what a metric of a release is.
type reading struct{ run, metric string }

func newBench(s Story, crash int) *bench {
	b := &bench{
		Story: s, crash: crash, bell: make(chan struct{}, 1),
		open: map[string]bool{}, seen: map[Stage]int{},
		faults: map[Stage][]fault{}, values: map[reading]float64{}, answers: map[answer]bool{},
	}
	b.book.ring, b.turns.ring = b.ring, b.ring
	b.cast.learn(s.Pipelines)
	b.tale.begin(s.Begin, &b.cast)
	for i, a := range s.Script {
		due, set, _ := a.fixed(s.Begin) // check has seen the error
		b.cues = append(b.cues, cue{Action: a, line: i + 1, due: due, set: set})
	}
	b.prompt(1, s.Begin)
	return b
}

// prompt sets the time of the n-th line of the script if that counts from now,
// when the line above it has come.
func (b *bench) prompt(n int, now time.Time) {
	i := slices.IndexFunc(b.cues, func(c cue) bool { return c.line == n })
	if i < 0 {
		return
	}
	c := &b.cues[i]
	switch {
	case b.InOrder && c.clock != "":
		due, err := onWall(c.clock, now.In(b.Begin.Location()))
		if err != nil {
			b.blame(fmt.Errorf("%s, %v: comes late, at %s", c.where(n), c.Action, now.In(b.Begin.Location()).Format("2006-01-02 15:04")))
		}
		c.due = due.Add(c.after)
	case c.clock == "" && c.from.what == previous:
		c.set, c.due = true, now.Add(c.after)
	}
}

// upcoming returns what of the script may come next.
func (b *bench) upcoming() []cue {
	if b.InOrder {
		return b.cues[:min(1, len(b.cues))]
	}
	return b.cues
}

func (b *bench) ring() {
	select {
	case b.bell <- struct{}{}:
	default:
	}
}

// play takes the story from its beginning to its end. The error says what did
// not come to pass.
func (b *bench) play() (*Result, error) {
	b.live(b.crash)
	for end := b.Begin.Add(b.Lasts); ; {
		synctest.Wait()
		b.read()
		if b.revive() || b.perform() || b.turns.next(b.rank) {
			continue
		}
		next := b.next()
		if next.IsZero() && len(b.open) == 0 || !time.Now().Before(end) {
			break
		}
		if next.IsZero() || next.After(end) {
			next = end
		}
		b.sleep(next)
	}
	r := b.result()
	b.close()
	return r, errors.Join(b.errs...)
}

// blame notes an error, if there is one. It may be called by anybody.
func (b *bench) blame(err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errs = append(b.errs, err)
}

// read takes in what was recorded.
func (b *bench) read() {
	fresh := b.book.read()
	if len(fresh) == 0 {
		return
	}
	b.entries = append(b.entries, fresh...)
	for _, e := range fresh {
		b.tale.tell(e)
		b.follow(e)
	}
	b.listen(fresh)
}

// sleep lets time pass until t, or until something happens.
func (b *bench) sleep(t time.Time) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-b.bell:
	case <-timer.C:
	}
}

// follow notes which runs and steps there are.
func (b *bench) follow(e entry) {
	at := Stage{e.run, e.event.Step}
	if _, ok := b.seen[at]; !ok {
		b.seen[at] = len(b.seen)
	}
	switch e.event.Kind {
	case journal.Began:
		b.runs = append(b.runs, e.run)
		b.open[e.run] = true
	case journal.Retried:
		b.open[e.run] = true
	case journal.Ended:
		delete(b.open, e.run)
	}
}

// rank orders steps that act at one time: by run, then as in the pipeline, then,
// for what a ForEach makes of one step, as they were heard of.
func (b *bench) rank(s Stage) []int {
	return []int{b.seen[Stage{Run: s.Run}], b.cast.of(s.Name).order, b.seen[s]}
}

// listen sets the time of actions that wait for what has happened now.
func (b *bench) listen(fresh []entry) {
	states := map[string]pipeline.Run{}
	for i := range b.cues {
		c := &b.cues[i]
		if c.set || !slices.ContainsFunc(fresh, func(e entry) bool { return c.from.concerns(e) }) {
			continue
		}
		r, ok := states[c.from.run]
		if !ok {
			var err error
			r, err = b.asked().Run(context.Background(), c.from.run)
			b.blame(err)
			states[c.from.run] = r
		}
		if c.from.is(r) {
			c.set, c.due = true, time.Now().Add(c.after)
		}
	}
}

// perform does the first action that is due, and reports whether there was one.
func (b *bench) perform() bool {
	now := time.Now()
	i := slices.IndexFunc(b.upcoming(), func(c cue) bool { return c.set && !c.due.After(now) })
	if i < 0 {
		return false
	}
	c := b.cues[i]
	b.cues = slices.Delete(b.cues, i, i+1)
	b.tale.cue = c.line
	err := c.do(b)
	b.prompt(c.line+1, now)
	if err != nil {
		why := strings.TrimPrefix(err.Error(), pipeline.ErrRefused.Error()+": ")
		b.book.note(Line{Run: c.from.run, Text: c.text + ", refused: " + why})
	}
	if err := c.judge(err); err != nil {
		b.blame(fmt.Errorf("%s: %w", c.where(c.line), err))
	}
	return true
}

// next returns when the script goes on, or the zero Time if it only listens.
func (b *bench) next() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.rebirth
	for _, c := range b.upcoming() {
		if c.set && (next.IsZero() || c.due.Before(next)) {
			next = c.due
		}
	}
	return next
}

// close ends all lives, and reports what never came.
func (b *bench) close() {
	b.turns.end()
	for _, l := range b.lives {
		l.stop()
		if err := <-l.done; err != nil && !l.isDead() {
			b.blame(err)
		}
	}
	for _, c := range b.upcoming() {
		b.blame(fmt.Errorf("%s never came: %v", c.where(c.line), c.Action))
	}
	byName := func(x, y Stage) int { return cmp.Or(cmp.Compare(x.Run, y.Run), cmp.Compare(x.Name, y.Name)) }
	for _, s := range slices.SortedFunc(maps.Keys(b.faults), byName) {
		if n := len(b.faults[s]); n > 0 {
			b.blame(fmt.Errorf("stage %s of %s was called too seldom for %d of the faults in the script", s.Name, s.Run, n))
		}
	}
}

// live begins a new life.
func (b *bench) live(fatal int) {
	l := &life{b: b, done: make(chan error, 1), fatal: max(fatal, -fatal), after: fatal < 0}
	l.x = b.executor(l)
	b.mu.Lock()
	b.life, b.rebirth = l, time.Time{}
	b.lives = append(b.lives, l)
	b.mu.Unlock()
	l.serve()
}

// executor returns the executor of a life.
func (b *bench) executor(l *life) *pipeline.Executor {
	x := &pipeline.Executor{Lease: time.Hour, Store: l} // runs that are looked at again within the hour stay in memory
	if set := b.Story.Executor; set != nil {
		x.Name, x.Limit, x.Groups, x.Grace, x.OnDrift = set.Name, set.Limit, set.Groups, set.Grace, set.OnDrift
		x.Secrets, x.Log, x.TracerProvider, x.MeterProvider = set.Secrets, set.Log, set.TracerProvider, set.MeterProvider
	}
	if x.Log == nil {
		x.Log = slog.New(complaints{l})
	}
	if x.TracerProvider == nil {
		x.TracerProvider = traces.NewTracerProvider()
	}
	if x.MeterProvider == nil {
		x.MeterProvider = metrics.NewMeterProvider()
	}
	for _, p := range b.Pipelines {
		x.Pipelines = append(x.Pipelines, l.stand(p))
	}
	return x
}

// died notes that the executor has died.
func (b *bench) died(down time.Duration) {
	b.mu.Lock()
	b.rebirth = time.Now().Add(down)
	b.mu.Unlock()
	text := "the executor dies"
	if down > 0 {
		text += " for " + span(down)
	}
	b.book.note(Line{Text: text})
}

// revive begins a new life if it is time, and reports whether it did.
func (b *bench) revive() bool {
	b.mu.Lock()
	due := !b.rebirth.IsZero() && !b.rebirth.After(time.Now())
	b.mu.Unlock()
	if due {
		b.book.note(Line{Text: "another executor goes on"})
		b.live(0)
	}
	return due
}

// start starts a run.
func (b *bench) start(name string, t pipeline.Trigger) error {
	if t.Key == "" {
		return fmt.Errorf("a run of %q without a Key; want one such as %q, by which the script can name it", name, "r1")
	}
	return b.ask(func(ctx context.Context, x *pipeline.Executor, _ string) error {
		_, err := x.Start(ctx, name, t)
		return err
	})
}

// ask asks an executor for something. When the one that serves has died, or dies
// meanwhile, it is one that shares its journals, as in the program of a person.
func (b *bench) ask(do func(ctx context.Context, x *pipeline.Executor, id string) error) error {
	id := "action-" + strconv.Itoa(len(b.cues))
	err := do(context.Background(), b.asked(), id)
	if !errors.Is(err, journal.ErrClosed) {
		return err
	}
	err = do(context.Background(), b.asked(), id)
	if errors.Is(err, pipeline.ErrRefused) {
		return nil // it was recorded before the answer was lost
	}
	return err
}

// asked returns the executor that people ask.
func (b *bench) asked() *pipeline.Executor {
	if !b.life.isDead() {
		return b.life.x
	}
	if b.desk == nil {
		b.desk = b.executor(&life{b: b})
	}
	return b.desk
}

func (b *bench) measure(run, metric string, value float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values[reading{run, metric}] = value
}
