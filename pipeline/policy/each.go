package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A Where says which environments a rule is for.
type Where func(stage.Environment) bool

// Tier is the environments of a tier. Those that declare none may be of any, so
// they are among them.
func Tier(t stage.Tier) Where {
	return func(e stage.Environment) bool { return e.Tier == t || e.Tier == stage.Undeclared }
}

// Environments is the environments with the given names. Where no stage has one
// of these, perhaps since the name is misspelt, nothing is wanted: see [Some].
func Environments(names ...string) Where {
	return func(e stage.Environment) bool { return slices.Contains(names, e.Name) }
}

// Everywhere is every environment.
func Everywhere(stage.Environment) bool { return true }

// Each is the Rule that each condition holds of each stage in the environments
// that where is true of. It says nothing of stages without an environment; see
// [Some] for a pipeline that may have none of these stages.
//
// Stages in every kind of step count, also those in the Do of a
// [pipeline.OnFailure] or a [pipeline.Finally]. A condition says if it asks
// less of those. The work grows with the number of these stages times that of the
// steps before them.
func Each(where Where, conditions ...Condition) Rule { return each{where, conditions} }

type each struct {
	where      Where
	conditions []Condition
}

// Check implements [Rule].
func (r each) Check(p pipeline.Pipeline) error {
	if r.where == nil || slices.ContainsFunc(r.conditions, isMissing) {
		return broken([]*Violation{{Reason: "a nil among what Each is given; want a Where and conditions"}})
	}
	var found []*Violation
	for _, at := range places(treeOf(p), r.where) {
		for _, c := range r.conditions {
			for _, v := range violations(c.Holds(at)) {
				found = append(found, at.fill(v, c))
			}
		}
	}
	return broken(found)
}

// fill returns v with what it does not say itself.
func (at Place) fill(v *Violation, c Condition) *Violation {
	full := *v
	if full.Rule == "" {
		full.Rule = c.Describe()
	}
	if full.Path == "" {
		full.Path, full.Step, full.Where = at.Path, at.Stage.Name, at.Stage.Environment.Name
	}
	full.Pipeline = at.Pipeline.Name
	return &full
}

// Some is the Rule that there is a stage in the environments that where is true
// of. With it a proof of each of these stages cannot be one of none.
func Some(where Where) Rule {
	return Func(func(p pipeline.Pipeline) error {
		if where == nil {
			return &Violation{Reason: "a nil is what Some is given; want a Where"}
		}
		if len(places(treeOf(p), where)) > 0 {
			return nil
		}
		var there []string
		for _, at := range places(treeOf(p), Everywhere) {
			if e := at.Stage.Environment; !slices.Contains(there, e.Name) {
				there = append(there, e.Name)
			}
		}
		reason := "no stage has an environment"
		if len(there) > 0 {
			reason = fmt.Sprintf("the environments are %s", quoted(there))
		}
		return &Violation{Pipeline: p.Name, Rule: "a stage in one of the environments that the rule is for", Reason: reason}
	})
}

// A Place is a stage of a pipeline, as a [Condition] is asked about it.
type Place struct {
	Pipeline pipeline.Pipeline
	Stage    pipeline.Stage
	Path     string // as All yields it
	WayOut   bool   // the stage is in the Do of an OnFailure or a Finally, where the gates of environments are not asked

	tree *tree
	i    int
}

// Around does what the function Around does, for the way to this stage.
func (at Place) Around(good func(Mark) bool) (Way, bool) { return at.tree.around(at.i, good) }

// places returns the stages in environments that where is true of.
func places(t *tree, where Where) []Place {
	var all []Place
	for i := range t.at {
		if s, ok := t.at[i].step.(pipeline.Stage); ok && s.Environment.Name != "" && where(s.Environment) {
			all = append(all, t.place(i))
		}
	}
	return all
}

// place returns stage i.
func (t *tree) place(i int) Place {
	at := &t.at[i]
	return Place{Pipeline: t.pipeline, Stage: at.step.(pipeline.Stage), Path: at.path, WayOut: at.wayOut, tree: t, i: i}
}

// quoted returns names for a message.
func quoted(names []string) string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(texts, ", ")
}
