package octopus

import (
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/gatetest"
)

// asks is what a gate is asked about a version on its way to an environment.
func asks(version, environment string) gate.Request {
	return gate.Request{
		Environment: environment,
		Params:      map[string]string{Version: version},
		Artifacts:   artifact.Set{"image": release(version)},
		Now:         on(2, 9),
	}
}

func TestGatesAnswerFromTheRecords(t *testing.T) {
	ever := time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	b := &books{
		passed: map[string]bool{
			"test-2" + release("1.4.2").Digest.String():  true,
			"staging" + release("1.4.3").Digest.String(): true,
		},
		defects: []defect{{"D-1", "1.4.3", time.Time{}, ever}, {"D-2", "1.4.3-bugfix-login", time.Time{}, ever}},
	}
	phase := tested{b, 1, []string{"test-1", "test-2"}}
	for _, tt := range []struct {
		name string
		gate gate.Gate
		req  gate.Request
		want gate.Verdict
		why  string
	}{
		{"tested in one of two", phase, asks("1.4.2", "staging"), gate.Passed, "tested in test-2"},
		{"tested in none", phase, asks("1.4.3", "staging"), gate.Waiting, "tested in 0 of test-1, test-2; want 1"},
		{"no defect", unblocked{b, nil}, asks("1.4.2", "staging"), gate.Passed, "no defect is open"},
		{"a defect, and a new phase", unblocked{b, hotfix}, asks("1.4.3", "production"), gate.Waiting, "D-1 blocks it"},
		{"a defect, where it was good", unblocked{b, nil}, asks("1.4.3", "staging"), gate.Passed, "D-1 does not block staging, where it was good"},
		{"a defect of a hotfix in its first phase", unblocked{b, hotfix}, asks("1.4.3-bugfix-login", "staging"), gate.Passed, "D-2 does not block the first phase"},
		{"a defect of a hotfix in its second", unblocked{b, nil}, asks("1.4.3-bugfix-login", "production"), gate.Waiting, "D-2 blocks it"},
	} {
		if got := gatetest.Run(t, tt.gate, tt.req)[0]; got.Verdict != tt.want || got.Reason != tt.why {
			t.Errorf("%s: %v (%s); want %v (%s)", tt.name, got.Verdict, got.Reason, tt.want, tt.why)
		}
	}
}
