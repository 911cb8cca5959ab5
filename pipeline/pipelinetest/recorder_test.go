package pipelinetest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// A recorder is a test that keeps what is reported to it.
type recorder struct {
	testing.TB
	reports []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.reports = append(r.reports, fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.Error(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func (r *recorder) String() string { return strings.Join(r.reports, "\n") }

// tell plays a story that is expected to go wrong, and returns what Run reports
// on it.
func tell(t *testing.T, s pipelinetest.Story) string {
	rec := new(recorder)
	over := make(chan bool)
	go func() {
		defer close(over)
		pipelinetest.RunFor(t, rec, s)
	}()
	<-over
	return rec.String()
}
