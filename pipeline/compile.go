package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/stage"
)

// compile returns the program of p, which must be valid.
func (p Pipeline) compile(definition artifact.Digest) *machine.Program {
	return machine.Build(p.Name, definition, func(b *machine.Builder) {
		compile(b, -1, p.Steps, "")
	})
}

// compile adds s below parent. Suffix is put after the names of steps: "[item]"
// in the body of a ForEach.
func compile(b *machine.Builder, parent int32, s Step, suffix string) {
	switch s := s.(type) {
	case Stage:
		compileStage(b, parent, &s, suffix)
	case Gate:
		b.Add(parent, machine.Node{
			Kind: machine.Gate, Name: s.Name + suffix, Step: &s,
			Environment: s.Environment.Name, Consumes: s.Subject, Takes: s.Takes,
			OnReject: machine.Otherwise(s.OnReject), OnExpire: machine.Otherwise(s.OnExpire), Expires: s.Expires,
		})
	case Sequence:
		at := b.Add(parent, machine.Node{Kind: machine.Sequence})
		for _, c := range s {
			compile(b, at, c, suffix)
		}
	case Parallel:
		at := b.Add(parent, machine.Node{Kind: machine.Group})
		for _, c := range s {
			compile(b, at, c, suffix)
		}
	case Graph:
		compileGraph(b, parent, s, suffix)
	case When:
		at := b.Add(parent, machine.Node{Kind: machine.When, Name: s.Name + suffix, Step: &s})
		compile(b, at, s.Do, suffix)
	case ForEach:
		compileForEach(b, parent, &s, suffix)
	case OnFailure:
		at := b.Add(parent, machine.Node{Kind: machine.OnFailure})
		compile(b, at, s.Of, suffix)
		compile(b, at, s.Do, suffix)
	case Finally:
		within := s.Within
		if within <= 0 {
			within = time.Hour
		}
		at := b.Add(parent, machine.Node{Kind: machine.Finally, Within: within})
		compile(b, at, s.Of, suffix)
		compile(b, at, s.Do, suffix)
	default:
		panic(fmt.Sprintf("pipeline: compile of a %T, which Validate refuses", s))
	}
}

func compileStage(b *machine.Builder, parent int32, s *Stage, suffix string) {
	_, observes := s.Run.(stage.Observer)
	b.Add(parent, machine.Node{
		Kind: machine.Stage, Name: s.Name + suffix, Step: s,
		Environment: s.Environment.Name,
		Exclusive:   s.Environment.Name != "" && !s.Environment.Shared,
		Guarded:     len(s.Environment.Gates) > 0 && !stage.Watches(s.Run),
		Newest:      s.Environment.Queue == stage.Newest,
		Consumes:    s.Consumes, Produces: s.Produces, Takes: s.Takes, Gives: s.Gives,
		Timeout:   s.Timeout,
		Retry:     machine.Retry(s.Retry),
		Observes:  observes,
		AskPerson: s.Unknown == AskPerson,
	})
}

func compileGraph(b *machine.Builder, parent int32, g Graph, suffix string) {
	n := machine.Node{Kind: machine.Group, Max: g.Max, FailFast: g.FailFast}
	at := make(map[string]int32, len(g.Nodes))
	for i, c := range g.Nodes {
		at[c.name()] = int32(i)
	}
	n.After, n.Needs = make([][]int32, len(g.Nodes)), make([]int32, len(g.Nodes))
	for i, c := range g.Nodes {
		n.Needs[i] = int32(len(c.After))
		for _, name := range c.After {
			n.After[at[name]] = append(n.After[at[name]], int32(i))
		}
	}
	self := b.Add(parent, n)
	for _, c := range g.Nodes {
		compile(b, self, c.Step, suffix)
	}
}

func compileForEach(b *machine.Builder, parent int32, s *ForEach, suffix string) {
	at := b.Add(parent, machine.Node{
		Kind: machine.ForEach, Name: s.Name + suffix, Step: s, Max: s.Max,
		Expand: func(b *machine.Builder, parent int32, item string) error {
			body, err := bodyOf(s, item)
			if err != nil {
				return err
			}
			compile(b, parent, body, suffix+"["+item+"]")
			return nil
		},
	})
	if body, err := bodyOf(s, probe); err == nil {
		for _, c := range (Pipeline{Steps: Sequence{body}}).All() {
			if st, ok := c.(Stage); ok && st.Environment.Name != "" && !st.Environment.Shared {
				b.Uses(at, st.Environment.Name)
			}
		}
	}
}

// checkItems reports whether a body can be made for each item, with the same
// steps as for any other: what was proved of one holds for all.
func (s *ForEach) checkItems(items []string) error {
	want, err := s.outline(probe)
	if err != nil {
		return err
	}
	for _, item := range items {
		got, err := s.outline(item)
		if err != nil {
			return fmt.Errorf("item %q: %w", item, err)
		}
		if got != want {
			return fmt.Errorf("item %q: the body of %q has other steps than it has for %q; want the same", item, s.Name, probe)
		}
	}
	return nil
}

// outline returns the kinds and names of the steps of the body.
func (s *ForEach) outline(item string) (string, error) {
	body, err := bodyOf(s, item)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for path, c := range (Pipeline{Steps: Sequence{body}}).All() {
		fmt.Fprintf(&b, "%s %T %s\n", path, c, Name(c))
	}
	return b.String(), nil
}

// bodyOf returns the steps for one item. To have none is an error.
func bodyOf(s *ForEach, item string) (Step, error) {
	body, err := bodyFor(*s, item)
	if err == nil && body == nil {
		err = errors.New("the body is nil")
	}
	return body, err
}
