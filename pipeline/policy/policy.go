package policy

import (
	"errors"

	"github.com/penstock/penstock/pipeline"
)

// A Rule is what a pipeline has to keep. Rules are values: make them once, and
// prove them of every pipeline, in a test and when the program starts.
//
// Check returns nil if p keeps the rule. The errors of the rules here are each a
// *multierror.Error of [*Violation] values, in the order of the steps.
type Rule interface {
	Check(p pipeline.Pipeline) error
}

// A Whole is a Rule about several pipelines that are run beside each other. Its
// Check is its CheckAll of one.
type Whole interface {
	Rule
	CheckAll(all []pipeline.Pipeline) error
}

// Rules is the Rule to keep each one of some rules.
type Rules []Rule

// Check implements [Rule]. All that is broken is reported.
func (r Rules) Check(p pipeline.Pipeline) error { return r.CheckAll([]pipeline.Pipeline{p}) }

// CheckAll implements [Whole].
func (r Rules) CheckAll(all []pipeline.Pipeline) error {
	var found []*Violation
	single, whole := r.sorted()
	for _, p := range all {
		for _, rule := range single {
			for _, v := range violations(rule.Check(p)) {
				found = append(found, named(v, p))
			}
		}
	}
	for _, rule := range whole {
		found = append(found, violations(rule.CheckAll(all))...)
	}
	return broken(found)
}

// sorted returns the rules about one pipeline, and those about several.
func (r Rules) sorted() (single []Rule, whole []Whole) {
	for _, rule := range r {
		switch rule := rule.(type) {
		case nil:
			single = append(single, Func(nil))
		case Rules:
			s, w := rule.sorted()
			single, whole = append(single, s...), append(whole, w...)
		case Whole:
			whole = append(whole, rule)
		default:
			single = append(single, rule)
		}
	}
	return single, whole
}

// named returns v with the name of the pipeline, if it does not say one.
func named(v *Violation, p pipeline.Pipeline) *Violation {
	if v.Pipeline != "" {
		return v
	}
	c := *v
	c.Pipeline = p.Name
	return &c
}

// Func adapts an ordinary function to a Rule. See [Around] for what it may want
// to ask.
type Func func(p pipeline.Pipeline) error

// Check calls f. A nil Func is kept by no pipeline.
func (f Func) Check(p pipeline.Pipeline) error {
	if f == nil {
		return errors.New("a rule that is nil; want a Rule")
	}
	return f(p)
}

// Require returns nil if p is valid and keeps every rule. Else it reports all
// that is broken, with a way through the pipeline that shows it:
//
//	func TestNothingReachesProductionUnapproved(t *testing.T) {
//		if err := policy.Require(delivery(), policy.Each(policy.Tier(stage.Production), policy.Approved{Need: 2})); err != nil {
//			t.Error(err)
//		}
//	}
//
// Of a pipeline with mistakes it returns what [pipeline.Pipeline.Validate] says:
// nothing can be proved of it.
func Require(p pipeline.Pipeline, rules ...Rule) error {
	return RequireAll([]pipeline.Pipeline{p}, rules...)
}

// RequireAll does what Require does for pipelines that are run beside each
// other. A [Whole] among the rules is asked about all of them at once.
func RequireAll(all []pipeline.Pipeline, rules ...Rule) error {
	var invalid []error
	for _, p := range all {
		if err := p.Validate(); err != nil {
			invalid = append(invalid, err)
		}
	}
	switch len(invalid) {
	case 0:
		return Rules(rules).CheckAll(all)
	case 1:
		return invalid[0]
	}
	return errors.Join(invalid...)
}
