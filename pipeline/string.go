package pipeline

import (
	"fmt"
	"strings"
)

// String returns p on one line, such as
//
//	shop: build → (unit ∥ lint) → ⟨release⟩ → [deploy ⤺ roll-back]
//
// A gate stands in ⟨⟩, a Sequence is joined by →, a Parallel by ∥. A Graph is
// {build, unit ← build}; a When is its name with ? and what it takes; a ForEach
// its name with * and its body; an OnFailure is [of ⤺ do], a Finally [of ⇥ do].
func (p Pipeline) String() string {
	d := drawing{outline: outlineOf(p.Steps)}
	d.WriteString(p.Name + ": ")
	d.join(0, " → ")
	if d.cut != "" {
		d.WriteString(" …")
	}
	return d.Builder.String()
}

type drawing struct {
	*outline
	strings.Builder
}

func (d *drawing) join(i int32, separator string) {
	for k, c := range d.kids(i) {
		if k > 0 {
			d.WriteString(separator)
		}
		d.step(c)
	}
}

// wrapped draws the children of i between open and shut.
func (d *drawing) wrapped(i int32, open, separator, shut string) {
	d.WriteString(open)
	d.join(i, separator)
	d.WriteString(shut)
}

// step draws the step at i. The outline bounds how deep that goes.
func (d *drawing) step(i int32) {
	switch s := d.places[i].step.(type) {
	case nil:
		d.WriteString("nil")
	case Gate:
		d.WriteString("⟨" + s.Name + "⟩")
	case Sequence:
		d.wrapped(i, "(", " → ", ")")
	case Parallel:
		d.wrapped(i, "(", " ∥ ", ")")
	case Graph:
		d.graph(i, s)
	case When:
		d.wrapped(i, s.Name+"?", "", "")
	case ForEach:
		d.wrapped(i, s.Name+"*", "", "")
	case OnFailure:
		d.wrapped(i, "[", " ⤺ ", "]")
	case Finally:
		d.wrapped(i, "[", " ⇥ ", "]")
	case Stage:
		d.WriteString(s.Name)
	default:
		fmt.Fprintf(d, "%T", s)
	}
}

func (d *drawing) graph(i int32, g Graph) {
	d.WriteString("{")
	for k, c := range d.kids(i) {
		n := g.Nodes[k]
		if k > 0 {
			d.WriteString(", ")
		}
		if n.Name != "" && n.Name != Name(n.Step) {
			d.WriteString(n.Name + "=")
		}
		d.step(c)
		if len(n.After) > 0 {
			d.WriteString(" ← " + strings.Join(n.After, " "))
		}
	}
	d.WriteString("}")
}
