package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// root returns the world in which the runs have begun and nobody has noticed.
func (p plot) root(f flaw) *world {
	d := pipeline.Pipeline{Name: names[0], Steps: p.steps}
	all := []*definition{{d, d.Digest(), d.Program()}}
	s := scenario{Processes: 2, Runs: p.runs, Careful: true}
	luck := new(luck)
	w := worldOf(s, [len(names)][]*definition{all, all}, luck)
	w.luck, w.disk.flaw = luck, f
	for _, run := range w.runs {
		a := &act{w: w, kind: journal.Began, who: "eve", run: run, id: run, step: d.Name}
		a.start()
		w.now = w.now.Add(time.Second)
	}
	for k, wish := range p.acts {
		a := &act{w: w, id: wish.id, who: wish.who, kind: wish.kind, run: w.runs[wish.run], step: wish.step}
		if a.id == "" {
			a.id = fmt.Sprint("act-", k)
		}
		if wish.via >= 0 {
			a.via = w.procs[wish.via]
		}
		w.pending = append(w.pending, a)
	}
	return w
}

// A search visits all that can come of a plot, the shortest ways first. States
// that go on in the same way are one.
type search struct {
	plot        plot
	left        bounds
	flaw        flaw // of the store
	most        int  // states
	known       map[uint64]int32
	from        []way
	onward      [][2]int32 // from which state to which, by what nothing slows down
	ends        []int32
	transitions int
	depth       int
}

// A way is how a state was first come to.
type way struct {
	state int32
	move  uint8 // place among those of state
}

// A place is a state that is to be gone on from.
type place struct {
	id   int32
	w    *world
	left bounds
}

// run returns what is broken, told as a sequence, or "".
func (s *search) run() (broken string) {
	s.known, s.from = map[uint64]int32{}, []way{{-1, 0}}
	w := s.plot.root(s.flaw)
	s.known[s.hash(w, s.left)] = 0
	for level := []place{{0, w, s.left}}; len(level) > 0; s.depth++ {
		var next []place
		for k := range level {
			more, broken := s.visit(level[k])
			if broken != "" {
				return broken
			}
			next = append(next, more...)
			level[k].w = nil
		}
		if len(s.from) > s.most {
			return fmt.Sprintf("%d states, and more to come; want the bound exhausted", len(s.from))
		}
		level = next
	}
	return s.stuck()
}

func (s *search) hash(w *world, left bounds) uint64 {
	return machine.Mix(w.state(), uint64(left.lapses)<<16|uint64(left.deaths)<<8|uint64(left.breaks), 31)
}

// visit goes on from a state in every way, and returns the states that are new.
func (s *search) visit(at place) (next []place, broken string) {
	moves := at.w.moves(at.left)
	goes := false
	for k, m := range moves {
		left := at.left.less(at.w, m)
		w := at.w.fork(m.place, m.person)
		w.move(m)
		s.transitions++
		if w.failure != nil {
			return nil, s.tell(at.id, k)
		}
		h := s.hash(w, left)
		id, known := s.known[h]
		if !known {
			id = int32(len(s.from))
			s.known[h] = id
			s.from = append(s.from, way{at.id, uint8(k)})
			next = append(next, place{id, w, left})
		}
		if left == at.left {
			goes = true
			s.onward = append(s.onward, [2]int32{at.id, id})
		}
	}
	if !goes {
		s.ends = append(s.ends, at.id)
		if at.w.rest(); at.w.failure != nil {
			return nil, s.tell(at.id, -1)
		}
	}
	return next, ""
}

// rest holds that where nothing goes on by itself each run has ended, or says what
// it waits for, and that what was acknowledged is recorded (I1, I2, I23).
func (w *world) rest() {
	w.kept()
	if w.ended() {
		w.freed()
	} else if !w.parked() || !w.asked() {
		w.fail("I2, I23: nothing goes on by itself, and nobody is asked: %s", w.stands())
	}
}

// asked reports whether a run waits for a person.
func (w *world) asked() bool {
	for _, run := range w.runs {
		for v := range w.audit.runs[run].m.Views() {
			if v.For == "approval" || v.For == "hold" {
				return true
			}
		}
	}
	return false
}

// stuck returns how to come to a state from which nothing leads to an end, if
// nothing slows things down any more, or "" (I23).
func (s *search) stuck() string {
	back := make([][]int32, len(s.from))
	for _, e := range s.onward {
		back[e[1]] = append(back[e[1]], e[0])
	}
	ends := make([]bool, len(s.from))
	todo := s.ends
	for _, id := range todo {
		ends[id] = true
	}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, b := range back[id] {
			if !ends[b] {
				ends[b] = true
				todo = append(todo, b)
			}
		}
	}
	for id, ok := range ends {
		if !ok {
			return "I23: nothing leads to an end from here:\n" + s.tell(int32(id), -1)
		}
	}
	return ""
}

// tell goes the way to a state again, and from there by the given move if it is not
// negative, and returns what happens.
func (s *search) tell(id int32, last int) string {
	var moves []int
	if last >= 0 {
		moves = append(moves, last)
	}
	for ; s.from[id].state >= 0; id = s.from[id].state {
		moves = append(moves, int(s.from[id].move))
	}
	w, left := s.plot.root(s.flaw), s.left
	w.lines = new(strings.Builder)
	for k := len(moves) - 1; k >= 0; k-- {
		m := w.moves(left)[moves[k]]
		left = left.less(w, m)
		w = w.fork(m.place, m.person)
		w.move(m)
	}
	if last < 0 && w.failure == nil && len(w.moves(bounds{})) == 0 {
		w.rest()
	}
	return fmt.Sprintf("%v, after %d moves:\n%s", w.failure, len(moves), w.lines)
}
