package killtest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A line is what a platform remembers.
type line struct {
	What    string // "call" of a hook, "effect" of one, "canceled", "bad", or "late" if it is bad but for a pause
	Process string `json:",omitempty"`
	Run     string
	Step    string
	Key     string
	Attempt int    `json:",omitempty"`
	Token   int64  `json:",omitempty"`
	Text    string `json:",omitempty"`
}

// A ledger keeps the lines of books, each of which only grows. It outlives the
// processes that write to it.
type ledger interface {
	add(book string, l line) error
	read(book string) ([]line, error)
}

// A platform is what hooks act on. It remembers the keys of what was done, and
// refuses a token lower than one that it has seen. It notes as bad what must
// not be.
type platform struct {
	ledger   ledger
	store    journal.Store // where the intent of each call has to be
	process  string
	executor string // the name of the one that calls the hooks
	pace     time.Duration
	dead     <-chan struct{} // closed when the process is
	// inside says that a hook is in an environment, until leave is called; nil
	// if that is not watched.
	inside func(in stage.Input) (leave func(), err error)
	// doomed is called within the first hook and does not return: the process
	// is killed there; nil if it is killed anywhere.
	doomed func()

	mu sync.Mutex
}

var errDead = errors.New("this process is dead")

// do is what all hooks do. It returns how many keys the stage had acted under
// before.
func (p *platform) do(ctx context.Context, in stage.Input) (nth int, err error) {
	if _, err := p.call(in); err != nil {
		return 0, err
	}
	return p.act(ctx, in)
}

// call notes that a hook is called, and whether it is the first time.
func (p *platform) call(in stage.Input) (first bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over() {
		return false, errDead
	}
	lines, err := p.ledger.read(in.Run)
	if err != nil {
		return false, err
	}
	first = true
	for _, l := range lines {
		first = first && (l.What != "call" || l.Step != in.Stage)
	}
	if err := intended(p.store, in); err != nil {
		p.complain(in, err)
	}
	err = p.note("call", in, "")
	if p.doomed != nil {
		p.doomed()
	}
	return first, err
}

// intended reports whether the intent of a call is the last that is recorded of
// its stage (I4, J3), and that the stage was not done before (I3).
func intended(store journal.Store, in stage.Input) error {
	events, err := store.Events(context.Background(), in.Run, 0)
	if err != nil {
		return err
	}
	var last *journal.Call
	var kind journal.Kind
	done, unasked := map[string]bool{}, 0
	for _, e := range events {
		if e.Step != in.Stage {
			continue
		}
		switch kind = e.Kind; kind {
		case journal.Called:
			before := last
			if last = e.Data.(*journal.Call); before == nil || before.Key != last.Key {
				unasked = 0 // it is reached anew
			}
			unasked++
		case journal.Retried, journal.Erred:
			unasked = 0
		case journal.Done:
			done[last.Key] = true
		}
	}
	switch {
	case kind != journal.Called:
		return fmt.Errorf("is called, but the last that is recorded of it is %q; want %q", kind, journal.Called)
	case last.Key != in.Key || last.Attempt != in.Attempt || last.Token != in.Token:
		return fmt.Errorf("is called with key %q, attempt %d, token %d; recorded is %q, %d, %d",
			in.Key, in.Attempt, in.Token, last.Key, last.Attempt, last.Token)
	case done[in.Key]:
		return errors.New("is called, but is recorded as done")
	case strings.HasPrefix(in.Stage, "migrate") && unasked > 1:
		return errors.New("is called again, and nobody was asked")
	}
	return nil
}

// act brings about the effect that in.Key names, once.
func (p *platform) act(ctx context.Context, in stage.Input) (nth int, err error) {
	if p.inside != nil && in.Token > 0 {
		leave, err := p.inside(in)
		if err != nil {
			return 0, err
		}
		defer leave()
	}
	if err := p.sleep(ctx, in); err != nil {
		return 0, err
	}
	if nth, err = p.effect(in); err != nil {
		return 0, err
	}
	return nth, p.sleep(ctx, in)
}

