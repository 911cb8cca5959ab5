package spinnaker

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/penstock/penstock/stage"
)

func TestOnlyAScoreThatIsThereAndHighEnoughPasses(t *testing.T) {
	away := errors.New("the judge is away")
	for _, tt := range []struct {
		name   string
		sample stage.Sample
		err    error
		want   string
	}{
		{"at the threshold", stage.Sample{Value: 95, Count: 1}, nil, "passes"},
		{"below it", stage.Sample{Value: 94.99, Count: 1}, nil, "fails"},
		{"no number", stage.Sample{Value: math.NaN(), Count: 1}, nil, "fails"},
		{"made of nothing", stage.Sample{Value: 100}, nil, "asks"},
		{"not to be had", stage.Sample{}, away, "could not be done"},
	} {
		judge := stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return tt.sample, tt.err })
		out, err := final{judge}.Run(t.Context(), stage.Input{})
		got := "passes"
		switch no := new(stage.Failure); {
		case errors.As(err, &no):
			got = "fails"
		case err != nil:
			got = "could not be done"
		case out.Ask != "":
			got = "asks"
		}
		if got != tt.want {
			t.Errorf("a score %s %s; want that it %s", tt.name, got, tt.want)
		}
	}
}
