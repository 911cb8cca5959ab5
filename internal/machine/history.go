package machine

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A Deployment is what one run made live in an environment.
type Deployment struct {
	Run       string
	Began     time.Time
	Left      time.Time // zero while the run is there
	Artifacts artifact.Set
	Traffic   int // percent that Artifacts got last
	Succeeded bool
}

// kept is how many deployments an Environment remembers at least, and twice as
// many at most, besides those that a way back needs (I21). All of them are in its
// journal.
const kept = 100

// last returns the newest deployment, or nil.
func (e *Environment) last() *Deployment {
	if len(e.History) == 0 {
		return nil
	}
	return &e.History[len(e.History)-1]
}

// remember adds a deployment to History. If it is full the oldest are forgotten
// that are not needed: many at once, for what is needed takes long to find.
func (e *Environment) remember(d Deployment) {
	e.History = append(e.History, d)
	if len(e.History) <= 2*kept {
		return
	}
	old, needed := len(e.History)-kept, e.needed()
	stay := e.History[:0]
	for i, d := range e.History {
		if i >= old || slices.Contains(needed, i) {
			stay = append(stay, d)
		}
	}
	clear(e.History[len(stay):])
	e.History = stay
}

// needed returns the places in History of the deployments that a way back starts
// from or leads to: the newest, that of what is live, the last good one, the one
// before what is live, and the one before that of something else; also what the
// holder found, which it may put back, and the good one before that (E5). There
// may be -1 among them.
func (e *Environment) needed() []int {
	here, found, end := e.present(), e.place(e.origin()), len(e.History)
	all := func(*Deployment) bool { return true }
	other := func(d *Deployment) bool { return len(d.Artifacts) > 0 && !maps.Equal(d.Artifacts, e.Live) }
	return []int{end - 1, here, found, e.good(end, all), e.good(here, all), e.good(here, other), e.good(found, all)}
}

// good returns the place of the last good deployment before another that fits, or
// -1.
func (e *Environment) good(before int, fits func(d *Deployment) bool) int {
	for i := before - 1; i >= 0; i-- {
		if d := &e.History[i]; d.Succeeded && fits(d) {
			return i
		}
	}
	return -1
}

// present returns the place of the deployment that brought what is live, or -1 if
// that is not known.
func (e *Environment) present() int {
	if i := e.place(e.Release); i >= 0 {
		return i
	}
	for i := len(e.History) - 1; i >= 0; i-- {
		if d := &e.History[i]; d.Traffic == 100 && maps.Equal(d.Artifacts, e.Live) {
			return i
		}
	}
	return -1
}

// origin returns the run of which the release was live when the holder came.
func (e *Environment) origin() Visitor {
	if e.Holder.Run == "" {
		return Visitor{}
	}
	return e.found
}

// place returns the place of the newest deployment by a run, or -1.
func (e *Environment) place(by Visitor) int {
	for i := len(e.History) - 1; i >= 0; i-- {
		if e.History[i].Run == by.Run {
			return i
		}
	}
	return -1
}

// wanted yields the deployments that are needed.
func (e *Environment) wanted() iter.Seq[*Deployment] {
	return func(yield func(*Deployment) bool) {
		for _, i := range e.needed() {
			if i >= 0 && !yield(&e.History[i]) {
				return
			}
		}
	}
}

// needs says what a run is to e, if it is anything, so that the name of e can
// follow.
func (e *Environment) needs(run string) string {
	switch {
	case e.Holder.Run == run:
		return "is in"
	case e.waits(run) >= 0:
		return "waits to enter"
	case e.Release.Run == run || e.origin().Run == run:
		return "brought what is live in"
	}
	for d := range e.wanted() {
		if d.Run == run {
			return "deployed what is live, or would be gone back to, in"
		}
	}
	return ""
}

// names reports whether an artifact is live in e or would be gone back to.
func (e *Environment) names(d artifact.Digest) bool {
	if has(e.Live, d) {
		return true
	}
	for w := range e.wanted() {
		if has(w.Artifacts, d) {
			return true
		}
	}
	return false
}

// has reports whether an artifact is in s, under whatever name.
func has(s artifact.Set, d artifact.Digest) bool {
	for _, a := range s {
		if a.Digest == d {
			return true
		}
	}
	return false
}
