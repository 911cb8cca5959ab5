package pipeline

import (
	"maps"
	"slices"
	"strconv"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// definitionForm begins what is hashed. It changes when what follows it does.
const definitionForm = "penstock definition 1"

// Digest returns one digest for the definition of p. A run records the one it
// began with, and does not go on by itself under another.
//
// Two pipelines have the same Digest only if they agree in
//
//   - names, kinds and order of the steps, with After, Max and FailFast;
//   - artifacts and values that flow: Given, Produces, Consumes, Subject, Gives, Takes;
//   - environments, each with all of its fields;
//   - what becomes of a gate that does not pass, and when: OnReject, Expires,
//     OnExpire, and Within of a [Finally];
//   - the text of Describe() string of each hook and gate, or its type if it
//     has none.
//
// So to edit the body of a hook is no other definition, and neither is another
// Timeout, Retry, Group or Unknown. The order in which a step lists names does
// not count. A ForEach is seen as it is for the item "item", and a When or a
// ForEach by its name, whatever its functions do.
//
// It is the same in each process and on each machine.
func (p Pipeline) Digest() artifact.Digest {
	d := &digester{environments: map[string]stage.Environment{}}
	d.text(definitionForm, p.Name)
	d.set(p.Given)
	o := outlineOf(p.Steps)
	for i := range o.places {
		d.number(int64(o.places[i].depth))
		d.step(o.places[i].step)
	}
	for _, name := range slices.Sorted(maps.Keys(d.environments)) {
		d.environment(d.environments[name])
	}
	return artifact.DigestBytes(d.form)
}

// A digester writes a definition so that different ones never look alike: each
// text has its length before it, and each list its number of entries.
type digester struct {
	form         []byte
	environments map[string]stage.Environment // by name
}

func (d *digester) number(n int64) { d.form = append(strconv.AppendInt(d.form, n, 10), ' ') }

func (d *digester) text(texts ...string) {
	for _, s := range texts {
		d.number(int64(len(s)))
		d.form = append(d.form, s...)
	}
}

func (d *digester) list(texts []string) {
	d.number(int64(len(texts)))
	d.text(texts...)
}

// set writes names of which the order does not count.
func (d *digester) set(names []string) { d.list(slices.Sorted(slices.Values(names))) }

func (d *digester) flag(b bool) {
	if b {
		d.number(1)
	} else {
		d.number(0)
	}
}

func (d *digester) step(s Step) {
	d.text(kindOf(s), Name(s))
	switch s := s.(type) {
	case Stage:
		d.text(describe(s.Run))
		d.at(s.Environment)
		for _, names := range [][]string{s.Consumes, s.Produces, s.Takes, s.Gives} {
			d.set(names)
		}
	case Gate:
		d.list(describeGate(s.Require))
		d.at(s.Environment)
		d.set(s.Subject)
		d.set(s.Takes)
		d.number(int64(s.OnReject))
		d.number(int64(s.Expires))
		d.number(int64(s.OnExpire))
	case Graph:
		d.number(int64(s.Max))
		d.flag(s.FailFast)
		d.number(int64(len(s.Nodes)))
		for _, n := range s.Nodes {
			d.text(n.name())
			d.set(n.After)
		}
	case ForEach:
		d.number(int64(s.Max))
	case Finally:
		d.number(int64(s.Within))
	}
}

// at writes the name of an environment, which is written in full once.
func (d *digester) at(e stage.Environment) {
	d.text(e.Name)
	if _, ok := d.environments[e.Name]; !ok && !isZero(e) {
		d.environments[e.Name] = e
	}
}

func (d *digester) environment(e stage.Environment) {
	d.text(e.Name)
	d.number(int64(e.Tier))
	d.number(int64(e.Queue))
	d.flag(e.Shared)
	d.number(int64(len(e.Gates)))
	for _, g := range e.Gates {
		d.list(describeGate(g))
	}
	d.number(int64(len(e.Config)))
	for _, key := range slices.Sorted(maps.Keys(e.Config)) {
		d.text(key, e.Config[key])
	}
}

// describe returns what a hook says of itself. Validate refuses one that
// panics.
func describe(hook any) (text string) {
	if guarded(func() error { text = stage.Describe(hook); return nil }) != nil {
		return ""
	}
	return text
}

// describeGate returns what a gate and its parts say of themselves.
func describeGate(g gate.Gate) []string {
	var texts []string
	for part := range gate.Walk(g) {
		texts = append(texts, describe(part))
	}
	return texts
}
