package kubernetes

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

func TestTheVersionSelectsTheLane(t *testing.T) {
	for _, tt := range []struct {
		version, begin string
		takes, leaves  []string
	}{
		{"v1.36.0-alpha.1", "2026-10-06 09:00", []string{"before-code-freeze", "mock-release"}, []string{"in-test-freeze"}},
		{"v1.36.0-beta.0", "2026-11-10 09:00", []string{"mock-release"}, []string{"before-code-freeze", "in-test-freeze"}},
		{"v1.36.0-rc.0", "2026-11-17 09:00", []string{"in-test-freeze", "mock-release"}, []string{"before-code-freeze"}},
		{"v1.36.0", "2026-12-08 09:00", []string{"mock-release"}, []string{"before-code-freeze", "in-test-freeze"}},
		{"v1.35.2", "2026-11-17 09:00", nil, []string{"before-code-freeze", "in-test-freeze", "signal", "mock-stage", "mock-release"}},
	} {
		t.Run(tt.version, func(t *testing.T) {
			s := cut(t, new(github), tt.version)
			s.Begin = at(t, tt.begin)
			r1 := pipelinetest.Run(t, s).Run("r1")
			r1.Want(pipeline.Succeeded)
			r1.Reached(append(tt.takes, "nomock-stage", "verify", "nomock-release", "announce")...)
			r1.Never(tt.leaves...)
		})
	}
}

func TestWhatIsNoVersionIsNotCut(t *testing.T) {
	for _, text := range []string{"", "1.36.0", "v1.36", "v2.0.0", "v1.36.0-rc", "v1.36.0-gamma.1", "v1.35.2-rc.1", "v1.36.01", "v1.36.0 "} {
		got := pipelinetest.Run(t, story(t, new(github), cuts("r1", text)))
		r1 := got.Run("r1")
		r1.Want(pipeline.Failed)
		r1.Never("rehearsed", "nomock-stage")
		if !strings.Contains(r1.Reason, "want one such as v1.36.0-rc.1") {
			t.Errorf("version %q failed: %s; want to be told what a version is", text, r1.Reason)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"v1.36.0", "v1.36.0-rc.1", "v1.35.2", "v1.0.0-alpha.0", "v1.35.2-rc.1", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parse(text)
		if err != nil {
			if v != (version{}) {
				t.Errorf("parse(%q) = %v, %v; want no version beside an error", text, v, err)
			}
			return
		}
		if !strings.HasPrefix(text, "v1."+v.minor+"."+v.patch) {
			t.Errorf("parse(%q) = %v; want what is there", text, v)
		}
		if (v.pre != "") != strings.Contains(text, "-") || v.pre != "" && !rehearsed(v) {
			t.Errorf("parse(%q) = %v; want a pre-release to be rehearsed", text, v)
		}
	})
}
