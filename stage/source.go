package stage

import (
	"context"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A Source measures what serves: an error rate, a latency, a number of orders.
// Implement it to teach a bake where metrics are.
//
// Sample returns the value of the metric over the time and the artifacts that
// q names. A Source that only knows the present value returns that. An error
// means that it could not be measured; so does the zero Sample, for it is made
// of nothing. What could not be measured never counts as good.
//
// Sample should return soon after ctx is done. It may be called from several
// goroutines at once, and must not change what q holds. A Source may have
// Check() error and Describe() string as a [Runner] may.
type Source interface {
	Sample(ctx context.Context, q Query) (Sample, error)
}

// SourceFunc adapts an ordinary function to a [Source].
type SourceFunc func(ctx context.Context, q Query) (Sample, error)

// Sample calls f.
func (f SourceFunc) Sample(ctx context.Context, q Query) (Sample, error) { return f(ctx, q) }

// A Query is one request to a [Source].
type Query struct {
	Input     Input        // of the stage that asks, with Environment and Secret
	Artifacts artifact.Set // whose metric: the release under watch, or the one to compare it with
	From, To  time.Time    // what to measure, from From up to but not including To
}

// A Sample is what a [Source] measured.
type Sample struct {
	Value float64 // in the unit of the Source
	Count int     // of measurements behind Value, such as requests; 0 means that there was no data
}
