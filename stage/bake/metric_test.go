package bake_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// TestWatchSaysHowBadItIs has a person read it: six digits, but never so few that
// what missed the bound seems to keep it.
func TestWatchSaysHowBadItIs(t *testing.T) {
	most := bake.AtMost(0.1)
	for _, tt := range []struct {
		value float64
		bound bake.Bound
		want  string
	}{
		{0.3, most, "error rate is 0.3; want at most 0.1 ("},
		{3. / 11, most, "error rate is 0.272727; want at most 0.1 ("},
		{0.1000000001, most, "error rate is 0.1000000001; want at most 0.1 ("},
		{3. / 11, most.TimesBaseline(0), "error rate is 0.272727 beside a baseline of 0.272727; want at most 0.1 × baseline ("},
	} {
		synctest.Test(t, func(t *testing.T) {
			same := stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) {
				return stage.Sample{Value: tt.value, Count: 11}, nil
			})
			p := &play{
				watch: bake.Watch{For: time.Minute, Metrics: []bake.Metric{{Name: "error rate", Source: same, Want: tt.bound}}},
				in:    stage.Input{Artifacts: v2, Previous: v1},
			}
			if _, err := p.until(t, time.Time{}); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("verdict on %v is %v; want %q", tt.value, err, tt.want)
			}
		})
	}
}