func (p *platform) effect(in stage.Input) (nth int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over() {
		return 0, errDead
	}
	keys, err := p.keys(in)
	if err != nil {
		return 0, err
	}
	for nth, key := range keys {
		if key == in.Key {
			return nth, nil
		}
	}
	if err := p.fence(in); err != nil {
		p.complain(in, err)
		return 0, err
	}
	return len(keys), p.note("effect", in, "")
}

// keys returns the keys that a stage has acted under.
func (p *platform) keys(in stage.Input) (keys []string, err error) {
	lines, err := p.ledger.read(in.Run)
	for _, l := range lines {
		if l.What == "effect" && l.Step == in.Stage {
			keys = append(keys, l.Key)
		}
	}
	return keys, err
}

func (p *platform) acted(in stage.Input) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over() {
		return false, errDead
	}
	keys, err := p.keys(in)
	for _, key := range keys {
		if key == in.Key {
			return true, nil
		}
	}
	return false, err
}

// fence refuses a token lower than one that was seen in the environment (I7).
func (p *platform) fence(in stage.Input) error {
	if in.Token == 0 {
		return nil
	}
	book := "env-" + in.Environment.Name
	lines, err := p.ledger.read(book)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if in.Token < l.Token || in.Token == l.Token && in.Run != l.Run {
			return fmt.Errorf("acts under token %d in %s; run %s has had token %d", in.Token, in.Environment.Name, l.Run, l.Token)
		}
	}
	return p.ledger.add(book, line{What: "token", Run: in.Run, Token: in.Token})
}

func (p *platform) note(what string, in stage.Input, text string) error {
	return p.ledger.add(in.Run, line{
		What: what, Process: p.process, Run: in.Run, Step: in.Stage, Key: in.Key, Attempt: in.Attempt, Token: in.Token, Text: text,
	})
}

// complain accuses a hook, unless it was called by an executor that another has
// replaced since. It cannot know before it looks, if it was paused (F5).
func (p *platform) complain(in stage.Input, why error) {
	late, err := p.overtaken(in)
	switch {
	case err != nil:
		why = errors.Join(why, err)
	case late:
		err = p.note("late", in, why.Error())
	}
	if !late || err != nil {
		p.accuse(in, why.Error())
	}
}

// overtaken reports whether another executor has claimed the run since this one
// recorded a call. Another may have called under the same key and attempt, and
// this one may have claimed the run again.
func (p *platform) overtaken(in stage.Input) (bool, error) {
	events, err := p.store.Events(context.Background(), in.Run, 0)
	mine, called, late := false, false, false
	for _, e := range events {
		if e.Kind == journal.Claimed {
			mine = strings.HasPrefix(e.By, p.executor+"-")
			late = late || called && !mine
		}
		if c, ok := e.Data.(*journal.Call); ok && mine && e.Step == in.Stage && c.Key == in.Key && c.Attempt == in.Attempt {
			called, late = true, false
		}
	}
	return late, err
}

// accuse notes what must not be.
func (p *platform) accuse(in stage.Input, text string) {
	if err := p.note("bad", in, text); err != nil {
		panic(err) // else nobody would hear of it
	}
}

func (p *platform) over() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// sleep takes the time that a stage takes, which is another for each stage.
func (p *platform) sleep(ctx context.Context, in stage.Input) error {
	h := fnv.New32a()
	h.Write([]byte(in.Stage))
	t := time.NewTimer(p.pace/2 + p.pace*time.Duration(h.Sum32()%1000)/1000)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-p.dead:
		return errDead
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A memory is a ledger for processes that are played.
type memory struct {
	mu    sync.Mutex
	books map[string][]line
}

func (m *memory) add(book string, l line) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.books == nil {
		m.books = map[string][]line{}
	}
	m.books[book] = append(m.books[book], l)
	return nil
}

func (m *memory) read(book string) ([]line, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.books[book], nil
}

// anonymous returns a key as it would be of another run.
func anonymous(key, run string) string { return strings.Replace(key, run, "RUN", 1) }
