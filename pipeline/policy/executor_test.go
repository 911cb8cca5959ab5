package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// TestAnExecutorStartsNothingThatBreaksAPolicy checks that policies hold when an
// Executor starts, for one pipeline and across all.
func TestAnExecutorStartsNothingThatBreaksAPolicy(t *testing.T) {
	approved := policy.Each(policy.Tier(stage.Production), policy.Approved{})
	open := shop(deploy(production, "deploy"))
	for _, c := range []struct {
		name     string
		x        *pipeline.Executor
		violated bool
	}{
		{"a pipeline without the approval", &pipeline.Executor{Pipelines: []pipeline.Pipeline{open}, Policies: []pipeline.Policy{approved}}, true},
		{"a former definition without it, which runs may drain under", &pipeline.Executor{Former: []pipeline.Pipeline{open}, Policies: []pipeline.Policy{approved}}, true},
		{"another policy", &pipeline.Executor{Pipelines: []pipeline.Pipeline{open}, Policies: []pipeline.Policy{policy.LockOrder{}}}, false},
		{"pipelines that enter environments in opposite order", &pipeline.Executor{
			Pipelines: []pipeline.Pipeline{
				{Name: "one", Given: image, Steps: pipeline.Sequence{in(staging, "a"), in(production, "b"), in(staging, "c")}},
				{Name: "two", Given: image, Steps: pipeline.Sequence{in(production, "d"), in(staging, "e"), in(production, "f")}},
			},
			Policies: []pipeline.Policy{policy.LockOrder{}},
		}, true},
		{"a rule on every environment", &pipeline.Executor{Pipelines: []pipeline.Pipeline{open}, Policies: []pipeline.Policy{policy.Each(policy.Everywhere, policy.Baked{For: time.Hour})}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.x.Run(t.Context(), "none")
			var v *policy.Violation
			if got := errors.As(err, &v); got != c.violated {
				t.Errorf("a method of the Executor = %v; want a violation: %v", err, c.violated)
			}
			if c.violated && !strings.HasPrefix(err.Error(), "pipeline \"") && !strings.HasPrefix(err.Error(), "the pipelines together") {
				t.Errorf("a method of the Executor = %q; want it to say first which pipeline breaks a policy", err)
			}
		})
	}
}
