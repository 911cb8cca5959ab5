package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// A Violation is one place where a pipeline breaks a [Rule].
type Violation struct {
	Rule     string // what was wanted, such as "a bake of 1h0m0s"
	Pipeline string
	Path     string // of the step, as All yields it, such as "steps[1].do"; empty if it is about the whole
	Step     string // name of the step; empty if it has none
	Where    string // environment of the step; empty if it has none
	Reason   string // what is there instead, in one clause; may be empty
	Way      Way    // that shows it; nil if it can be seen without one
	Err      error  // what a rule of yours returned, if that was no Violation
}

// Unwrap returns v.Err.
func (v *Violation) Unwrap() error { return v.Err }

// Error returns what was wanted where, and, on a line of its own, the way that
// shows that it is not so.
func (v *Violation) Error() string {
	var b strings.Builder
	if v.Path != "" {
		b.WriteString(v.Path + ": ")
	}
	if v.Step != "" {
		fmt.Fprintf(&b, "%q", v.Step)
		if v.Where != "" {
			fmt.Fprintf(&b, " in %q", v.Where)
		}
		b.WriteString(": ")
	}
	switch {
	case v.Rule == "":
		b.WriteString(v.Reason)
	case v.Reason == "":
		b.WriteString("want " + v.Rule)
	default:
		b.WriteString("want " + v.Rule + "; " + v.Reason)
	}
	if len(v.Way) > 0 {
		b.WriteString("\n\tway: " + v.Way.String())
	}
	return b.String()
}

// violations returns the violations that err is made of, in order. What is
// none is made one.
func violations(err error) []*Violation {
	var many *multierror.Error
	if errors.As(err, &many) {
		var all []*Violation
		for _, e := range many.Errors {
			all = append(all, violations(e)...)
		}
		return all
	}
	if v := (*Violation)(nil); errors.As(err, &v) {
		return []*Violation{v}
	}
	if err == nil {
		return nil
	}
	return []*Violation{{Reason: err.Error(), Err: err}}
}

// broken returns an error of the violations, or nil if there are none.
func broken(found []*Violation) error {
	if len(found) == 0 {
		return nil
	}
	all := &multierror.Error{ErrorFormat: list}
	for _, v := range found {
		all.Errors = append(all.Errors, v)
	}
	return all
}

// list prints violations for people, under the name of the pipeline that each is
// in.
func list(errs []error) string {
	var b strings.Builder
	for k := 0; k < len(errs); {
		name := errs[k].(*Violation).Pipeline
		end := k
		for end < len(errs) && errs[end].(*Violation).Pipeline == name {
			end++
		}
		if k > 0 {
			b.WriteString("\n")
		}
		b.WriteString(heading(name, end-k))
		for _, err := range errs[k:end] {
			b.WriteString("\n\t" + strings.ReplaceAll(err.Error(), "\n", "\n\t"))
		}
		k = end
	}
	return b.String()
}

func heading(pipeline string, n int) string {
	count := "a policy"
	if n > 1 {
		count = fmt.Sprintf("policies in %d places", n)
	}
	if pipeline == "" {
		return "the pipelines together break " + count + ":"
	}
	return fmt.Sprintf("pipeline %q breaks %s:", pipeline, count)
}
