package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// Flow is the Rule that there are steps with these names, and that each consumes,
// or decides on, just the artifacts listed: what is deployed, watched and put
// back is the release that was built and approved, and nothing else.
type Flow map[string][]string

// Check implements [Rule].
func (r Flow) Check(p pipeline.Pipeline) error {
	t := treeOf(p)
	var found []*Violation
	for _, name := range slices.Sorted(maps.Keys(r)) {
		v, i := t.one(name)
		if i < 0 {
			found = append(found, v)
			continue
		}
		verb, got := "consumes", []string(nil)
		switch s := t.at[i].step.(type) {
		case pipeline.Stage:
			got = s.Consumes
		case pipeline.Gate:
			verb, got = "decides on", s.Subject
		}
		if len(lacking(r[name], got)) > 0 || len(lacking(got, r[name])) > 0 {
			v.Rule, v.Reason = listed(r[name]), "it "+verb+" "+listed(got)
			found = append(found, v)
		}
	}
	return broken(found)
}

// listed returns names for a message, or that there are none.
func listed(names []string) string {
	if len(names) == 0 {
		return "no artifacts"
	}
	return quoted(names)
}

// Acts is the Rule that there are stages with these names, and that each acts in
// the environment that it is listed for; those listed for "" act in none. The keys
// are names of environments, unlike those of [Flow] and [Says]:
//
//	policy.Acts{"staging": {"deploy", "smoke"}, "production": {"release"}, "": {"build"}}
type Acts map[string][]string

// Check implements [Rule].
func (r Acts) Check(p pipeline.Pipeline) error {
	t := treeOf(p)
	var found []*Violation
	for _, env := range slices.Sorted(maps.Keys(r)) {
		for _, name := range r[env] {
			v, i := t.one(name)
			if i >= 0 && v.Where == env {
				continue
			}
			if i >= 0 {
				v.Rule = "no environment"
				if env != "" {
					v.Rule = fmt.Sprintf("it in %q", env)
				}
			}
			found = append(found, v)
		}
	}
	return broken(found)
}

// Placed is the Rule that every stage that consumes something names an
// environment. One that does not is in no rule for [Each] stage of an environment,
// and holds no lock.
type Placed struct {
	But []string // names of the stages that act nowhere, such as one that signs what it consumes
}

// Check implements [Rule].
func (r Placed) Check(p pipeline.Pipeline) error {
	var found []*Violation
	for path, s := range p.All() {
		if s, ok := s.(pipeline.Stage); ok && len(s.Consumes) > 0 && s.Environment.Name == "" && !slices.Contains(r.But, s.Name) {
			found = append(found, &Violation{Pipeline: p.Name, Path: path, Step: s.Name, Rule: "an environment", Reason: "it consumes " + listed(s.Consumes) + ", and names none"})
		}
	}
	return broken(found)
}
