package policy_test

import (
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// An oracle goes every way that a run of a small tree can go, one small step
// after another, and knows nothing of how policy finds ways. It follows what is
// said of each kind of step at its type.
type oracle struct {
	steps []pipeline.Step
	up    []int
	in    [][]int
	pos   []int
	after [][]bool // of a node of a Graph: the positions that it comes right after
}

// How far a step is.
const (
	idle byte = iota
	active
	begun   // a stage is under way
	well    // succeeded, passed
	skipped // also lets what follows go on
	bad
	never // will not be reached
)

// A world is how far each step is, and whether the run was canceled. What is
// past of a step: whether a stage was ever begun, and a step ever ended well.
type world struct {
	at       [20]byte
	began    [20]bool
	was      [20]bool
	canceled bool
	retries  int
}

func oracleOf(p pipeline.Pipeline) *oracle {
	o := &oracle{}
	o.add(p.Steps, -1, 0)
	return o
}

func (o *oracle) add(s pipeline.Step, up, pos int) int {
	i := len(o.steps)
	o.steps, o.up, o.pos = append(o.steps, s), append(o.up, up), append(o.pos, pos)
	o.in, o.after = append(o.in, nil), append(o.after, nil)
	var kids []pipeline.Step
	switch s := s.(type) {
	case pipeline.Sequence:
		kids = s
	case pipeline.Parallel:
		kids = s
	case pipeline.Graph:
		for _, n := range s.Nodes {
			kids = append(kids, n.Step)
		}
	case pipeline.When:
		kids = []pipeline.Step{s.Do}
	case pipeline.ForEach:
		kids = []pipeline.Step{s.Body("item")}
	case pipeline.OnFailure:
		kids = []pipeline.Step{s.Of, s.Do}
	case pipeline.Finally:
		kids = []pipeline.Step{s.Of, s.Do}
	}
	for k, kid := range kids {
		c := o.add(kid, i, k)
		o.in[i] = append(o.in[i], c)
		if g, ok := s.(pipeline.Graph); ok {
			o.after[c] = make([]bool, len(g.Nodes))
			for b, n := range g.Nodes {
				o.after[c][b] = slices.Contains(g.Nodes[k].After, n.Name)
			}
		}
	}
	return i
}

func (o *oracle) wayOut(i int) bool {
	for ; i > 0; i = o.up[i] {
		switch o.steps[o.up[i]].(type) {
		case pipeline.OnFailure, pipeline.Finally:
			if o.pos[i] == 1 {
				return true
			}
		}
	}
	return false
}

// explore calls reached with each world in which a named step has just been
// reached: a stage, just before it is begun.
func (o *oracle) explore(retries int, reached func(i int, w world)) {
	var w world
	w.retries = retries
	o.enter(&w, 0)
	seen := map[world]bool{}
	for todo := []world{w}; len(todo) > 0; {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[w] {
			continue
		}
		seen[w] = true
		for i := range o.steps {
			if w.at[i] == active && pipeline.Name(o.steps[i]) != "" && o.atStart(&w, i) {
				reached(i, w)
			}
		}
		todo = append(todo, o.next(w)...)
	}
}

// atStart reports whether a step was reached and has done nothing yet.
func (o *oracle) atStart(w *world, i int) bool {
	return len(o.in[i]) == 0 || w.at[o.in[i][0]] == idle
}

// next returns the worlds that can come right after w.
func (o *oracle) next(w world) []world {
	var all []world
	then := func(f func(w *world)) {
		c := w
		f(&c)
		all = append(all, c)
	}
	if !w.canceled {
		then(func(w *world) { w.canceled = true; o.cancel(w) })
	}
	for i, s := range o.steps {
		end := func(how byte) { then(func(w *world) { o.end(w, i, how) }) }
		switch s := s.(type) {
		case pipeline.Stage:
			if w.at[i] == active {
				then(func(w *world) { w.at[i], w.began[i] = begun, true })
				end(bad)
			}
			if w.at[i] == begun {
				end(well)
				end(bad)
			}
		case pipeline.Gate:
			if w.at[i] == active {
				end(well)
				end(bad)
				if s.OnReject == pipeline.Skip {
					end(skipped)
				}
			}
		case pipeline.When, pipeline.ForEach:
			if w.at[i] == active && o.atStart(&w, i) {
				end(skipped)
				then(func(w *world) { o.enter(w, o.in[i][0]) })
			}
		}
		if w.at[i] == bad && w.retries > 0 && !w.canceled && len(o.in[i]) == 0 && o.quiet(&w, i) {
			then(func(w *world) { w.retries--; o.retry(w, i) })
		}
	}
	return all
}

// enter reaches step i.
func (o *oracle) enter(w *world, i int) {
	w.at[i] = active
	if w.canceled && !o.wayOut(i) && (len(o.in[i]) == 0 || pipeline.Name(o.steps[i]) != "") {
		o.end(w, i, bad)
		return
	}
	switch o.steps[i].(type) {
	case pipeline.Sequence:
		o.enter(w, o.in[i][0])
	case pipeline.OnFailure, pipeline.Finally:
		if w.canceled && !o.wayOut(i) {
			w.at[o.in[i][1]] = never
		}
		o.enter(w, o.in[i][0])
	case pipeline.Parallel, pipeline.Graph:
		o.offer(w, i)
	}
}

// offer begins what can be begun of a group, and ends the group if all has ended.
func (o *oracle) offer(w *world, i int) {
	for again := true; again; {
		again = false
		for _, c := range o.in[i] {
			if w.at[c] != idle {
				continue
			}
			ready, how := true, idle
			for b, before := range o.in[i] {
				if o.after[c] == nil || !o.after[c][b] {
					continue
				}
				_, isGate := o.steps[before].(pipeline.Gate)
				switch st := w.at[before]; {
				case st == bad || st == never:
					how = never
				case st == skipped && (isGate || !o.entered(w, before)):
					how = max(how, skipped)
				case st != well && st != skipped:
					ready = false
				}
			}
			switch {
			case how != idle:
				w.at[c], again = how, true
			case ready:
				if o.enter(w, c); w.at[i] != active {
					return
				}
				again = true
			}
		}
	}
	worst := well
	for _, c := range o.in[i] {
		switch w.at[c] {
		case bad, never:
			worst = bad
		case well, skipped:
		default:
			return
		}
	}
	o.end(w, i, worst)
}

// entered reports whether a skipped step is one that was taken, not one that
// comes after a gate that was skipped. Only Whens and loops end skipped then.
func (o *oracle) entered(w *world, i int) bool {
	return w.was[i] || len(o.in[i]) > 0 && slices.ContainsFunc(o.in[i], func(c int) bool { return w.at[c] != idle })
}

// end ends step i and tells the one it is in.
func (o *oracle) end(w *world, i int, how byte) {
	w.at[i] = how
	_, isGate := o.steps[i].(pipeline.Gate)
	if how == well || how == skipped && !isGate {
		w.was[i] = true
	}
	up := o.up[i]
	if up < 0 || w.at[up] != active {
		return
	}
	ok := how == well || how == skipped
	switch o.steps[up].(type) {
	case pipeline.Sequence:
		switch {
		case !ok || how == skipped && isGate || o.pos[i] == len(o.in[up])-1:
			if ok && !(how == skipped && isGate) {
				how = well
			}
			o.end(w, up, how)
		default:
			o.enter(w, o.in[up][o.pos[i]+1])
		}
	case pipeline.Parallel, pipeline.Graph:
		o.offer(w, up)
	case pipeline.When, pipeline.ForEach:
		if ok {
			how = well
		}
		o.end(w, up, how)
	case pipeline.OnFailure:
		if o.pos[i] == 0 && !ok && o.works(w, i) && w.at[o.in[up][1]] != never {
			o.enter(w, o.in[up][1])
			return
		}
		o.end(w, up, w.at[o.in[up][0]])
	case pipeline.Finally:
		if o.pos[i] == 0 && w.at[o.in[up][1]] != never {
			o.enter(w, o.in[up][1])
			return
		}
		if of := w.at[o.in[up][0]]; of == bad || ok {
			how = of
		}
		o.end(w, up, how)
	}
}

// works reports whether a stage in step i was begun.
func (o *oracle) works(w *world, i int) bool {
	if _, ok := o.steps[i].(pipeline.Stage); ok {
		return w.began[i]
	}
	return slices.ContainsFunc(o.in[i], func(c int) bool { return o.works(w, c) })
}

// cancel ends what waits; what is under way ends by itself.
func (o *oracle) cancel(w *world) {
	for i := range o.steps {
		waits := len(o.in[i]) == 0 || pipeline.Name(o.steps[i]) != "" && o.atStart(w, i)
		if w.at[i] == active && waits && !o.wayOut(i) {
			o.end(w, i, bad)
		}
	}
}

// quiet reports whether step i may be done anew: nothing that comes after it, or
// the way out of it, is under way.
func (o *oracle) quiet(w *world, i int) bool {
	for c, up := i, o.up[i]; up >= 0; c, up = up, o.up[up] {
		for _, other := range o.in[up] {
			if o.comesAfter(other, c) && (w.at[other] == active || w.at[other] == begun) {
				return false
			}
		}
	}
	return true
}

// comesAfter reports whether, of two steps in one, a is taken after b.
func (o *oracle) comesAfter(a, b int) bool {
	switch o.steps[o.up[a]].(type) {
	case pipeline.Sequence, pipeline.OnFailure, pipeline.Finally:
		return o.pos[a] > o.pos[b]
	case pipeline.Graph:
		for k, c := range o.in[o.up[a]] {
			if o.after[a][k] && (c == b || o.comesAfter(c, b)) {
				return true
			}
		}
	}
	return false
}

// retry does step i anew, and reaches anew what comes after it.
func (o *oracle) retry(w *world, i int) {
	for c, up := i, o.up[i]; up >= 0; c, up = up, o.up[up] {
		for _, other := range o.in[up] {
			if other != c && (o.comesAfter(other, c) || w.at[other] == never) {
				o.reset(w, other)
			}
		}
		w.at[up] = active
	}
	o.enter(w, i)
}

func (o *oracle) reset(w *world, i int) {
	w.at[i] = idle
	for _, c := range o.in[i] {
		o.reset(w, c)
	}
}
