package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/suggest"
)

// maxName is the bound of a name, in bytes.
const maxName = 128

// A Mistake is one thing that is wrong with a [Pipeline].
type Mistake struct {
	Path string // of the step, as All yields it, such as "steps[1].do"; or a field of the Pipeline
	Step string // name of the step; empty if it has none
	Err  error  // what is wrong, and what would be right
}

// Error returns the path and what is wrong there.
func (m *Mistake) Error() string { return m.Path + ": " + m.Err.Error() }

// Unwrap returns m.Err. It leads to what a hook's Check() error returned.
func (m *Mistake) Unwrap() error { return m.Err }

// Validate reports every mistake in p that can be seen without running it, in
// the order of the steps. It returns nil or an error that prints one line for
// each and leads [errors.As] to a [*Mistake].
//
// It asks Check() error of each hook and gate that has it, and calls each Body
// of a [ForEach] for made-up items. A panic in one of these is a mistake too.
//
// A pipeline has at most 100,000 steps, nested at most 1,000 deep; a name at
// most 128 bytes.
func (p Pipeline) Validate() error {
	c := &checker{outline: outlineOf(p.Steps), pipeline: p}
	c.self()
	if c.cut != "" {
		c.addf(c.cutAt, "%s; does a step hold itself?", c.cut)
		return c.err()
	}
	c.names()
	for i := range c.places {
		c.step(int32(i))
	}
	c.environments()
	c.together()
	c.flow(artifactFlow)
	c.flow(valueFlow)
	return c.err()
}

// A checker gathers the mistakes in a pipeline.
type checker struct {
	*outline
	suggest.Hinter
	pipeline Pipeline
	found    []found
}

type found struct {
	at int32 // -1 for the Pipeline itself
	m  *Mistake
}

func (c *checker) addf(at int32, format string, args ...any) {
	s, err := c.places[at].step, fmt.Errorf(format, args...)
	if who := kindOf(s); who != "" {
		if name := Name(s); name != "" {
			who = fmt.Sprintf("%s %.*q", who, maxName+10, name)
		}
		err = fmt.Errorf("%s: %w", who, err)
	}
	c.found = append(c.found, found{at, &Mistake{c.path(at), Name(s), err}})
}

// selff adds a mistake in a field of the Pipeline.
func (c *checker) selff(field, format string, args ...any) {
	c.found = append(c.found, found{-1, &Mistake{field, "", fmt.Errorf(format, args...)}})
}

// err returns the mistakes found, in the order of the tree.
func (c *checker) err() error {
	if len(c.found) == 0 {
		return nil
	}
	slices.SortStableFunc(c.found, func(a, b found) int { return cmp.Compare(a.at, b.at) })
	all := &multierror.Error{Errors: make([]error, len(c.found))}
	for i, f := range c.found {
		all.Errors[i] = f.m
	}
	name := c.pipeline.Name
	all.ErrorFormat = func(errs []error) string { return list(name, errs) }
	return all
}

// list prints mistakes for people.
func list(pipeline string, errs []error) string {
	var b strings.Builder
	count := "a mistake"
	if len(errs) > 1 {
		count = fmt.Sprintf("%d mistakes", len(errs))
	}
	fmt.Fprintf(&b, "pipeline %.*q has %s:", maxName+10, pipeline, count)
	for _, err := range errs {
		b.WriteString("\n\t" + strings.ReplaceAll(err.Error(), "\n", "\n\t\t"))
	}
	return b.String()
}

// self checks the fields of the Pipeline.
func (c *checker) self() {
	if problem := nameProblem(c.pipeline.Name); problem != "" {
		c.selff("name", "%s", problem)
	}
	for i, name := range c.pipeline.Given {
		field := fmt.Sprintf("given[%d]", i)
		if err := (artifact.Artifact{Name: name}).Check(); err != nil {
			c.selff(field, "%w", err)
		} else if first := slices.Index(c.pipeline.Given, name); first < i {
			c.selff(field, "artifact %q is listed at given[%d] already", name, first)
		}
	}
	if len(c.pipeline.Steps) == 0 {
		c.selff("steps", "no steps; want at least one")
	}
}

// names checks the names of steps.
func (c *checker) names() {
	taken := map[string]int32{}
	for i := range c.places {
		s, at := c.places[i].step, int32(i)
		switch s.(type) {
		case Stage, Gate, When, ForEach:
		default:
			continue
		}
		name := Name(s)
		if problem := nameProblem(name); problem != "" {
			c.addf(at, "%s", problem)
			continue
		}
		if first, dup := taken[name]; dup {
			c.addf(at, "name is taken by %s; it is the key of the step's record, so it has to be unique in the pipeline", c.path(first))
			continue
		}
		taken[name] = at
	}
}

// nameProblem says what is wrong with the name of a pipeline, a step or a node.
func nameProblem(name string) string {
	const want = "want lower-case words joined by hyphens"
	switch {
	case name == "":
		return "no name; " + want
	case len(name) > maxName:
		return fmt.Sprintf("name of %d bytes; want at most %d", len(name), maxName)
	}
	word := false // the byte before is part of a word
	for k := range len(name) {
		c := name[k]
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && (c != '-' || !word) {
			return fmt.Sprintf("name %q: %s", name, want)
		}
		word = letter
	}
	if !word {
		return fmt.Sprintf("name %q: %s", name, want)
	}
	return ""
}

// kindOf returns the word for a step in messages, or "" if its kind is not known.
func kindOf(s Step) string {
	switch s.(type) {
	case Stage:
		return "stage"
	case Gate:
		return "gate"
	case Sequence:
		return "Sequence"
	case Parallel:
		return "Parallel"
	case Graph:
		return "Graph"
	case When:
		return "When"
	case ForEach:
		return "ForEach"
	case OnFailure:
		return "OnFailure"
	case Finally:
		return "Finally"
	}
	return ""
}

// duration checks a field that may be zero but not negative.
func (c *checker) duration(at int32, field string, d time.Duration) {
	if d < 0 {
		c.addf(at, "%s of %v; want 0 or more", field, d)
	}
}

// number does the same.
func (c *checker) number(at int32, field string, n int) {
	if n < 0 {
		c.addf(at, "%s of %d; want 0 or more", field, n)
	}
}

// hook adds what a check of a hook returned.
func (c *checker) hook(at int32, field string, check func() error) {
	if err := guarded(check); err != nil {
		c.addf(at, "%s: %w", field, err)
	}
}
