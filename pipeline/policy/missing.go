package policy

import "slices"

// Missing stands for a condition that is nil. It does not hold, and neither does
// what it is a part of: not even that it does not hold.
type missing struct{}

func (missing) Describe() string { return "a Condition" }

func (missing) Holds(Place) error {
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
	switch c := c.(type) {
	case nil, missing:
		return true
	case all:
		return slices.ContainsFunc(c, isMissing)
	case anyOf:
		return slices.ContainsFunc(c, isMissing)
	case not:
		return isMissing(c.c)
	}
	return false
}
