package kubernetes

import (
	"context"
	"fmt"
	"regexp"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A version is what is cut. Only the first release of a minor version, v1.36.0,
// has pre-releases.
type version struct {
	minor, patch string
	pre          string // alpha, beta or rc; empty if it is no pre-release
}

var versions = regexp.MustCompile(`^v1\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-(alpha|beta|rc)\.(?:0|[1-9][0-9]*))?$`)

func parse(text string) (version, error) {
	m := versions.FindStringSubmatch(text)
	if m == nil || m[2] != "0" && m[3] != "" {
		return version{}, fmt.Errorf("version %q; want one such as v1.36.0-rc.1, v1.36.0 or v1.35.2", text)
	}
	return version{m[1], m[2], m[3]}, nil
}

func alpha(v version) bool     { return v.pre == "alpha" }
func candidate(v version) bool { return v.pre == "rc" }

// rehearsed is all but the patch releases: these are cut so often that they are
// their own rehearsal.
func rehearsed(v version) bool { return v.patch == "0" }

// only returns do for versions of one kind.
func only(name string, is func(version) bool, do pipeline.Step) pipeline.Step {
	return pipeline.When{Name: name, Do: do, If: func(_ context.Context, f pipeline.Facts) (bool, error) {
		v, err := parse(f.Trigger.Params[Version])
		return err == nil && is(v), err
	}}
}

// checked fails if the version is none.
type checked struct{}

func (checked) Describe() string { return "check the version" }

func (checked) Run(_ context.Context, in stage.Input) (stage.Output, error) {
	if _, err := parse(in.Params[Version]); err != nil {
		return stage.Output{}, stage.Failf("%w", err)
	}
	return stage.Output{Summary: in.Params[Version]}, nil
}
