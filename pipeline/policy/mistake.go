package policy

import "slices"

// Missing stands for a condition that is nil. It does not hold, and neither does
// what it is a part of: not even that it does not hold.
type missing struct{}

func (missing) Describe() string { return "a Condition" }

func (c missing) Holds(at Place) error { return c.mistake(at) }

func (missing) mistake(Place) error {
	return &Violation{Rule: missing{}.Describe(), Reason: "it is nil"}
}

// given returns conditions with each nil among them replaced.
func given(conditions []Condition) []Condition {
	all := slices.Clone(conditions)
	for i, c := range all {
		if c == nil {
			all[i] = missing{}
		}
	}
	return all
}

// isMissing reports whether c is nil or has one in it that is.
func isMissing(c Condition) bool {
	return slices.ContainsFunc(leaves(c), func(leaf Condition) bool { return leaf == nil || leaf == missing{} })
}

// leaves returns the conditions that c is made of, however deep: c itself, if it is
// made of none.
func leaves(c Condition) []Condition {
	var parts []Condition
	switch c := c.(type) {
	case all:
		parts = c
	case anyOf:
		parts = c
	case not:
		parts = []Condition{c.c}
	default:
		return []Condition{c}
	}
	var found []Condition
	for _, part := range parts {
		found = append(found, leaves(part)...)
	}
	return found
}

// mistake returns why c cannot be asked about a stage, nil if it can: what it is
// made of is nil, or names a step that is not there. Neither c nor its opposite
// holds then.
func mistake(at Place, c Condition) error {
	var found []*Violation
	for _, leaf := range leaves(c) {
		if leaf, ok := leaf.(interface{ mistake(Place) error }); ok {
			found = append(found, violations(leaf.mistake(at))...)
		}
	}
	return broken(found)
}
