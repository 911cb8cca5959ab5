package pipeline

import (
	"fmt"
	"iter"
	"strconv"
)

// Bounds of a pipeline. What lies beyond them is not walked, so that a walk
// ends even if a Sequence holds itself; Validate refuses it.
const (
	maxSteps  = 100_000 // of every kind, with those in the bodies of ForEach
	maxDepth  = 1_000
	maxNested = 16 // ForEach in ForEach
)

// probe is the item that the body of a ForEach is looked at with.
const probe = "item"

// All yields every step of p with its path, such as "steps[1].do[0]", in the
// order written, parents first. A step that was left nil is yielded too.
//
// The body of a [ForEach] is yielded as it is for the item "item". All goes no
// further into a pipeline than the bounds that [Pipeline.Validate] sets.
func (p Pipeline) All() iter.Seq2[string, Step] {
	return func(yield func(string, Step) bool) {
		o := outlineOf(p.Steps)
		var paths []string // of the steps above, by depth
		for i := range o.places {
			at := &o.places[i]
			path := "steps"
			if at.depth > 0 {
				path = paths[at.depth-1] + o.label(int32(i))
			}
			paths = append(paths[:at.depth], path)
			if !yield(path, at.step) {
				return
			}
		}
	}
}

// Before yields the named steps that have ended well in every run that reaches
// the one with the given name, in the order written. With it a program can
// prove, before running p, that nothing reaches production unapproved.
//
// A [Stage] among them has succeeded and a [Gate] has passed. A [When] or a
// [ForEach] among them is over, though it may have taken nothing. In an
// [OnFailure], what stands before every stage of Of comes before Do.
//
// It yields nothing if there is no such step, or more than one.
func (p Pipeline) Before(name string) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		o := outlineOf(p.Steps)
		c, ok := o.find(name)
		if !ok || o.cut != "" {
			return
		}
		r := newReach(o, c)
		for i := range o.places {
			s := o.places[i].step
			if Name(s) != "" && o.certain(int32(i), c, r.after) && !yield(s) {
				return
			}
		}
	}
}

// An outline is a tree of steps as a list, parents first. Steps are known by
// their index in it.
type outline struct {
	places []place
	wrong  map[int32]error // of a ForEach: why its body cannot be looked at
	cut    string          // why the outline does not have all steps; empty if it does
	cutAt  int32
	loose  []doubt         // see doubts
	orders map[int32]order // see order
}

// A place is where a step stands.
type place struct {
	step   Step
	parent int32 // -1 for the root
	pos    int32 // among the children of parent
	depth  int32
	end    int32 // index after the last step in it
	nested int32 // ForEach steps around it
}

func outlineOf(root Step) *outline {
	o := &outline{}
	type branch struct {
		at   int32
		next int
		kids []Step
	}
	o.add(root, -1, 0)
	stack := []branch{{at: 0, kids: o.children(0)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.kids) || len(o.places) > maxSteps {
			o.places[top.at].end = int32(len(o.places))
			stack = stack[:len(stack)-1]
			continue
		}
		i := o.add(top.kids[top.next], top.at, int32(top.next))
		top.next++
		stack = append(stack, branch{at: i, kids: o.children(i)})
	}
	if len(o.places) > maxSteps {
		o.cut, o.cutAt = fmt.Sprintf("more than %d steps", maxSteps), 0
	}
	return o
}

func (o *outline) add(s Step, parent, pos int32) int32 {
	at := place{step: s, parent: parent, pos: pos}
	if parent >= 0 {
		up := &o.places[parent]
		at.depth, at.nested = up.depth+1, up.nested
		if _, ok := up.step.(ForEach); ok {
			at.nested++
		}
	}
	o.places = append(o.places, at)
	return int32(len(o.places) - 1)
}

// children returns the steps right below the one at i.
func (o *outline) children(i int32) []Step {
	at := &o.places[i]
	if at.depth == maxDepth {
		o.cut, o.cutAt = fmt.Sprintf("nested more than %d deep", maxDepth), i
		return nil
	}
	switch s := at.step.(type) {
	case Sequence:
		return s
	case Parallel:
		return s
	case Graph:
		kids := make([]Step, len(s.Nodes))
		for k, n := range s.Nodes {
			kids[k] = n.Step
		}
		return kids
	case When:
		return []Step{s.Do}
	case ForEach:
		return o.body(i, s)
	case OnFailure:
		return []Step{s.Of, s.Do}
	case Finally:
		return []Step{s.Of, s.Do}
	}
	return nil
}

func (o *outline) body(i int32, s ForEach) []Step {
	if s.Body == nil {
		return nil
	}
	var body Step
	err := fmt.Errorf("ForEach nested more than %d deep", maxNested)
	if o.places[i].nested < maxNested {
		body, err = bodyFor(s, probe)
	}
	if err != nil {
		if o.wrong == nil {
			o.wrong = map[int32]error{}
		}
		o.wrong[i] = err
		return nil
	}
	return []Step{body}
}

// bodyFor calls the body of s. A panic in it is an error.
func bodyFor(s ForEach, item string) (body Step, err error) {
	err = guarded(func() error { body = s.Body(item); return nil })
	return body, err
}

// guarded calls f, which belongs to the user. A panic in it is an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// label returns what the path of a step adds to that of the step above it.
func (o *outline) label(i int32) string {
	at := &o.places[i]
	switch o.places[at.parent].step.(type) {
	case Graph:
		return ".nodes[" + strconv.Itoa(int(at.pos)) + "]"
	case When:
		return ".do"
	case ForEach:
		return ".body"
	case OnFailure, Finally:
		return [...]string{".of", ".do"}[at.pos]
	}
	return "[" + strconv.Itoa(int(at.pos)) + "]"
}

// path returns the path of a step, as All yields it.
func (o *outline) path(i int32) string {
	var labels []string
	n := len("steps")
	for ; i > 0; i = o.places[i].parent {
		labels = append(labels, o.label(i))
		n += len(labels[len(labels)-1])
	}
	path := append(make([]byte, 0, n), "steps"...)
	for k := len(labels) - 1; k >= 0; k-- {
		path = append(path, labels[k]...)
	}
	return string(path)
}

// find returns the one step with the given name.
func (o *outline) find(name string) (at int32, ok bool) {
	for i := range o.places {
		if name == "" || Name(o.places[i].step) != name {
			continue
		}
		if ok {
			return 0, false
		}
		at, ok = int32(i), true
	}
	return at, ok
}

// within reports whether step i is step a or in it.
func (o *outline) within(i, a int32) bool { return a <= i && i < o.places[a].end }
